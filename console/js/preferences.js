// What a reader has chosen for this browser. It lasts until the browser's data of this page is deleted.

const PREFIX = "page-inbox.";

export function preference(name) {
  try {
    return localStorage.getItem(PREFIX + name) ?? "";
  } catch {
    return "";
  }
}

/** An empty value is no choice. Where the browser keeps nothing, it lasts as long as the page. */
export function choose(name, value) {
  try {
    if (value) localStorage.setItem(PREFIX + name, value);
    else localStorage.removeItem(PREFIX + name);
  } catch {
    // The page goes on without it.
  }
}
