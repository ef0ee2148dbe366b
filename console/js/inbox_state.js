// The conversations and messages in this tab's memory, and their changes. Pure, except that it changes its arguments.

const KEPT = 5 * 24 * 3_600_000; // milliseconds that a message is kept
const NEWS = 10 * 60_000; // milliseconds after sending; a message that is fetched within this time counts as new

/** The inbox before it is read. */
export function emptyInbox() {
  return { status: "loading", problem: null, conversations: new Map(), cursor: null, busy: false };
}

/** Conversations, newest activity first. */
export function ordered(conversations) {
  return [...conversations].sort((one, other) =>
    one.last_activity_at < other.last_activity_at ? 1 : one.last_activity_at > other.last_activity_at ? -1 : 0,
  );
}

/** A thread's messages, oldest first. */
export function inOrder(thread) {
  return [...thread.messages.values()].sort((one, other) =>
    one.received_at < other.received_at ? -1 : one.received_at > other.received_at ? 1 : one.place - other.place,
  );
}

/** Returns the time of a message's activity: its receipt, or its sending if it was fetched from Facebook. */
export const activityOf = (message) => new Date(Date.parse(message.expires_at) - KEPT).toISOString();

/**
 * Whether a message was fetched from Facebook long after it was sent. The shop saw it at Facebook, so it is not new.
 */
export function isHistory(message) {
  const sent = Date.parse(message.sent_at ?? message.received_at);
  const fetched = Date.parse(message.expires_at) - sent <= KEPT;
  return fetched && Date.parse(message.received_at) - sent > NEWS;
}

/** A conversation with only its newest message loaded. `mark` is null, because the staff's mark is not known. */
export function begun(message) {
  return {
    id: message.conversation_id,
    page_id: message.page_id,
    customer_id: message.conversation_id.slice(message.page_id.length + 1),
    message_count: 1,
    last_message: message,
    last_activity_at: activityOf(message),
    mark: null,
  };
}

/** Add a message. Returns whether it is new. */
export function take(inbox, threads, message) {
  const conversation = inbox.conversations.get(message.conversation_id);
  const thread = threads.get(message.conversation_id);
  const known = thread?.messages.get(message.id);
  thread?.messages.set(message.id, { ...message, place: known?.place ?? nextPlace(thread) });
  if (!conversation) {
    const shown = inbox.status === "ready" && isInReach(inbox, message);
    if (shown) inbox.conversations.set(message.conversation_id, begun(message));
    return !known;
  }
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

/** Replace an edited message in its place. */
export function change(inbox, threads, message) {
  const thread = threads.get(message.conversation_id);
  const known = thread?.messages.get(message.id);
  if (known) thread.messages.set(message.id, { ...message, place: known.place });
  const conversation = inbox.conversations.get(message.conversation_id);
  if (conversation?.last_message.id === message.id) conversation.last_message = message;
}

/** Forget a message. Returns the conversations that have lost their newest message. */
export function lose(inbox, threads, id) {
  for (const [conversation, thread] of threads) {
    if (thread.messages.delete(id)) {
      const kept = inbox.conversations.get(conversation);
      if (kept) kept.message_count = Math.max(1, kept.message_count - 1);
    }
  }
  return [...inbox.conversations.values()].filter((one) => one.last_message.id === id).map((one) => one.id);
}

/** Forget all expired messages. Returns whether there were any. */
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

/** Whether the loaded part of the list reaches back to the time of a message. */
function isInReach(inbox, message) {
  if (inbox.cursor === null) return true;
  const active = activityOf(message);
  return [...inbox.conversations.values()].some((one) => one.last_activity_at < active);
}

const nextPlace = (thread) => (thread.newest = (thread.newest ?? 0) + 1);

/** Put messages (newest first) before the messages that the thread has. */
export function place(thread, newestFirst) {
  for (const message of newestFirst) {
    if (thread.messages.has(message.id)) continue;
    thread.oldest = (thread.oldest ?? 0) - 1;
    thread.messages.set(message.id, { ...message, place: thread.oldest });
  }
}

/** Forget a message, a conversation or everything. Returns the conversations that have lost their newest message. */
export function forget(state, kind, id) {
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
