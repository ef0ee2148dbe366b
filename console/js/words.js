// The page's words: one file a language, `{name}` for what is filled in, plural forms by the language's own rules.

export const LANGUAGES = ["en", "km"];
const KHMER_DIGITS = "០១២៣៤៥៦៧៨៩";
const LOCALES = { en: "en-GB", km: "km-KH-u-nu-khmr" };

let language = "en";
let words = {};
let formats = {};

/** Speak another language from now on. */
export async function speak(wanted, base) {
  const answer = await fetch(`${base}/words/${wanted}.json`);
  words = await answer.json();
  language = wanted;
  formats = {};
  document.documentElement.lang = wanted;
}

export const spoken = () => language;

/** The words for a key. `values.n` chooses among plural forms; numbers are written in the language's digits. */
export function t(key, values = {}) {
  const found = words[key];
  const text = typeof found === "object" ? (found[plural(values.n)] ?? found.other) : found;
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (_, name) => written(values[name]));
}

export const has = (key) => key in words;

/** A number in the language's digits. */
export function written(value) {
  if (typeof value !== "number") return String(value ?? "");
  return language === "km" ? String(value).replace(/\d/g, (digit) => KHMER_DIGITS[digit]) : String(value);
}

export const clockTime = (moment) => format("clock", { hour: "numeric", minute: "2-digit" }).format(moment);
export const dayOf = (moment) =>
  format("day", { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(moment);
export const shortDay = (moment) => format("short", { day: "numeric", month: "short" }).format(moment);
export const dateTime = (moment) =>
  format("both", { day: "numeric", month: "short", year: "numeric", hour: "numeric", minute: "2-digit" }).format(moment);

function format(name, options) {
  formats[name] ??= new Intl.DateTimeFormat(LOCALES[language], options);
  return formats[name];
}

function plural(n) {
  formats.plural ??= new Intl.PluralRules(language);
  return typeof n === "number" ? formats.plural.select(n) : "other";
}
