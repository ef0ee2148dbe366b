// Pure: Cambodian telephone numbers in a text, in Latin or Khmer digits. Messages from the service have their numbers.
// Comments from Facebook do not.

import { folded } from "./search.js";

const NUMBER = /(?<!\d)(?:\+?855[\s.-]?|0)\(?(\d{2})\)?[\s.-]?(\d{3})[\s.-]?(\d{3,4})(?!\d)/g;
const LONGEST = 4_000; // characters that are looked at

/** Returns the numbers as E.164, each once. */
export function numbersIn(text) {
  const found = folded(text.slice(0, LONGEST)).matchAll(NUMBER);
  return [...new Set([...found].map(([, operator, first, last]) => `+855${operator}${first}${last}`))];
}
