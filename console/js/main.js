// Where the page begins: its words, who is signed in, and the first picture of it.
import { createApp } from "./app.js";
import { LANGUAGES, speak } from "./words.js";

const told = (name) => document.querySelector(`meta[name="page-inbox-${name}"]`).content;
const base = told("base");
const wanted = document.documentElement.lang;

await speak(LANGUAGES.includes(wanted) ? wanted : "en", base);
createApp({ root: document.getElementById("app"), base, sources: told("pictures").split(" ") }).begin();
