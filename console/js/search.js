// Pure: finds loaded conversations by name, text or telephone number.

import { attachmentsOf } from "./attachments.js";

const ZERO_WIDTH = /[\u200b-\u200d\u2060\ufeff]/g;

const LONGEST = 4000; // characters of a text that are compared, as the service does
// Only some marks in a row are compared. Normalization sorts them, in a time that grows with the square of their
// number.
const LONG_MARKS = /(\p{M}{30})\p{M}+/gu;

/** Returns the form in which texts are compared: small letters, Latin digits, no invisible characters. */
export function folded(text) {
  return text
    .slice(0, LONGEST)
    .replace(LONG_MARKS, "$1")
    .normalize("NFC")
    .toLowerCase()
    .replace(ZERO_WIDTH, "")
    .replace(/[\u17e0-\u17e9]/g, (digit) => String(digit.charCodeAt(0) - 0x17e0));
}

/** Prepares the typed text for `finds`. A number is compared by its digits, in any grouping. */
export function question(typed) {
  const words = folded(typed).trim();
  const number = /^[\d\s()+.-]{3,}$/.test(words) ? digits(words) : "";
  return { words, number: number.replace(/^(855|0)/, "") };
}

/** Whether one of the texts matches. */
export const finds = (asked, texts) => findsFolded(asked, texts.map(folded));

/** Whether one of the texts that `folded` has prepared matches. */
export function findsFolded(asked, texts) {
  if (!asked.words) return true;
  const byNumber = asked.number.length > 2;
  return texts.some((text) => text.includes(asked.words) || (byNumber && digits(text).includes(asked.number)));
}

/** Returns the texts by which a message can be found. */
export function textsOf(message) {
  return [
    message.text,
    message.postback?.title,
    ...(message.phone_numbers ?? []),
    ...attachmentsOf(message).map((one) => one.title),
  ].filter((text) => typeof text === "string");
}

const digits = (text) => text.replace(/\D/g, "");
