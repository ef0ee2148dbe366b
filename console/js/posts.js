// A Page's posts, their comments and replies: fetched when asked for, kept in this tab's own storage until forgotten.

import { path } from "./page-inbox.js";
import { drop, read, write } from "./session.js";

const POSTS = 10;
const COMMENTS = 25;
const keptAs = (page) => `page-inbox.posts.${page}`;

/** Posts of a Page as nobody has fetched them: `threads` has the comments by post, and the replies by comment. */
export const noPosts = () => ({ items: [], after: null, fetchedAt: 0, threads: {}, busy: false, problem: null });

export function createPosts({ api, state, changed, now }) {
  const of = (page) => (state.posts[page] ??= restored(page) ?? noPosts());

  function keep(page) {
    const { items, after, fetchedAt, threads } = of(page);
    const plain = Object.fromEntries(Object.entries(threads).map(([id, { items, after }]) => [id, { items, after }]));
    // Where there is no room they stay in memory, and the next visit fetches them again.
    if (!write(keptAs(page), JSON.stringify({ items, after, fetchedAt, threads: plain }))) drop(keptAs(page));
  }

  async function work(page, holder, job) {
    if (holder.busy) return;
    Object.assign(holder, { busy: true, problem: null });
    changed();
    try {
      await job();
      keep(page);
    } catch (problem) {
      holder.problem = problem;
    }
    holder.busy = false;
    changed();
  }

  return {
    of,
    /** The newest posts, in place of those that are there. */
    fetch(page) {
      return work(page, of(page), async () => {
        const answer = await api.json("GET", path("pages", page, "posts"), { query: { limit: POSTS } });
        state.stirred.delete(page);
        Object.assign(of(page), { items: answer.items, after: answer.after, fetchedAt: now(), threads: {} });
      });
    },
    more(page) {
      return work(page, of(page), async () => {
        const { after, items } = of(page);
        const answer = await api.json("GET", path("pages", page, "posts"), { query: { limit: POSTS, after } });
        Object.assign(of(page), { items: [...items, ...answer.items], after: answer.after });
      });
    },
    /** Comments of a post, or replies to a comment; further ones where some are there. */
    discuss(page, kind, id) {
      const thread = (of(page).threads[id] ??= { items: [], after: null });
      thread.open = true;
      return work(page, thread, async () => {
        const place =
          kind === "post"
            ? path("pages", page, "posts", id, "comments")
            : path("pages", page, "comments", id, "replies");
        const answer = await api.json("GET", place, {
          query: { limit: COMMENTS, after: thread.after, order: "chronological" },
        });
        Object.assign(thread, { items: [...thread.items, ...answer.items], after: answer.after });
      });
    },
    fold(page, id) {
      of(page).threads[id].open = false;
      changed();
    },
    unfold(page, id) {
      of(page).threads[id].open = true;
      changed();
    },
    forget(page) {
      drop(keptAs(page));
      state.posts[page] = noPosts();
      changed();
    },
  };
}

function restored(page) {
  try {
    const kept = JSON.parse(read(keptAs(page)) || "null");
    return kept && { ...noPosts(), ...kept };
  } catch {
    return null;
  }
}
