// What a reader has chosen for this browser. The choices last until the browser's data of this page is deleted.

const PREFIX = "page-inbox.";

export function preference(name) {
  try {
    return localStorage.getItem(PREFIX + name) ?? "";
  } catch {
    return "";
  }
}

/** An empty value means no choice. If the browser stores nothing, a choice lasts until the page is closed. */
export function choose(name, value) {
  try {
    if (value) localStorage.setItem(PREFIX + name, value);
    else localStorage.removeItem(PREFIX + name);
  } catch {
    // The page continues without the stored value.
  }
}
