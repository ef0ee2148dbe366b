// Who is signed in: a token in this tab's session storage, in no address, gone with the tab.

const TOKEN = "page-inbox.token";
const SHOP = "page-inbox.shop";
export const EVERY_SHOP = "*";

/** Pure: what a token says of itself, or null. For display alone: only the service can verify it. */
export function claimsOf(token) {
  const part = token.trim().split(".");
  if (part.length !== 3) return null;
  try {
    const text = atob(part[1].replaceAll("-", "+").replaceAll("_", "/"));
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
    return typeof claims.shop === "string" && typeof claims.exp === "number" ? claims : null;
  } catch {
    return null;
  }
}

/** Pure: the session that a token and, where it is good for every shop, a shop's name make; or why there is none. */
export function sessionOf(token, shop, now) {
  const claims = claimsOf(token);
  if (claims === null) return { refused: "signin.no_token" };
  if (claims.exp * 1000 <= now) return { refused: "signin.expired" };
  const chosen = claims.shop === EVERY_SHOP ? shop.trim() : claims.shop;
  if (!chosen || chosen === EVERY_SHOP) return { refused: "signin.shop_needed", everyShop: true };
  const scopes = String(claims.scope ?? "").split(" ");
  return { token: token.trim(), shop: chosen, scopes, subject: claims.sub ?? "", ends: claims.exp * 1000 };
}

/** What this tab remembers. */
export function remembered() {
  return { token: read(TOKEN), shop: read(SHOP) };
}

/** Remember a session for as long as the tab is open. */
export function remember(session) {
  write(TOKEN, session.token);
  write(SHOP, session.shop);
}

/** Everything this tab has kept, the token first. */
export function forgetEverything() {
  try {
    sessionStorage.clear();
  } catch {
    // It kept nothing.
  }
}

export function read(name) {
  try {
    return sessionStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

/** Whether there was room. */
export function write(name, text) {
  try {
    sessionStorage.setItem(name, text);
    return true;
  } catch {
    return false;
  }
}

/** The names of all that is kept and begins so. */
export function namesOf(beginning) {
  try {
    return Object.keys(sessionStorage).filter((name) => name.startsWith(beginning));
  } catch {
    return [];
  }
}

export function drop(name) {
  try {
    sessionStorage.removeItem(name);
  } catch {
    // It was not kept.
  }
}
