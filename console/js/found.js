// What search and filters leave of the conversations.

import { ordered } from "./inbox_state.js";
import { nameOf } from "./parts.js";
import { folded, findsFolded, question, textsOf } from "./search.js";

const texts = new WeakMap(); // a message's texts as they are compared
const names = new WeakMap(); // a conversation's name, and the same as it is compared

/** The conversations in the order of the list. */
export function found(app) {
  const { state } = app;
  const all = state.tonight ? app.tonight.rows() : app.orderHold.apply(ordered(state.inbox));
  if (!state.search && !state.page && !state.direction) return all;
  const asked = question(state.search);
  return all.filter((conversation) => {
    if (state.page && conversation.page_id !== state.page) return false;
    if (state.direction && conversation.last_message.direction !== state.direction) return false;
    return !asked.words || answers(app, asked, conversation);
  });
}

function answers(app, asked, conversation) {
  if (findsFolded(asked, [foldedName(app, conversation), ...foldedTexts(conversation.last_message)])) return true;
  const thread = app.state.threads.get(conversation.id);
  return thread ? [...thread.messages.values()].some((one) => findsFolded(asked, foldedTexts(one))) : false;
}

function foldedTexts(message) {
  if (!texts.has(message)) texts.set(message, textsOf(message).map(folded));
  return texts.get(message);
}

function foldedName(app, conversation) {
  const name = nameOf(app, conversation);
  const kept = names.get(conversation);
  if (kept?.name === name) return kept.folded;
  names.set(conversation, { name, folded: folded(name) });
  return names.get(conversation).folded;
}
