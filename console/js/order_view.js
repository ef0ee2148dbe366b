// The order beside the thread, or on a sheet over it: the facts of the picked messages, and buttons to copy or send
// them.

import { placeName } from "./attachments.js";
import { inOrder } from "./inbox_state.js";
import { webAddress } from "./links.js";
import { localNumber } from "./numbers.js";
import { asJson, asText, gathered, orderAddress } from "./order.js";
import { button, copy, empty, icon, iconButton, nameOf, outerLink, picture } from "./parts.js";
import { preference } from "./preferences.js";
import { snippet } from "./snippet.js";
import { h } from "./view.js";
import { t } from "./words.js";

/** The picked messages of the open conversation, oldest first. */
export function pickedOf(state) {
  const picked = state.picked.get(state.selected);
  const thread = state.threads.get(state.selected);
  return picked && thread ? inOrder(thread).filter((one) => picked.has(one.id)) : [];
}

/** Put a message of the open conversation into the order, or take it out. */
export function togglePicked(app, id) {
  const { picked, selected } = app.state;
  const ids = picked.get(selected) ?? new Set();
  if (!ids.delete(id)) ids.add(id);
  picked.set(selected, ids);
  app.changed();
}

export function orderView(app) {
  const { state } = app;
  const messages = pickedOf(state);
  const conversation = state.inbox.conversations.get(state.selected);
  if (!conversation || messages.length === 0) return empty(app, "receipt", t("order.empty"), t("order.empty.hint"));
  const known = app.customers.of(conversation.page_id, conversation.customer_id)?.name;
  const order = gathered({ conversation, name: known || nameOf(app, conversation), messages });
  return h(
    "div",
    { class: "order" },
    h("p", { class: "order-name" }, order.customer.name),
    order.phone_numbers.map((one) =>
      h("a", { key: one, class: "order-line", href: `tel:${one}` }, icon(app, "phone"), localNumber(one)),
    ),
    order.places.map((one) =>
      outerLink(
        one.map,
        { key: one.map, class: "order-line" },
        icon(app, "pin"),
        placeName(one),
      ),
    ),
    h(
      "ul",
      { class: "order-messages" },
      messages.map((one) => line(app, one)),
    ),
    order.photos.length > 0 &&
      h(
        "div",
        { class: "order-photos" },
        order.photos.map((url) => picture(app, url, { class: "order-photo", alt: t("kind.image") }, null)),
      ),
    actions(app, order),
  );
}

function line(app, message) {
  return h(
    "li",
    { key: message.id, class: "order-message" },
    h("span", { dir: "auto" }, snippet(message)),
    iconButton(app, "close", t("order.remove"), () => togglePicked(app, message.id)),
  );
}

function actions(app, order) {
  const send = () => {
    app.partner.send(order);
    app.say("order.sent");
  };
  const clear = () => {
    app.state.picked.delete(app.state.selected);
    app.changed();
  };
  const address = webAddress(orderAddress(preference(`order-address.${app.state.session.shop}`), order));
  return h(
    "div",
    { class: "order-actions" },
    app.partner.found &&
      button(app, "outside", t("order.send"), send, { class: "button primary" }),
    address &&
      outerLink(
        address,
        { class: "button" },
        icon(app, "outside"),
        `${t("order.open")} (${new URL(address).host})`,
      ),
    button(app, "copy", t("order.text"), () => copy(app, asText(order))),
    button(app, "copy", t("order.json"), () => copy(app, asJson(order))),
    button(app, "trash", t("order.clear"), clear),
  );
}
