// What goes tonight: the messages that end within twelve hours, by conversation.

import { begun } from "./inbox_state.js";

const SOON = 12 * 3_600_000; // milliseconds
const AT_ONCE = 100;
const MOST_CALLS = 20; // the service looks through some thousand messages for each

/** `state.tonight` is null, or has the `conversations` with how many messages end, and when the first of them does. */
export function createTonight({ api, state, changed, now }) {
  async function load() {
    const tonight = (state.tonight = { status: "loading", conversations: new Map(), problem: null });
    changed();
    try {
      const before = now() + SOON;
      let cursor = "";
      for (let calls = 0; cursor !== null && calls < MOST_CALLS; calls += 1) {
        const query = { expires_before: before, limit: AT_ONCE, cursor };
        const answer = await api.json("GET", "/messages", { query });
        for (const message of answer.messages) count(tonight.conversations, message);
        cursor = answer.next_cursor;
      }
      Object.assign(tonight, { status: "ready", complete: cursor === null });
    } catch (problem) {
      Object.assign(tonight, { status: "failed", problem });
    }
    changed();
  }

  function count(conversations, message) {
    const one = conversations.get(message.conversation_id) ?? { row: begun(message), ends: [] };
    one.ends.push(Date.parse(message.expires_at));
    conversations.set(message.conversation_id, one);
  }

  return {
    load,
    toggle() {
      if (!state.tonight) return load();
      state.tonight = null;
      changed();
    },
    /** Read again what was shown, after something was deleted. */
    refresh: () => state.tonight && load(),
    /** Conversations that still lose something, the earliest first, as rows of the list. */
    rows() {
      const left = ({ ends }) => ends.filter((one) => one > now());
      return [...state.tonight.conversations.entries()]
        .filter(([, one]) => left(one).length > 0)
        .sort(([, one], [, other]) => Math.min(...left(one)) - Math.min(...left(other)))
        .map(([id, one]) => state.inbox.conversations.get(id) ?? one.row);
    },
    /** How many of a conversation's messages go, and when the first one does. */
    of(id) {
      const ends = state.tonight?.conversations.get(id)?.ends.filter((one) => one > now()) ?? [];
      return ends.length > 0 ? { n: ends.length, at: Math.min(...ends) } : null;
    },
  };
}
