// The start of the page: loads its words and the signed-in session, and draws the page for the first time.
import { createApp } from "./app.js";
import { preference } from "./preferences.js";
import { LANGUAGES, speak, useNumerals } from "./words.js";

const meta = (name) => document.querySelector(`meta[name="page-inbox-${name}"]`).content;
const list = (name) => meta(name).split(" ").filter(Boolean);
const base = meta("base");
const wanted = document.documentElement.lang;

useNumerals(preference("numerals"));
await speak(LANGUAGES.includes(wanted) ? wanted : "en", base);
createApp({
  root: document.getElementById("app"),
  base,
  sources: list("pictures"),
  partners: list("partners"),
}).begin();
