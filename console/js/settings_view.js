// What a reader chooses for this browser.

import { icon } from "./parts.js";
import { choose, preference } from "./preferences.js";
import { h } from "./view.js";
import { spoken, t, useNumerals } from "./words.js";

export function settings(app) {
  return h(
    "section",
    { key: "settings", class: "card choices" },
    h("h2", {}, icon(app, "settings"), t("settings.title")),
    h("p", { class: "soft" }, t("settings.about")),
    spoken() === "km" && numerals(app),
  );
}

function numerals(app) {
  return setting(
    "numerals",
    h(
      "select",
      {
        id: "numerals",
        class: "select",
        value: preference("numerals"),
        onchange: (event) => {
          choose("numerals", event.target.value);
          useNumerals(event.target.value);
          app.changed();
        },
      },
      h("option", { value: "" }, t("settings.numerals.latin")),
      h("option", { value: "khmer" }, t("settings.numerals.khmer")),
    ),
  );
}

function setting(name, field) {
  return h("p", { class: "setting" }, h("label", { for: name }, t(`settings.${name}`)), field);
}
