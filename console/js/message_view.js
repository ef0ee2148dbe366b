// One message: its content, its telephone numbers, and its remaining time.

import { attachmentsOf } from "./attachments.js";
import { attachments } from "./attachments_view.js";
import { h } from "./view.js";
import { button, icon, iconButton, showDialog, withLinks } from "./parts.js";
import { phones } from "./phone_view.js";
import { togglePicked } from "./order_view.js";
import { folded, question } from "./search.js";
import { snippet, textOf } from "./snippet.js";
import { endsSoon, timeLeft } from "./time.js";
import { clockTime, dateTime, t } from "./words.js";

// A longer text is shown in part, with a button for the rest: one text must not fill the whole screen.
const SHOWN_CHARACTERS = 1_000;
const SHOWN_LINES = 20;

/** The message, or a placeholder if its form is unknown. The other messages are shown in any case. */
export function messageView(app, message, about) {
  try {
    return shown(app, message, about);
  } catch {
    const words = h("p", { class: "soft" }, t("kind.other"));
    return h("li", { key: message.id, class: "message in", tabindex: "-1" }, words);
  }
}

function shown(app, message, { at, name, quoted, follows, goesOn }) {
  const out = message.direction === "out";
  const picked = app.state.picked.get(message.conversation_id)?.has(message.id) ?? false;
  const pick = () => togglePicked(app, message.id);
  const remove = () => showDialog(app, { kind: "message", id: message.id, name });
  const left = Date.parse(message.expires_at) - app.clock.now();
  return h(
    "li",
    {
      key: message.id,
      class: `message ${out ? "out" : "in"}${follows ? " follows" : ""}${picked ? " picked" : ""}`,
      tabindex: "-1",
      "aria-label": t(out ? "message.out" : "message.in", { name, time: clockTime(at) }),
    },
    h(
      "div",
      { class: "bubble-row" },
      h(
        "div",
        { class: `bubble${bare(message) ? " bare" : ""}`, onclick: (event) => isPick(event) && pick() },
        marks(app, message),
        message.reply_to && quote(app, message.reply_to, quoted),
        message.referral && referral(app, message.referral),
        message.postback &&
          h(
            "p",
            { class: "tapped", dir: "auto" },
            icon(app, "tap"),
            textOf(message.postback.title) || t("kind.postback"),
          ),
        message.text && said(app, message),
        message.attachments && attachments(app, message),
        !message.text &&
          !message.attachments &&
          !message.postback &&
          h("p", { class: "soft" }, t("kind.unsupported.long")),
      ),
      iconButton(app, picked ? "check" : "plus", t("order.pick"), pick, {
        class: `icon-button quiet pick${picked ? " on" : ""}`,
        "aria-pressed": String(picked),
      }),
      app.may("messages:purge") &&
        iconButton(app, "trash", t("delete.message"), remove, { class: "icon-button quiet" }),
    ),
    phones(app, message.phone_numbers),
    meta(app, message, { at, goesOn, left }),
  );
}

/** Whether a press is on the message itself: not on a link, button or player in it, and not the end of a selection. */
const isPick = ({ target }) => !target.closest("a, button, audio, video") && getSelection().isCollapsed;

/** The time below the last message of a group, and the notes below any message. */
function meta(app, message, { at, goesOn, left }) {
  const reacted = app.state.reactions.get(message.id);
  const soon = endsSoon(left);
  if (goesOn && !reacted && !message.edits && !soon) return null;
  const { key, n } = timeLeft(left);
  const until = t("left.until", { when: dateTime(Date.parse(message.expires_at)) });
  return h(
    "p",
    { class: "meta" },
    !goesOn && h("time", { datetime: message.sent_at ?? message.received_at, title: dateTime(at) }, clockTime(at)),
    reacted && reaction(reacted),
    message.edits && h("span", {}, t("edited")),
    soon && h("span", { class: "left soon", title: until }, icon(app, "clock"), t(key, { n })),
  );
}

/** A message with only pictures or stickers has no bubble. */
function bare(message) {
  const all = attachmentsOf(message);
  return (
    !message.text &&
    !message.reply_to &&
    !message.postback &&
    !message.referral &&
    all.every((one) => ["image", "sticker", "video"].includes(one.type)) &&
    all.length > 0
  );
}

function marks(app, message) {
  return message.standby && h("p", { class: "mark" }, icon(app, "info"), t("standby"));
}

function said(app, { id, text, quick_reply: quickReply }) {
  const part = app.state.unfolded.has(id) ? text : beginning(text);
  const pieces = withLinks(part, (piece) => highlighted(piece, app.state.search));
  const unfold = () => {
    app.state.unfolded.add(id);
    app.changed();
  };
  return [
    h("p", { class: quickReply ? "said tapped" : "said", dir: "auto" }, quickReply && icon(app, "tap"), pieces),
    part !== text && button(app, null, t("message.all"), unfold, { class: "button unfold" }),
  ];
}

/** Returns the part of a text that is shown at first. */
function beginning(text) {
  const lines = text.split("\n", SHOWN_LINES + 1);
  const part = lines.length > SHOWN_LINES ? lines.slice(0, SHOWN_LINES).join("\n") : text;
  if (part.length <= SHOWN_CHARACTERS) return part;
  return part.slice(0, SHOWN_CHARACTERS).replace(/[\ud800-\udbff]$/, ""); // no half of an emoji
}

/** The text with the searched words marked. Nothing is marked if folding moves letters to other places. */
function highlighted(text, typed) {
  const { words } = question(typed);
  const other = folded(text);
  if (words.length < 2 || other.length !== text.length) return [text];
  const pieces = [];
  let end = 0;
  for (let place = other.indexOf(words); place >= 0; place = other.indexOf(words, end)) {
    if (place > end) pieces.push(text.slice(end, place));
    pieces.push(h("mark", {}, text.slice(place, place + words.length)));
    end = place + words.length;
  }
  if (end < text.length) pieces.push(text.slice(end));
  return pieces;
}

function quote(app, replyTo, quoted) {
  const text = quoted ? snippet(quoted) : t(replyTo.story ? "reply.story" : "reply.unknown");
  return h(
    "blockquote",
    { class: "quote" },
    h("span", { class: "quote-name" }, icon(app, "reply"), t("reply")),
    h("span", { class: "quote-text", dir: "auto" }, text),
  );
}

function referral(app, { ads_context_data: ad, product, source }) {
  const title = textOf(ad?.ad_title);
  const what = title
    ? t("referral.ad", { title })
    : product
      ? t("referral.product")
      : t(source === "SHORTLINK" ? "referral.link" : "referral.other");
  return h("p", { class: "mark" }, icon(app, "tag"), what);
}

function reaction(emoji) {
  return h("span", { class: "reaction", role: "img", "aria-label": t("reaction", { emoji }) }, emoji);
}
