// The actions on conversations and messages: read them, read more, open one, forget one.

import { activityOf, begun, forget, place, take } from "./inbox_state.js";
import { path } from "./page-inbox.js";
import { work } from "./work.js";

const AT_ONCE = 50; // conversations or messages of one call
const MOST = 100; // conversations or messages of one call, when many are needed
const MOST_BACK = 2_000; // messages that are read, at most, to show an earlier message
const MOST_THREADS = 20; // conversations whose messages stay in memory, the last opened ones
const AGAIN = 3_000; // milliseconds before the list is read again, if a read after a deletion fails
const LONG = 200; // messages; a thread with more messages is long
const MOST_CALLS = 10; // calls that look among the newest conversations for those that are not loaded

/** Each function calls `changed` when there is something to show. */
export function createInbox({ api, state, changed, say }) {
  let reading = null;
  let stale = false;
  let deleted = false; // something was deleted, and the list has not been read again yet
  let arrived = []; // messages that the stream delivers while everything is read again

  async function read(query) {
    return api.json("GET", "/conversations", { query: { limit: AT_ONCE, ...query } });
  }

  /**
   * Read the loaded part of the list again. A call during the read starts one more read. If something was deleted and
   * the read fails, the screen is cleared.
   */
  function refresh(why) {
    stale = true;
    deleted ||= why?.deleted === true;
    reading ??= readAll().finally(() => (reading = null));
    return reading;
  }

  async function readAll() {
    while (stale) {
      stale = false;
      const { inbox } = state;
      try {
        const conversations = new Map();
        const wanted = inbox.conversations.size;
        let cursor = "";
        arrived = [];
        do {
          const answer = await read({ cursor, limit: wanted > AT_ONCE ? MOST : AT_ONCE });
          for (const one of answer.conversations) conversations.set(one.id, one);
          cursor = answer.next_cursor;
        } while (cursor !== null && conversations.size < wanted);
        if (inbox !== state.inbox) continue; // another shop signed in during the read
        Object.assign(inbox, { conversations, cursor, status: "ready", problem: null });
        for (const message of arrived.splice(0)) take(inbox, new Map(), message);
        for (const id of state.threads.keys()) if (id !== state.selected) state.threads.delete(id);
        if (state.selected && !conversations.has(state.selected) && cursor === null) close();
        changed();
        if (state.selected) await open(state.selected, { again: true });
        deleted &&= stale;
      } catch (problem) {
        if (inbox !== state.inbox) continue;
        if (deleted) forget(state, "shop");
        if (inbox.status !== "ready" || deleted) inbox.status = "failed";
        inbox.problem = problem;
        changed();
        if (deleted && problem.transient) setTimeout(refresh, AGAIN);
      }
    }
  }

  /**
   * Read the newest conversations until those in `ids` are loaded. Other conversations and the list's position stay.
   */
  async function readNewest(ids) {
    const { inbox } = state;
    if (inbox.status !== "ready") return refresh();
    const missing = new Set(ids);
    try {
      let cursor = "";
      for (let calls = 0; missing.size && cursor !== null && calls < MOST_CALLS; calls += 1) {
        const answer = await read({ cursor });
        for (const one of answer.conversations) {
          const known = inbox.conversations.get(one.id);
          if (!known || known.last_activity_at <= one.last_activity_at) inbox.conversations.set(one.id, one);
          missing.delete(one.id);
        }
        cursor = answer.next_cursor;
      }
      inbox.problem = null;
    } catch (problem) {
      inbox.problem = problem;
    }
    changed();
  }

  /**
   * A conversation has lost its newest message. Now the previous message is the newest, or the conversation is empty.
   */
  async function readLast(id) {
    const { inbox } = state;
    try {
      const answer = await api.json("GET", "/messages", { query: { conversation: id, limit: 1 } });
      const [last] = answer.messages;
      const conversation = inbox.conversations.get(id);
      if (!last) forget(state, "conversation", id);
      else if (conversation) Object.assign(conversation, { last_message: last, last_activity_at: activityOf(last) });
    } catch (problem) {
      inbox.problem = problem;
    }
    changed();
  }

  async function more() {
    const { inbox } = state;
    if (inbox.cursor === null) return;
    await work(inbox, changed, async () => {
      const answer = await read({ cursor: inbox.cursor });
      for (const one of answer.conversations)
        if (!inbox.conversations.has(one.id)) inbox.conversations.set(one.id, one);
      inbox.cursor = answer.next_cursor;
    });
  }

  function close() {
    state.selected = null;
    changed();
  }

  /**
   * Show a conversation: the loaded part at once, and the newest messages when they arrive. `backTo` is the id of an
   * earlier message to load too.
   */
  async function open(id, { again = false, backTo } = {}) {
    const before = isWorthKeeping(id) ? state.threads.get(id) : undefined;
    state.selected = id;
    state.unread.delete(id);
    const hasWanted = !backTo || before?.messages.has(backTo);
    if (before && before.status === "ready" && !again && hasWanted) return changed();
    const thread = before ?? { status: "loading", messages: new Map(), cursor: null, busy: false, problem: null };
    if (thread.status === "failed") thread.status = "loading";
    state.threads.delete(id);
    state.threads.set(id, thread);
    for (const oldest of state.threads.keys()) if (state.threads.size > MOST_THREADS) state.threads.delete(oldest);
    changed();
    try {
      // Read at least as many messages as were loaded, so that the reader's place stays.
      const wanted = thread.messages.size;
      const found = [];
      let cursor = "";
      do {
        const query = { conversation: id, limit: backTo ? MOST : AT_ONCE, cursor };
        const answer = await api.json("GET", "/messages", { query });
        found.push(...answer.messages);
        cursor = answer.next_cursor;
      } while (cursor !== null && (found.length < wanted || isShort(found, backTo)));
      const came = [...thread.messages.values()].filter(
        (one) => found.length && one.received_at > found[0].received_at,
      );
      Object.assign(thread, { status: "ready", cursor, problem: null, messages: new Map(), oldest: 0 });
      place(thread, found);
      if (!showUnlisted(id, found, cursor)) return;
      // Add the messages that the stream has delivered during the read.
      for (const one of came) thread.messages.set(one.id, one);
    } catch (problem) {
      if (deleted) thread.messages.clear();
      if (thread.status !== "ready" || deleted) thread.status = "failed";
      thread.problem = problem;
    }
    changed();
  }

  /** Whether a requested earlier message is not loaded yet. */
  const isShort = (found, wanted) =>
    Boolean(wanted) && found.length < MOST_BACK && !found.some((one) => one.id === wanted);

  /**
   * Whether a thread stays in memory. A long thread is read again, because drawing all of it takes longer than reading
   * its newest messages. The open thread, and a thread with messages in an order, stay.
   */
  const isWorthKeeping = (id) =>
    state.selected === id || state.picked.get(id)?.size > 0 || state.threads.get(id)?.messages.size <= LONG;

  /** Load the conversation of a link, if the list does not have it yet. Returns whether the conversation exists. */
  function showUnlisted(id, newestFirst, cursor) {
    const { conversations } = state.inbox;
    if (conversations.has(id)) return true;
    if (newestFirst.length > 0) {
      const count = cursor === null ? newestFirst.length : undefined;
      conversations.set(id, { ...begun(newestFirst[0]), message_count: count });
      readNewest([id]);
      return true;
    }
    state.threads.delete(id);
    if (state.selected === id && state.inbox.status === "ready") {
      close();
      say("link.gone");
    }
    return false;
  }

  async function older() {
    const id = state.selected;
    const thread = state.threads.get(id);
    if (!thread || thread.cursor === null) return;
    await work(thread, changed, async () => {
      const query = { conversation: id, limit: AT_ONCE, cursor: thread.cursor };
      const answer = await api.json("GET", "/messages", { query });
      place(thread, answer.messages);
      thread.cursor = answer.next_cursor;
    });
  }

  /** Returns a conversation's address at Facebook, or undefined if Facebook gives none. */
  async function linkOf(page, customer) {
    try {
      const answer = await api.json("GET", path("pages", page, "conversations"), { query: { customer, limit: 1 } });
      return answer.items[0]?.link;
    } catch {
      return undefined;
    }
  }

  return {
    refresh,
    linkOf,
    readNewest,
    readLast,
    more,
    open,
    older,
    close,
    take(message) {
      if (reading) arrived.push(message);
      return take(state.inbox, state.threads, message);
    },
    forget: (kind, id) => forget(state, kind, id),
  };
}

/** The path of one message, or of one conversation. */
export const placeOf = (kind, id) => path(`${kind}s`, id);
