// A Page's posts or live videos, their comments and replies. They are fetched when the reader asks, and kept in this
// tab's own storage until the reader deletes them.

import { path } from "./page-inbox.js";
import { drop, readJson, write } from "./session.js";
import { work } from "./work.js";

const ITEMS = 10;
const COMMENTS = 25;

/** By kind: the edge of a Page, the order of the comments, and the name in the storage. */
const KINDS = {
  posts: { edge: "posts", order: "chronological", kept: "page-inbox.posts." },
  live: { edge: "live-videos", order: "reverse_chronological", kept: "page-inbox.live." },
};

/** A list before it is fetched: `threads` has the comments by item, and the replies by comment. */
const unfetched = () => ({ items: [], after: null, fetchedAt: 0, threads: {}, busy: false, problem: null });

export function createPosts({ api, state, changed, now }) {
  const nameOf = (page, kind) => KINDS[kind].kept + page;
  const of = (page, kind) => (state.posts[nameOf(page, kind)] ??= restored(nameOf(page, kind)) ?? unfetched());
  const fetched = (page, kind, query) => api.json("GET", path("pages", page, KINDS[kind].edge), { query });

  function keep(page, kind) {
    const { items, after, fetchedAt, threads } = of(page, kind);
    const plain = Object.fromEntries(Object.entries(threads).map(([id, { items, after }]) => [id, { items, after }]));
    const name = nameOf(page, kind);
    // If the storage is full, the items stay in memory only. They are fetched again after the page is loaded again.
    if (!write(name, JSON.stringify({ items, after, fetchedAt, threads: plain }))) drop(name);
  }

  const kept = (page, kind, list, job) => work(list, changed, () => job().then(() => keep(page, kind)));

  return {
    of,
    /** Fetch the newest items and replace the loaded items. */
    fetch(page, kind) {
      return kept(page, kind, of(page, kind), async () => {
        const { items, after } = await fetched(page, kind, { limit: ITEMS });
        if (kind === "posts") state.stirred.delete(page);
        Object.assign(of(page, kind), { items, after, fetchedAt: now(), threads: {} });
      });
    },
    more(page, kind) {
      const list = of(page, kind);
      return kept(page, kind, list, async () => {
        const answer = await fetched(page, kind, { limit: ITEMS, after: list.after });
        Object.assign(list, { items: [...list.items, ...answer.items], after: answer.after });
      });
    },
    /**
     * Fetch comments of an item, or replies to a comment: the next list page, or with `afresh` the first list page
     * again.
     */
    discuss(page, kind, { id, ofComment = false, afresh = false }) {
      const thread = (of(page, kind).threads[id] ??= { items: [], after: null });
      thread.open = true;
      return kept(page, kind, thread, async () => {
        const place = ofComment
          ? path("pages", page, "comments", id, "replies")
          : path("pages", page, KINDS[kind].edge, id, "comments");
        const order = ofComment ? "chronological" : KINDS[kind].order;
        const after = afresh ? null : thread.after;
        const answer = await api.json("GET", place, { query: { limit: COMMENTS, after, order } });
        Object.assign(thread, { items: [...(afresh ? [] : thread.items), ...answer.items], after: answer.after });
      });
    },
    /** Show or hide the fetched comments or replies. */
    setOpen(page, kind, id, open) {
      of(page, kind).threads[id].open = open;
      changed();
    },
    forget(page, kind) {
      drop(nameOf(page, kind));
      state.posts[nameOf(page, kind)] = unfetched();
      changed();
    },
  };
}

function restored(name) {
  const found = readJson(name);
  return found && { ...unfetched(), ...found };
}
