// Search and filters above the list.

import { icon } from "./parts.js";
import { h } from "./view.js";
import { t } from "./words.js";

const DIRECTIONS = ["", "in", "out"];
const HAS = ["", "phone", "photo", "location", "audio", "file"];

function chip(app, picture, words, on, press) {
  const onclick = () => {
    app.rowWindow.toBeginning();
    press();
  };
  const props = { type: "button", class: "chip-button", "aria-pressed": String(on), onclick };
  return h("button", props, icon(app, picture), t(words));
}

export function filters(app) {
  const { state } = app;
  const pages = [...new Set([...state.inbox.conversations.values()].map((one) => one.page_id))].sort();
  const choosePage = (event) => {
    state.page = event.target.value;
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
        oninput: (event) => {
          app.rowWindow.toBeginning();
          app.serverSearch.type(event.target.value);
        },
        onkeydown: (event) => {
          if (event.key === "Enter" && !event.isComposing && state.search) app.serverSearch.words();
        },
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
      chip(app, "check", "mark.open", state.notDone, () => {
        state.notDone = !state.notDone;
        app.changed();
      }),
      chip(app, "clock", "tonight", app.serverSearch.isTonight(), app.serverSearch.tonight),
      h(
        "select",
        {
          class: "select",
          "aria-label": t("has"),
          value: state.searched?.query.has ?? "",
          onchange: (event) => {
            app.rowWindow.toBeginning();
            app.serverSearch.has(event.target.value);
          },
        },
        HAS.map((one) => h("option", { key: one, value: one }, t(one ? `has.${one}` : "has"))),
      ),
      pages.length > 1 &&
        h(
          "select",
          { class: "select", "aria-label": t("page"), value: state.page, onchange: choosePage },
          h("option", { value: "" }, t("page.all")),
          pages.map((one) => h("option", { key: one, value: one }, app.pageName(one))),
        ),
    ),
  );
}
