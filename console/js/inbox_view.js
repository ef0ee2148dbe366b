// Conversations on the left, one of them on the right; on a telephone one after the other.

import { h } from "./view.js";
import { ordered } from "./inbox.js";
import { arrows, avatar, empty, failure, icon, nameOf, sentence, skeleton } from "./parts.js";
import { finds, question, textsOf } from "./search.js";
import { whenSeen } from "./seen.js";
import { snippet } from "./snippet.js";
import { threadView } from "./thread_view.js";
import { dayKind } from "./time.js";
import { clockTime, shortDay, t } from "./words.js";

const DIRECTIONS = ["", "in", "out"];

export function inboxView(app) {
  const { state } = app;
  return h(
    "div",
    { class: "inbox" },
    h("h1", { class: "unseen" }, t("view.inbox")),
    h("section", { class: "list-pane", "aria-label": t("conversations") }, filters(app), list(app)),
    h(
      "section",
      { class: "thread-pane", "aria-label": t("messages") },
      state.selected && state.inbox.conversations.has(state.selected) ? threadView(app) : nothingChosen(app),
    ),
  );
}

/** What search and filters leave, newest first. */
export function found(app) {
  const { state } = app;
  const asked = question(state.search);
  return ordered(state.inbox).filter((conversation) => {
    if (state.page && conversation.page_id !== state.page) return false;
    if (state.direction && conversation.last_message.direction !== state.direction) return false;
    const messages = [conversation.last_message, ...(state.threads.get(conversation.id)?.messages.values() ?? [])];
    return finds(asked, [nameOf(app, conversation), ...messages.flatMap(textsOf)]);
  });
}

function filters(app) {
  const { state } = app;
  const pages = [...new Set([...state.inbox.conversations.values()].map((one) => one.page_id))].sort();
  const choose = (name) => (event) => {
    state[name] = event.target.value;
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
                app.changed();
              },
            },
            t(`direction.${one || "all"}`),
          ),
        ),
      ),
      pages.length > 1 &&
        h(
          "select",
          { class: "select", "aria-label": t("page"), value: state.page, onchange: choose("page") },
          h("option", { value: "" }, t("page.all")),
          pages.map((one) => h("option", { key: one, value: one }, one)),
        ),
    ),
  );
}

function list(app) {
  const { inbox, search, page, direction } = app.state;
  if (inbox.status === "loading") return h("div", { class: "list-scroll" }, skeleton("line-bone", 7));
  if (inbox.status === "failed")
    return h("div", { class: "list-scroll" }, failure(app, inbox.problem, app.inbox.refresh));
  const shown = found(app);
  const filtered = Boolean(search || page || direction);
  return h(
    "div",
    { class: "list-scroll", onscroll: (event) => nearEnd(event.currentTarget) && app.inbox.more() },
    inbox.problem && failure(app, inbox.problem, app.inbox.refresh),
    app.customers.problem &&
      h("p", { class: "aside" }, icon(app, "info"), t("customer.problem"), " ", sentence(app.customers.problem)),
    filtered && h("p", { class: "count", role: "status" }, t("found", { n: shown.length })),
    shown.length === 0 &&
      (filtered
        ? empty(app, "search", t("found.none"), t("found.hint"))
        : empty(app, "chat", t("inbox.empty"), t("inbox.empty.hint"))),
    h(
      "ul",
      { class: "rows", onkeydown: (event) => arrows(event, ".row") },
      shown.map((one, place) => row(app, one, place)),
    ),
    inbox.cursor !== null &&
      h("button", { type: "button", class: "button more", disabled: inbox.busy, onclick: app.inbox.more }, t("more")),
  );
}

function row(app, conversation, place) {
  const { state, clock } = app;
  const { id, last_message: last } = conversation;
  const customer = app.customers.of(conversation.page_id, conversation.customer_id);
  const name = nameOf(app, conversation);
  const unread = state.unread.get(id) ?? 0;
  const chosen = state.selected === id;
  const reachable = chosen || (place === 0 && !state.selected);
  const at = Date.parse(conversation.last_activity_at);
  const when = dayKind(at, clock.now()) === "today" ? clockTime(at) : shortDay(at);
  return h(
    "li",
    { key: id },
    h(
      "button",
      {
        type: "button",
        class: `row${unread ? " unread" : ""}`,
        "data-conversation": id,
        "aria-current": chosen ? "true" : null,
        tabindex: reachable ? "0" : "-1",
        onclick: () => app.show("inbox", id),
        ref: (node) => whenSeen(node, () => app.customers.want(conversation.page_id, conversation.customer_id)),
      },
      avatar(app, customer, name, conversation.customer_id),
      h(
        "span",
        { class: "row-text" },
        h("span", { class: "row-top" }, h("span", { class: "row-name" }, name), h("time", { class: "row-time" }, when)),
        h(
          "span",
          { class: "row-bottom" },
          h(
            "span",
            { class: "row-snippet" },
            last.direction === "out" && h("span", { class: "you" }, t("you")),
            snippet(last),
          ),
          (last.phone_numbers?.length ?? 0) > 0 && icon(app, "phone"),
          unread > 0 &&
            h(
              "span",
              { class: "badge" },
              t("number", { n: unread }),
              h("span", { class: "unseen" }, t("unread", { n: unread })),
            ),
        ),
      ),
    ),
  );
}

function nothingChosen(app) {
  return h("div", { class: "nothing-chosen" }, empty(app, "chat", t("choose"), t("choose.hint")));
}

const nearEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 200;
