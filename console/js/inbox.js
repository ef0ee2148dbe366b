// What is kept of conversations and messages in this tab's memory, and how news changes it.

import { path } from "./page-inbox.js";

const AT_ONCE = 50; // conversations or messages of one call
const MOST = 100; // conversations of one call, where many are read again
const MOST_THREADS = 20; // conversations whose messages stay in memory, the last opened ones
const MOST_CALLS = 10; // for conversations that are not here; each is among the newest
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

/** Forget a message; the conversations that have lost their newest one. */
export function lose(inbox, threads, id) {
  for (const [conversation, thread] of threads) {
    if (thread.messages.delete(id)) {
      const kept = inbox.conversations.get(conversation);
      if (kept) kept.message_count = Math.max(1, kept.message_count - 1);
    }
  }
  return [...inbox.conversations.values()].filter((one) => one.last_message.id === id).map((one) => one.id);
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

/** What may be done with the inbox; each calls `changed` when there is something to show. */
export function createInbox({ api, state, changed }) {
  let reading = null;
  let stale = false;
  let arrived = []; // messages that the stream brings while everything is read again

  async function read(query) {
    return api.json("GET", "/conversations", { query: { limit: AT_ONCE, ...query } });
  }

  /** Read again as much of the list as was here. A call meanwhile makes it begin once more, after this time. */
  function refresh() {
    stale = true;
    reading ??= readAll().finally(() => (reading = null));
    return reading;
  }

  async function readAll() {
    const { inbox } = state;
    while (stale) {
      stale = false;
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
        if (inbox !== state.inbox) return; // another shop meanwhile
        Object.assign(inbox, { conversations, cursor, status: "ready", problem: null });
        for (const message of arrived.splice(0)) take(inbox, new Map(), message);
        for (const id of state.threads.keys()) if (id !== state.selected) state.threads.delete(id);
        if (state.selected && !conversations.has(state.selected) && cursor === null) close();
        changed();
        if (state.selected) await open(state.selected, { again: true });
      } catch (problem) {
        if (inbox.status !== "ready") inbox.status = "failed";
        inbox.problem = problem;
        changed();
      }
    }
  }

  /** Read the newest conversations until these are here. All others, and how far the list is read, stay as they are. */
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
          if (!known || known.last_activity_at < one.last_activity_at) inbox.conversations.set(one.id, one);
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

  /** A conversation has lost its newest message: the one before it is the newest now, or the conversation is over. */
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
    state.threads.delete(id);
    state.threads.set(id, thread);
    for (const oldest of state.threads.keys()) if (state.threads.size > MOST_THREADS) state.threads.delete(oldest);
    changed();
    try {
      // As far back as before: the reader's place stays.
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

  return {
    refresh,
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
  return [];
}

/** The path of one message, or of one conversation. */
export const placeOf = (kind, id) => path(`${kind}s`, id);
