// Small parts that several views use.

import { h } from "./view.js";
import { isFromSources, linked } from "./links.js";
import { dayKind } from "./time.js";
import { clockTime, dateTime, has, t } from "./words.js";

const broken = new Set(); // pictures and recordings that failed to load: they are not requested again

/** An icon of the sprite, hidden from screen readers. */
export function icon(app, name) {
  return h(
    "svg",
    { class: "icon", "aria-hidden": "true", focusable: "false" },
    h("use", { href: `${app.base}/icons.svg#${name}` }),
  );
}

/** A button with words, and with an icon if `name` is not null. */
export function button(app, name, words, onclick, more = {}) {
  return h("button", { type: "button", class: "button", onclick, ...more }, name && icon(app, name), words);
}

/** A button that reads more of a list. It waits while `busy`. */
export function more(app, busy, key, onclick) {
  return button(app, null, t(busy ? "loading" : key), onclick, { class: "button more", disabled: busy });
}

/** A button with only an icon. `label` is its name. */
export function iconButton(app, name, label, onclick, more = {}) {
  return button(app, name, null, onclick, { class: "icon-button", "aria-label": label, title: label, ...more });
}

/** A link to another site. It opens in a tab of its own. */
export function outerLink(href, props, ...inside) {
  return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", ...props }, inside);
}

/** A text with its web addresses as links. `other` draws the pieces between them. */
export const withLinks = (text, other = (piece) => piece) =>
  linked(text).map(({ href, text: piece }) => (href ? outerLink(href, {}, piece) : other(piece)));

/** A field to choose one value. `all` has pairs of a value and its words. */
export function choice(label, all, value, choose, props = {}) {
  return h(
    "select",
    { class: "select", "aria-label": label, value, onchange: (event) => choose(event.target.value), ...props },
    all.map(([one, words]) => h("option", { key: one, value: one }, words)),
  );
}

/** The same choice as a row of buttons. The button of the chosen value is pressed. */
export function segments(app, label, all, value, choose, more = "") {
  return h(
    "div",
    { class: `segments${more}`, role: "group", "aria-label": label },
    all.map(([one, words]) => {
      const pressed = String(one === value);
      return button(app, null, words, () => choose(one), { key: one, class: "segment", "aria-pressed": pressed });
    }),
  );
}

/** A number of new messages. */
export function badge(n) {
  return h("span", { class: "badge" }, t("number", { n }), h("span", { class: "unseen" }, t("unread", { n })));
}

/** Shown in place of a picture that cannot be loaded. */
export function placeholder(app, name, words) {
  return h("span", { class: "placeholder" }, icon(app, name), h("span", {}, words));
}

/** Open a dialog. `kind` chooses its content in `dialogs.js`. */
export function showDialog(app, dialog) {
  app.state.dialog = dialog;
  app.changed();
}

/** A sentence about an error, with the request's id if the service has sent one. */
export function sentence(problem) {
  const reason = problem.reason ?? "offline";
  for (const key of [`problem.${reason}`, `problem.status_${problem.status}`]) if (has(key)) return t(key);
  return t("problem.other");
}

/** An error, and a button to try again. */
export function failure(app, problem, again) {
  return h(
    "div",
    { class: "failure", role: "alert" },
    icon(app, "warning"),
    h(
      "div",
      {},
      h("p", {}, sentence(problem)),
      problem.requestId && h("p", { class: "soft small" }, t("problem.request", { id: problem.requestId })),
    ),
    again && button(app, null, t("again"), again),
  );
}

/** A card of the shop's view. */
export function panel(app, name, title, ...rest) {
  return h("section", { key: name, class: `card panel panel-${name}` }, h("h2", {}, icon(app, name), title), rest);
}

/** The content of a dialog that only shows something: its title, a button that closes it, and the rest. */
export function sheet(app, key, name, title, close, ...rest) {
  return h(
    "div",
    { key, class: "stack" },
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id: "dialog-title" }, icon(app, name), title),
      iconButton(app, "close", t("close"), close),
    ),
    rest,
  );
}

/** Grey bars in the place of loading content. */
export function skeleton(shape, count) {
  const bars = Array.from({ length: count }, () =>
    h("div", { class: `skeleton ${shape}` }, h("span", {}), h("span", {})),
  );
  return h("div", { class: "skeletons", role: "status" }, h("span", { class: "unseen" }, t("loading")), bars);
}

/** An empty place, with the reason. */
export function empty(app, name, title, text) {
  return h(
    "div",
    { class: "empty" },
    icon(app, name),
    h("p", { class: "empty-title" }, title),
    text && h("p", { class: "soft" }, text),
  );
}

/** Returns the number of failed pictures and recordings. Their views are drawn again when it changes. */
export const failedCount = () => broken.size;

/** Note that a picture or a recording failed to load. */
export function setFailed(app, address) {
  broken.add(address);
  app.changed();
}

/** Whether a picture's address is one of Facebook's and has not failed. */
export const canShow = (app, address) =>
  Boolean(address) && !broken.has(address) && isFromSources(address, app.sources);

/** A picture from Facebook's servers, or `instead`. */
export function picture(app, address, props, instead) {
  if (!canShow(app, address)) return instead;
  return h("img", {
    key: address,
    src: address,
    loading: "lazy",
    decoding: "async",
    referrerpolicy: "no-referrer",
    alt: "",
    onerror: () => setFailed(app, address),
    ...props,
  });
}

/** A customer's picture, or the first letter of the name on a quiet colour. */
export function avatar(app, customer, name, id) {
  const colour = [...String(id)].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 6, 0);
  const letter = [...new Intl.Segmenter(document.documentElement.lang).segment(name)][0]?.segment ?? "·";
  const initial = h(
    "span",
    { class: `avatar colour-${colour}`, "aria-hidden": "true" },
    customer?.name ? letter : icon(app, "person"),
  );
  return picture(app, customer?.picture, { class: "avatar" }, initial);
}

/** Returns the time of a moment today, and date and time of any other moment. */
export const clockOrDate = (app, moment) =>
  dayKind(moment, app.clock.now()) === "today" ? clockTime(moment) : dateTime(moment);

/** Returns the name to show for a customer. */
export function nameOf(app, conversation) {
  const known = app.customers.of(conversation.page_id, conversation.customer_id);
  return known?.name || t("customer.unnamed", { end: String(conversation.customer_id).slice(-4) });
}

/** Copy a text. If the browser has no clipboard (a page without https), a selected field is used. */
export async function copy(app, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "unseen";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  app.say("copied");
}

/** Moves the focus between the elements of a list with the keys Up, Down, Home and End. */
export function arrows(event, selector) {
  const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
  const all = [...event.currentTarget.querySelectorAll(selector)];
  const here = all.findIndex((one) => one.contains(document.activeElement));
  const there = Math.max(0, Math.min(all.length - 1, here + steps[event.key]));
  if (all[there]) {
    event.preventDefault();
    all[there].focus();
  }
}
