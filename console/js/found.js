// Selects the conversations that match the search and the filters.

import { ordered } from "./inbox_state.js";
import { nameOf } from "./parts.js";
import { isDone } from "./staff_marks.js";
import { folded, findsFolded, question, textsOf } from "./search.js";

const texts = new WeakMap(); // a message's texts, in the form in which texts are compared
const names = new WeakMap(); // a conversation's name, and its form for comparing

/** The conversations in the order of the list. */
export function found(app) {
  const { state } = app;
  const all = listed(app);
  if (!state.search && !state.page && !state.direction && !state.notDone) return all;
  const asked = question(state.search);
  return all.filter((conversation) => {
    const { id, page_id: page, last_message: last } = conversation;
    if (state.page && page !== state.page) return false;
    if (state.notDone && isDone(conversation)) return false;
    // If a conversation is not loaded, only its found message is known.
    const known = state.inbox.conversations.has(id);
    if (state.direction && known && last.direction !== state.direction) return false;
    return !asked.words || isFound(state, id) || answers(app, asked, conversation);
  });
}

function listed({ state, serverSearch, orderHold }) {
  const loaded = () => ordered(state.inbox.conversations.values());
  if (!state.searched) return orderHold.apply(loaded());
  const { q, has } = state.searched.query;
  const rows = serverSearch.rows();
  if (!q || has) return rows;
  // The service does not have the names, so this page searches them.
  return ordered([...rows, ...loaded().filter(({ id }) => !state.searched.found.has(id))]);
}

/** Whether the service has found the words in a conversation. */
const isFound = ({ searched }, id) => Boolean(searched?.query.q && searched.found.has(id));

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
