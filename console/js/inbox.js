// What is kept of conversations and messages in this tab's memory, and how news changes it.

import { path } from "./page-inbox.js";

const AT_ONCE = 50; // conversations or messages of one call
const KEPT = 5 * 24 * 3_600_000; // milliseconds that a message is kept

/** The inbox as nobody has read it yet. */
export function emptyInbox() {
  return { status: "loading", problem: null, conversations: new Map(), cursor: null, busy: false };
}

/** Conversations, newest activity first. */
export function ordered(inbox) {
  return [...inbox.conversations.values()].sort((one, other) =>
    one.last_activity_at < other.last_activity_at ? 1 : one.last_activity_at > other.last_activity_at ? -1 : 0,
  );
}

/** A thread's messages, oldest first. */
export function inOrder(thread) {
  return [...thread.messages.values()].sort((one, other) =>
    one.received_at < other.received_at ? -1 : one.received_at > other.received_at ? 1 : one.place - other.place,
  );
}

/** A message that was fetched from Facebook counts from when it was sent, as its deadline does. */
const activityOf = (message) => new Date(Date.parse(message.expires_at) - KEPT).toISOString();

/** Pure but for its arguments: take a message in; whether it is a new one. */
export function take(inbox, threads, message) {
  const conversation = inbox.conversations.get(message.conversation_id);
  const thread = threads.get(message.conversation_id);
  const known = thread?.messages.get(message.id);
  thread?.messages.set(message.id, { ...message, place: known?.place ?? nextPlace(thread) });
  if (!conversation) return !known;
  const last = conversation.last_message;
  if (last.id === message.id) {
    conversation.last_message = message;
    return false;
  }
  const active = activityOf(message);
  if (active < conversation.last_activity_at || known) return false;
  conversation.last_message = message;
  conversation.last_activity_at = active;
  conversation.message_count += 1;
  return true;
}

/** A message whose text was edited; it stays in its place. */
export function change(inbox, threads, message) {
  const thread = threads.get(message.conversation_id);
  const known = thread?.messages.get(message.id);
  if (known) thread.messages.set(message.id, { ...message, place: known.place });
  const conversation = inbox.conversations.get(message.conversation_id);
  if (conversation?.last_message.id === message.id) conversation.last_message = message;
}

/** Forget a message; whether a conversation has lost its newest, and must be asked for again. */
export function lose(inbox, threads, id) {
  for (const [conversation, thread] of threads) {
    if (thread.messages.delete(id)) {
      const kept = inbox.conversations.get(conversation);
      if (kept) kept.message_count = Math.max(1, kept.message_count - 1);
    }
  }
  return [...inbox.conversations.values()].some((conversation) => conversation.last_message.id === id);
}

/** Forget whatever is over its deadline; whether anything was. */
export function expire(inbox, threads, now) {
  let any = false;
  for (const thread of threads.values()) {
    for (const message of thread.messages.values()) {
      if (Date.parse(message.expires_at) <= now) any = thread.messages.delete(message.id) || any;
    }
  }
  for (const conversation of inbox.conversations.values()) {
    if (Date.parse(conversation.last_message.expires_at) <= now)
      any = inbox.conversations.delete(conversation.id) || any;
  }
  return any;
}

const nextPlace = (thread) => (thread.newest = (thread.newest ?? 0) + 1);

/** What may be done with the inbox; each tells `changed` when there is something to show. */
export function createInbox({ api, state, changed }) {
  async function read(query) {
    return api.json("GET", "/conversations", { query: { limit: AT_ONCE, ...query } });
  }

  async function refresh() {
    try {
      const answer = await read({});
      state.inbox.conversations = new Map(answer.conversations.map((one) => [one.id, one]));
      Object.assign(state.inbox, { status: "ready", problem: null, cursor: answer.next_cursor });
      for (const id of state.threads.keys()) if (id !== state.selected) state.threads.delete(id);
      if (state.selected && !state.inbox.conversations.has(state.selected) && !answer.next_cursor) close();
      changed();
      if (state.selected) await open(state.selected, { again: true });
    } catch (problem) {
      if (state.inbox.status !== "ready") state.inbox.status = "failed";
      state.inbox.problem = problem;
      changed();
    }
  }

  async function more() {
    const { inbox } = state;
    if (inbox.cursor === null || inbox.busy) return;
    inbox.busy = true;
    changed();
    try {
      const answer = await read({ cursor: inbox.cursor });
      for (const one of answer.conversations)
        if (!inbox.conversations.has(one.id)) inbox.conversations.set(one.id, one);
      inbox.cursor = answer.next_cursor;
      inbox.problem = null;
    } catch (problem) {
      inbox.problem = problem;
    }
    inbox.busy = false;
    changed();
  }

  function close() {
    state.selected = null;
    changed();
  }

  /** Show a conversation: what is known of it at once, its newest messages as soon as they are here. */
  async function open(id, { again = false } = {}) {
    state.selected = id;
    state.unread.delete(id);
    const before = state.threads.get(id);
    if (before && before.status === "ready" && !again) return changed();
    const thread = before ?? { status: "loading", messages: new Map(), cursor: null, busy: false, problem: null };
    if (thread.status === "failed") thread.status = "loading";
    state.threads.set(id, thread);
    changed();
    try {
      // As far back as before, so that nobody loses his place.
      const wanted = thread.messages.size;
      const found = [];
      let cursor = "";
      do {
        const answer = await api.json("GET", "/messages", { query: { conversation: id, limit: AT_ONCE, cursor } });
        found.push(...answer.messages);
        cursor = answer.next_cursor;
      } while (cursor !== null && found.length < wanted);
      const came = [...thread.messages.values()].filter(
        (one) => found.length && one.received_at > found[0].received_at,
      );
      Object.assign(thread, { status: "ready", cursor, problem: null, messages: new Map(), oldest: 0 });
      place(thread, found);
      // What the stream brought in the meantime.
      for (const one of came) thread.messages.set(one.id, one);
    } catch (problem) {
      if (thread.status !== "ready") thread.status = "failed";
      thread.problem = problem;
    }
    changed();
  }

  async function older() {
    const id = state.selected;
    const thread = state.threads.get(id);
    if (!thread || thread.cursor === null || thread.busy) return;
    thread.busy = true;
    changed();
    try {
      const query = { conversation: id, limit: AT_ONCE, cursor: thread.cursor };
      const answer = await api.json("GET", "/messages", { query });
      place(thread, answer.messages);
      thread.cursor = answer.next_cursor;
      thread.problem = null;
    } catch (problem) {
      thread.problem = problem;
    }
    thread.busy = false;
    changed();
  }

  return { refresh, more, open, older, close, forget: (kind, id) => forget(state, kind, id) };
}

/** Put messages that came newest first before those that are there. */
function place(thread, newestFirst) {
  for (const message of newestFirst) {
    if (thread.messages.has(message.id)) continue;
    thread.oldest = (thread.oldest ?? 0) - 1;
    thread.messages.set(message.id, { ...message, place: thread.oldest });
  }
}

function forget(state, kind, id) {
  if (kind === "conversation") {
    state.inbox.conversations.delete(id);
    state.threads.delete(id);
    if (state.selected === id) state.selected = null;
  } else if (kind === "message") {
    return lose(state.inbox, state.threads, id);
  } else {
    state.inbox.conversations.clear();
    state.threads.clear();
    state.selected = null;
  }
  return true;
}

/** The path of one message, or of one conversation. */
export const placeOf = (kind, id) => path(`${kind}s`, id);
