// Search and filters above the list.

import { icon } from "./parts.js";
import { h } from "./view.js";
import { t } from "./words.js";

const DIRECTIONS = ["", "in", "out"];

export function filters(app) {
  const { state } = app;
  const pages = [...new Set([...state.inbox.conversations.values()].map((one) => one.page_id))].sort();
  const choose = (name) => (event) => {
    state[name] = event.target.value;
    app.rowWindow.toBeginning();
    app.changed();
  };
  return h(
    "div",
    { class: "filters" },
    h(
      "div",
      { class: "search" },
      icon(app, "search"),
      h("input", {
        id: "search",
        type: "search",
        value: state.search,
        placeholder: t("search.placeholder"),
        "aria-label": t("search"),
        autocomplete: "off",
        "aria-keyshortcuts": "/",
        oninput: choose("search"),
      }),
      h("kbd", { class: "key", "aria-hidden": "true" }, "/"),
    ),
    h(
      "div",
      { class: "filter-row" },
      h(
        "div",
        { class: "segments", role: "group", "aria-label": t("direction") },
        DIRECTIONS.map((one) =>
          h(
            "button",
            {
              key: one,
              type: "button",
              class: "segment",
              "aria-pressed": String(state.direction === one),
              onclick: () => {
                state.direction = one;
                app.rowWindow.toBeginning();
                app.changed();
              },
            },
            t(`direction.${one || "all"}`),
          ),
        ),
      ),
      h(
        "button",
        {
          type: "button",
          class: "chip-button",
          "aria-pressed": String(state.tonight !== null),
          onclick: () => {
            app.rowWindow.toBeginning();
            app.tonight.toggle();
          },
        },
        icon(app, "clock"),
        t("tonight"),
      ),
      pages.length > 1 &&
        h(
          "select",
          { class: "select", "aria-label": t("page"), value: state.page, onchange: choose("page") },
          h("option", { value: "" }, t("page.all")),
          pages.map((one) => h("option", { key: one, value: one }, app.pageName(one))),
        ),
    ),
  );
}
