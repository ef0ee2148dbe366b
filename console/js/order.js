// Pure: an order, gathered from the messages that the reader has picked. Nothing of it is stored.

import { attachmentsOf, isPicture, placeOf } from "./attachments.js";
import { localNumber } from "./numbers.js";

/**
 * Returns the facts of an order from the picked messages, the oldest first. `name` is the customer's name, if it is
 * known.
 */
export function gathered({ conversation, name, messages }) {
  const attachments = messages.flatMap(attachmentsOf);
  return {
    conversation_id: conversation.id,
    page_id: conversation.page_id,
    customer: { id: conversation.customer_id, name },
    phone_numbers: [...new Set(messages.flatMap((one) => one.phone_numbers ?? []))],
    places: attachments.filter((one) => one.type === "location").map(placeOf).filter(Boolean),
    photos: attachments.filter((one) => isPicture(one) && typeof one.url === "string").map((one) => one.url),
    messages: messages.map(({ id, direction, text = "", sent_at }) => ({ id, direction, text, sent_at })),
  };
}

/** Returns the order as text, one fact per line. */
export function asText(order) {
  const said = order.messages.map((one) => one.text).filter(Boolean);
  const places = order.places.map((one) => one.map);
  const lines = [order.customer.name, ...order.phone_numbers.map(localNumber), ...places, ...said, ...order.photos];
  return lines.filter(Boolean).join("\n");
}

export const asJson = (order) => JSON.stringify(order, null, 2);

/**
 * Returns the template with `{name}`, `{phone}`, `{text}` and `{json}` filled in. Returns null if the result is neither
 * an https address nor an address of this machine.
 */
export function orderAddress(template, order) {
  const values = {
    name: order.customer.name,
    phone: order.phone_numbers[0] ?? "",
    text: asText(order),
    json: JSON.stringify(order),
  };
  const address = template.trim().replace(/\{(\w+)\}/g, (whole, name) =>
    name in values ? encodeURIComponent(values[name]) : whole,
  );
  return /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/])/i.test(address) ? address : null;
}
