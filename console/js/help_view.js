// The keys of the console, on a sheet.

import { sheet } from "./parts.js";
import { h } from "./view.js";
import { t } from "./words.js";

const KEYS = {
  "/": "help.search",
  J: "help.next",
  K: "help.before",
  N: "help.unread",
  D: "help.done",
  U: "help.mark_unread",
  "↑ ↓": "help.arrows",
  Enter: "help.enter",
  Esc: "help.escape",
  "?": "help.help",
};

export function helpSheet(app, _, close) {
  return sheet(
    app,
    "help",
    "info",
    t("help.title"),
    close,
    h(
      "dl",
      { class: "help-keys" },
      Object.entries(KEYS).map(([key, words]) =>
        h("div", { key }, h("dt", {}, h("kbd", { class: "help-key" }, key)), h("dd", {}, t(words))),
      ),
    ),
  );
}
