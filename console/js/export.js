// Exports all stored data of the shop as a file of the chosen kind.

import { csv, ndjson, page } from "./copies.js";
import { begun } from "./inbox_state.js";
import { nameOf } from "./parts.js";
import { dateTime, spoken, t } from "./words.js";

const FORMS = { ndjson, csv, page };

/** Returns the file's content and the ending of its name. Throws a `Problem` if the copy is not complete. */
export async function copyOfEverything({ api, app, form, onProgress }) {
  const made = FORMS[form];
  const words = wordsOf(app);
  const parts = [made.begin(words)];
  let size = 0; // characters
  for await (const one of api.export()) {
    const line = made.line(one, words);
    if (line) parts.push(line);
    size += line.length;
    onProgress(size);
  }
  parts.push(made.end());
  return { blob: new Blob(parts, { type: made.kind }), ending: made.ending };
}

function wordsOf(app) {
  return {
    language: spoken(),
    title: `${app.state.session.shop} · Page Inbox`,
    about: t("export.page.about", { when: dateTime(app.clock.now()) }),
    columns: ["when", "who", "text", "numbers"].map((one) => t(`export.page.${one}`)),
    when: (message) => dateTime(Date.parse(message.sent_at ?? message.received_at)),
    who: (message) => (message.direction === "out" ? t("export.page.shop") : nameOf(app, begun(message))),
  };
}
