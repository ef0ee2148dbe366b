// Names of the shop's Pages, from Facebook's list of the participants of a conversation. They are kept only in memory.

import { path } from "./page-inbox.js";

export function createPageNames({ api, may, changed }) {
  const names = new Map();

  async function ask(page) {
    names.set(page, "");
    try {
      const { items } = await api.json("GET", path("pages", page, "conversations"), { query: { limit: 1 } });
      const own = (items[0]?.participants ?? []).find((one) => one.id === page);
      if (!own?.name) return;
      names.set(page, own.name);
      changed();
    } catch {
      // The Page is shown by its id.
    }
  }

  /** Returns the name of a Page, or its id until the name is loaded. The name is requested once. */
  return function nameOf(page) {
    if (!names.has(page) && may()) ask(page);
    return names.get(page) || page;
  };
}
