// The signed-in session: a token in this tab's session storage. It is in no address, and is deleted with the tab.

const TOKEN = "page-inbox.token";
const SHOP = "page-inbox.shop";
const OFFERED_TOKEN = "page-inbox.offered-token"; // `early.js` writes these two values
const OFFERED_SHOP = "page-inbox.offered-shop";
const EVERY_SHOP = "*";

/**
 * Pure: returns a token's claims, or null. They are only for display, because only the service can verify the token.
 */
function claimsOf(token) {
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

/**
 * Pure: makes a session from a token, and from a shop's name if the token is for every shop. Otherwise returns the
 * reason.
 */
export function sessionOf(token, shop, now) {
  const claims = claimsOf(token);
  if (claims === null) return { refused: "signin.no_token" };
  if (claims.exp * 1000 <= now) return { refused: "signin.expired" };
  const chosen = claims.shop === EVERY_SHOP ? shop.trim() : claims.shop;
  if (!chosen || chosen === EVERY_SHOP) return { refused: "signin.shop_needed", everyShop: true };
  const scopes = String(claims.scope ?? "").split(" ");
  return { token: token.trim(), shop: chosen, scopes, subject: claims.sub ?? "", ends: claims.exp * 1000 };
}

/** Returns the session that this tab has stored. */
export function remembered() {
  return { token: read(TOKEN), shop: read(SHOP) };
}

/** Returns the session from an address that was opened in this signed-in tab, and forgets it. */
export function takeOffered() {
  const offered = { token: read(OFFERED_TOKEN), shop: read(OFFERED_SHOP) };
  drop(OFFERED_TOKEN);
  drop(OFFERED_SHOP);
  return offered;
}

/** Remember a session for as long as the tab is open. */
export function remember(session) {
  write(TOKEN, session.token);
  write(SHOP, session.shop);
}

/** Delete everything that this tab has stored, the token first. */
export function forgetEverything() {
  try {
    sessionStorage.clear();
  } catch {
    // The browser stores nothing.
  }
}

export function read(name) {
  try {
    return sessionStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

/** Returns a value that was stored as JSON, or null. */
export function readJson(name) {
  try {
    return JSON.parse(read(name));
  } catch {
    return null;
  }
}

/** Store a value. Returns whether there was room. */
export function write(name, text) {
  try {
    sessionStorage.setItem(name, text);
    return true;
  } catch {
    return false;
  }
}

/** Returns the names of the stored values with this prefix. */
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
    // The value was not stored.
  }
}
