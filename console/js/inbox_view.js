// The list of conversations on the left and the open conversation on the right. A telephone shows only one of the two.

import { listView } from "./list_view.js";
import { empty, icon } from "./parts.js";
import { orderView } from "./order_view.js";
import { threadView } from "./thread_view.js";
import { h } from "./view.js";
import { t } from "./words.js";

export function inboxView(app) {
  const { state } = app;
  const chosen = state.selected && state.inbox.conversations.has(state.selected);
  return h(
    "div",
    { class: chosen ? "inbox with-order" : "inbox" },
    h("h1", { class: "unseen" }, t("view.inbox")),
    h("section", { class: "list-pane", "aria-label": t("conversations") }, listView(app)),
    h(
      "section",
      { key: "thread", class: "thread-pane", "aria-label": t("messages") },
      chosen
        ? threadView(app)
        : h("div", { class: "nothing-chosen" }, empty(app, "chat", t("choose"), t("choose.hint"))),
    ),
    chosen &&
      h(
        "section",
        { key: "order", class: "order-pane", tabindex: "0", "aria-label": t("order") },
        h("h2", {}, icon(app, "receipt"), t("order")),
        orderView(app),
      ),
  );
}
