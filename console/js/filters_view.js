// Search and filters above the list.

import { button, choice, icon, segments } from "./parts.js";
import { h } from "./view.js";
import { t } from "./words.js";

const DIRECTIONS = ["", "in", "out"];
const HAS = ["", "phone", "photo", "location", "audio", "file"];

export function filters(app) {
  const { state } = app;
  const pages = [...new Set([...state.inbox.conversations.values()].map((one) => one.page_id))].sort();
  /** Returns a handler that changes a filter and shows the new list from its beginning. */
  const withNewList = (change) => (value) => {
    app.rowWindow.toBeginning();
    change(value);
    app.changed();
  };
  const chip = (picture, words, on, change) =>
    button(app, picture, t(words), withNewList(change), { class: "chip-button", "aria-pressed": String(on) });
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
        oninput: withNewList((event) => app.serverSearch.type(event.target.value)),
        onkeydown: (event) => {
          if (event.key === "Enter" && !event.isComposing && state.search) app.serverSearch.words();
        },
      }),
      h("kbd", { class: "key", "aria-hidden": "true" }, "/"),
    ),
    h(
      "div",
      { class: "filter-row" },
      segments(
        app,
        t("direction"),
        DIRECTIONS.map((one) => [one, t(`direction.${one || "all"}`)]),
        state.direction,
        withNewList((one) => (state.direction = one)),
      ),
      chip("check", "mark.open", state.notDone, () => (state.notDone = !state.notDone)),
      chip("clock", "tonight", app.serverSearch.isTonight(), app.serverSearch.tonight),
      choice(
        t("has"),
        HAS.map((one) => [one, t(`has.${one || "any"}`)]),
        state.searched?.query.has ?? "",
        withNewList(app.serverSearch.has),
      ),
      pages.length > 1 &&
        choice(
          t("page"),
          [["", t("page.all")], ...pages.map((one) => [one, app.pageName(one)])],
          state.page,
          withNewList((one) => (state.page = one)),
        ),
    ),
  );
}
