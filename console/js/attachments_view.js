// The attachments of a message. Only Facebook's own addresses are loaded. Any other address is at most a link.

import { h } from "./view.js";
import { attachmentsOf, isPicture, isSticker, objectOf, placeName, placeOf } from "./attachments.js";
import { webAddress } from "./links.js";
import { button, canShow, icon, outerLink, picture, placeholder, setFailed, showDialog } from "./parts.js";
import { textOf } from "./snippet.js";
import { dateTime, t } from "./words.js";

const MOST = 50; // attachments of a message, or products of an attachment, that are shown; Facebook sends fewer

export function attachments(app, message) {
  const { id } = message;
  const all = attachmentsOf(message);
  const some = all.slice(0, MOST);
  const pictures = some.map((one, place) => ({ one, place })).filter(({ one }) => isPicture(one));
  const others = some.filter((one) => !isPicture(one));
  return [
    pictures.length > 0 &&
      h(
        "div",
        { class: pictures.length > 1 ? "pictures album" : "pictures" },
        pictures.map(({ one, place }) => photo(app, one.url, `${id} ${place}`)),
      ),
    others.map((one) => (SHOWN.get(isSticker(one) ? "sticker" : one.type) ?? other)(app, one)),
    all.length > MOST && h("p", { class: "soft" }, `+${all.length - MOST}`),
  ];
}

// A map, because an object also has `valueOf` and `constructor`.
const SHOWN = new Map(
  Object.entries({
    sticker: (app, one) =>
      picture(app, one.url, { class: "sticker", alt: t("kind.sticker") }, placeholder(app, "smile", t("kind.sticker"))),
    audio: (app, one) => player(app, one, "audio", "voice", t("kind.audio")),
    video: (app, one) => player(app, one, "video", "play", t("kind.video")),
    reel: (app, one) => card(app, "play", one.title || t("kind.reel"), t("kind.reel"), one.url),
    post: (app, one) => card(app, "posts", one.title || t("kind.post"), t("kind.post"), one.url),
    file: (app, one) => card(app, "file", fileName(one.url) || t("kind.file"), t("kind.file"), one.url),
    fallback: (app, one) =>
      card(
        app,
        "link",
        one.title || hostOf(one.url) || t("kind.fallback"),
        hostOf(one.url) || t("kind.fallback"),
        one.url,
      ),
    location: (app, one) => place(app, one),
    unsupported: () => h("p", { class: "soft" }, t("kind.unsupported.long")),
    template,
    appointment_booking: appointment,
  }),
);

/** A picture in a place of fixed size, so that nothing moves when it loads. A press shows it larger. */
function photo(app, url, id) {
  if (!canShow(app, url)) return placeholder(app, "image", t("picture.gone"));
  const open = () => showDialog(app, { kind: "picture", id });
  const shown = picture(app, url, { class: "photo" }, null);
  return button(app, null, shown, open, { key: id, class: "photo-place", "aria-label": t("picture.open") });
}

function player(app, one, tag, name, title) {
  if (!canShow(app, one.url)) return card(app, name, title, t("media.gone"), null);
  return h(tag, {
    key: one.url,
    class: "player",
    src: one.url,
    controls: true,
    preload: "none",
    "aria-label": title,
    onerror: () => setFailed(app, one.url),
  });
}

function card(app, name, title, about, address) {
  const href = webAddress(address);
  const inside = [
    icon(app, name),
    h(
      "span",
      { class: "card-text" },
      h("span", { class: "card-title", dir: "auto" }, title),
      h("span", { class: "soft small" }, about),
    ),
  ];
  return href ? outerLink(href, { class: "attachment" }, inside) : h("div", { class: "attachment" }, inside);
}

function place(app, one) {
  const found = placeOf(one);
  return card(app, "pin", t("kind.location"), found ? placeName(found) : "", found?.map ?? one.url);
}

function template(app, one) {
  const products = one.product?.elements ?? one.elements;
  if (Array.isArray(products) && products.length) {
    return products.slice(0, MOST).map(objectOf).map((product) =>
      h(
        "div",
        { class: "attachment product" },
        picture(app, product.image_url, { class: "product-picture" }, icon(app, "tag")),
        h(
          "span",
          { class: "card-text" },
          h("span", { class: "card-title", dir: "auto" }, textOf(product.title) || t("kind.template")),
          h("span", { class: "soft small" }, textOf(product.subtitle)),
        ),
      ),
    );
  }
  const buttons = Array.isArray(one.buttons) ? one.buttons.slice(0, MOST).map(objectOf) : [];
  return h(
    "div",
    { class: "buttons" },
    typeof one.text === "string" && h("p", { class: "said", dir: "auto" }, one.text),
    buttons.map((button) => h("span", { class: "offered" }, textOf(button.title))),
    !one.text && !buttons.length && h("p", { class: "soft" }, one.title || t("kind.template")),
  );
}

function appointment(app, one) {
  const when = typeof one.start_time === "number" ? dateTime(one.start_time * 1000) : "";
  const status = ["requested", "confirmed", "declined", "cancelled"].includes(one.status)
    ? t(`appointment.${one.status}`)
    : "";
  return card(app, "calendar", [t("kind.appointment_booking"), status].filter(Boolean).join(" · "), when, null);
}

function other(app, one) {
  return card(app, "file", one.title || t("kind.other"), String(one.type), one.url);
}

function hostOf(address) {
  const href = webAddress(address);
  return href ? new URL(href).hostname.replace(/^www\./, "") : "";
}

function fileName(address) {
  const href = webAddress(address);
  if (!href) return "";
  try {
    return decodeURIComponent(new URL(href).pathname.split("/").pop());
  } catch {
    return "";
  }
}
