// The search over all five days in the service: for words, for kinds of content, and for messages that expire tonight.

import { begun, ordered } from "./inbox_state.js";
import { work } from "./work.js";

const SOON = 12 * 3_600_000; // milliseconds
const AT_ONCE = 100; // messages of one call, at most
const MOST_CALLS = 20; // after which the reader decides; the service examines up to a thousand messages per call

/**
 * `state.searched` is null or a search. It has the `query`, the messages `found` by conversation (newest first), the
 * number of messages `lookedAt`, and the `cursor` from which the search continues (null at the end).
 */
export function createServerSearch({ api, state, changed, now }) {
  function begin(query) {
    state.searched = { query, found: new Map(), lookedAt: 0, cursor: "", busy: false, problem: null };
    return further();
  }

  function further() {
    const search = state.searched;
    return work(search, changed, async () => {
      for (let calls = 0; search.cursor !== null && calls < MOST_CALLS; calls += 1) {
        const query = { ...search.query, limit: AT_ONCE, cursor: search.cursor };
        const answer = await api.json("GET", "/messages", { query });
        if (search !== state.searched) return; // the search was replaced or ended meanwhile
        for (const message of answer.messages) keep(search.found, message);
        Object.assign(search, { cursor: answer.next_cursor, lookedAt: search.lookedAt + answer.looked_at });
        changed();
      }
    });
  }

  function keep(found, message) {
    const id = message.conversation_id;
    found.set(id, [...(found.get(id) ?? []), message]);
  }

  /** Replace each message by the result of `choose`. A message with the result null is removed. */
  function each(choose) {
    for (const [id, messages] of state.searched?.found ?? []) {
      const left = messages.map(choose).filter(Boolean);
      if (left.length > 0) state.searched.found.set(id, left);
      else state.searched.found.delete(id);
    }
  }

  const hits = (id) => state.searched?.found.get(id) ?? [];
  const isTonight = () => Boolean(state.searched?.query.expires_before);
  const firstEnd = (id) => Math.min(...hits(id).map((one) => Date.parse(one.expires_at)));

  return {
    further,
    hits,
    isTonight,
    firstEnd,
    words: () => begin({ ...state.searched?.query, q: state.search }),
    has(what) {
      if (what) return begin({ has: what });
      state.searched = null;
      changed();
    },
    tonight() {
      if (!isTonight()) return begin({ expires_before: now() + SOON });
      state.searched = null;
      changed();
    },
    /** End the search if other words were typed. */
    type(words) {
      state.search = words;
      if (state.searched?.query.q) state.searched = null;
      changed();
    },
    /** Search again after a deletion. */
    refresh: () => state.searched && begin(state.searched.query),
    change: (message) => each((one) => (one.id === message.id ? message : one)),
    lose: (id) => each((one) => one.id !== id && one),
    expire: () => each((one) => Date.parse(one.expires_at) > now() && one),
    /** Returns the newest found message of a conversation; undefined in a search for messages that expire tonight. */
    best: (id) => (isTonight() ? undefined : hits(id)[0]),
    /** Returns the found conversations, newest first. In a search for tonight, the earliest expiry comes first. */
    rows() {
      const known = state.inbox.conversations;
      const all = [...state.searched.found].map(([id, [newest]]) => known.get(id) ?? begun(newest));
      return isTonight() ? all.sort((one, other) => firstEnd(one.id) - firstEnd(other.id)) : ordered(all);
    },
  };
}
