// Pure: decides which addresses from outside may become a link or a picture.

const PLAIN = new Set(["http:", "https:"]);

/**
 * Returns a web address, an address of this service, or a telephone number. Returns null for any other text, for
 * example `javascript:` or `data:`.
 */
export function safeAddress(text) {
  if (/^(\/(?!\/)|#|blob:)/.test(text) || /^tel:\+\d{7,15}$/.test(text)) return text;
  return webAddress(text);
}

/** An absolute http(s) address, or null. */
export function webAddress(text) {
  if (typeof text !== "string") return null;
  let url;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  return PLAIN.has(url.protocol) && !url.username && !url.password ? url.href : null;
}

/** Returns the download address of a picture. With `dl=1` Facebook's servers send the picture as a file. */
export function saveAddress(text) {
  const url = new URL(text);
  if (url.hostname.endsWith(".fbcdn.net")) url.searchParams.set("dl", "1");
  return url.href;
}

/** Returns Facebook's page for a path or an address of Facebook, or null. */
export function facebookAddress(text) {
  if (typeof text !== "string") return null;
  return text.startsWith("/") && !text.startsWith("//") ? `https://www.facebook.com${text}` : webAddress(text);
}

/** Whether the page's policy allows a picture from this address. `sources` are in the policy's form. */
export function isFromSources(text, sources) {
  const address = webAddress(text);
  if (address === null) return false;
  const url = new URL(address);
  return sources.some((source) => {
    const [, scheme, wild, host] = /^(https?:)\/\/(\*\.)?(.+)$/.exec(source) ?? [];
    if (scheme !== url.protocol) return false;
    return wild ? url.hostname.endsWith(`.${host}`) && url.port === "" : url.host === host;
  });
}

/** Removes the punctuation after an address. A regular expression would take quadratic time for a long row of signs. */
function withoutEnd(word) {
  let end = word.length;
  while (".,!?;:)]".includes(word[end - 1])) end -= 1;
  return word.slice(0, end);
}

/** Returns a text in pieces, `{text}` and `{text, href}`. A piece that begins like a web address becomes a link. */
export function linked(text) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'\u200b\u1780-\u17ff]+/gi)) {
    const word = withoutEnd(match[0]);
    const href = webAddress(word);
    if (href === null) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push({ text: word, href });
    end = match.index + word.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}
