// A message in a few words.

import { t } from "./words.js";

const LENGTH = 200; // characters; a row of the list shows fewer

export function snippet(message) {
  if (message.text) return message.text.slice(0, LENGTH);
  if (message.postback) return textOf(message.postback.title).slice(0, LENGTH) || t("kind.postback");
  const type = message.attachments?.[0]?.type;
  return type ? t(`kind.${KINDS.has(type) ? type : "other"}`) : t("kind.unsupported");
}

/** Returns a value from outside as text, and "" if it is not a text or a number. */
export const textOf = (value) => (["string", "number"].includes(typeof value) ? String(value) : "");

const KINDS = new Set([
  "image",
  "video",
  "audio",
  "file",
  "sticker",
  "template",
  "fallback",
  "location",
  "reel",
  "post",
  "appointment_booking",
  "unsupported",
]);
