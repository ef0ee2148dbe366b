// Pure: telephone numbers as people write them, and the Cambodian numbers in a text, in Latin or Khmer digits. Messages
// from the service have their numbers. Comments from Facebook do not.

import { folded } from "./search.js";

const NUMBER = /(?<!\d)(?:\+?855[\s.-]?|0)\(?(\d{2})\)?[\s.-]?(\d{3})[\s.-]?(\d{3,4})(?!\d)/g;
const LONGEST = 4_000; // characters of a text that are searched

/** Returns the numbers as E.164, each once. */
export function numbersIn(text) {
  const found = folded(text.slice(0, LONGEST)).matchAll(NUMBER);
  return [...new Set([...found].map(([, operator, first, last]) => `+855${operator}${first}${last}`))];
}

/** Returns the groups of a Cambodian number, 12 345 678. Another country's grouping is not known. */
const groupsOf = (number) => /^\+855(\d\d)(\d{3})(\d{3,4})$/.exec(number)?.slice(1).join(" ");

/** Returns a number with its country, +855 12 345 678, or unchanged. */
export function grouped(number) {
  const groups = groupsOf(number);
  return groups ? `+855 ${groups}` : number;
}

/** Returns a number as people dial it in Cambodia, 012 345 678, or unchanged. */
export function localNumber(number) {
  const groups = groupsOf(number);
  return groups ? `0${groups}` : number;
}
