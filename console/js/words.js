// The page's words, in one file per language. A value replaces `{name}`. Plural forms follow the language's own rules.

export const LANGUAGES = ["en", "km"];
const KHMER_DIGITS = "០១២៣៤៥៦៧៨៩";

let language = "en";
let numerals = ""; // `khmer`; else Latin numerals, which telephones in Cambodia also show
let words = {};
let rules;

/** Show the page in another language from now on. */
export async function speak(wanted, base) {
  const answer = await fetch(`${base}/words/${wanted}.json`);
  words = await answer.json();
  language = wanted;
  rules = undefined;
  document.documentElement.lang = wanted;
}

export const spoken = () => language;

/** Returns a value that changes with the language and with the numerals. */
export const spelling = () => `${language} ${numerals}`;

/** Returns the words for a key. `values.n` chooses among plural forms. Numbers are in the reader's numerals. */
export function t(key, values = {}) {
  const found = words[key];
  const text = typeof found === "object" ? (found[plural(values.n)] ?? found.other) : found;
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (_, name) => written(values[name]));
}

export const has = (key) => key in words;

/** With `khmer`, write numbers in Khmer numerals from now on if the language is Khmer. Otherwise use Latin numerals. */
export function useNumerals(wanted) {
  numerals = wanted;
}

/** Returns a value as text. A number gets the numerals of the reader's choice. */
export function written(value) {
  if (typeof value !== "number") return String(value ?? "");
  if (language !== "km" || numerals !== "khmer") return String(value);
  return String(value).replace(/\d/g, (digit) => KHMER_DIGITS[digit]);
}

// Many browsers have no Khmer dates, so the names of days and months are in the files of words, for every language.
export const clockTime = (moment) => t("date.clock", parts(moment));
export const dayOf = (moment) => t("date.day", parts(moment));
export const shortDay = (moment) => t("date.short", parts(moment));
export const dateTime = (moment) => t("date.both", parts(moment));

function parts(moment) {
  const at = new Date(moment);
  const two = (number) => written(number).padStart(2, written(0));
  return {
    hour: two(at.getHours()),
    minute: two(at.getMinutes()),
    weekday: t(`weekday.${at.getDay()}`),
    day: at.getDate(),
    month: t(`month.${at.getMonth() + 1}`),
    year: at.getFullYear(),
  };
}

function plural(n) {
  rules ??= new Intl.PluralRules(language);
  return typeof n === "number" ? rules.select(n) : "other";
}
