// What the stream tells, and what becomes of it.

import { change, lose, take } from "./inbox.js";

export function createNews(app) {
  const { state } = app;
  let asking = false;

  /** Read the conversations again, once for however many reasons came together. */
  function again() {
    if (asking) return;
    asking = true;
    setTimeout(() => {
      asking = false;
      app.inbox.refresh();
    }, 150);
  }

  function arrived(message) {
    const fresh = take(state.inbox, state.threads, message);
    if (!state.inbox.conversations.has(message.conversation_id)) again();
    if (fresh && state.selected === message.conversation_id) app.threadScroll.countArrival();
    if (message.direction !== "in" || !fresh) return;
    const looking = state.view === "inbox" && state.selected === message.conversation_id && !document.hidden;
    if (!looking) {
      state.unread.set(message.conversation_id, (state.unread.get(message.conversation_id) ?? 0) + 1);
    }
    state.announced = { message, number: (state.announced?.number ?? 0) + 1 };
  }

  /** What is told live alone, and gone with the page. */
  function happened({ kind, message_id: id, action, emoji, page_id: page, from }) {
    if (kind === "reaction" && id) {
      if (action === "unreact") state.reactions.delete(id);
      else state.reactions.set(id, emoji ?? "👍");
    } else if (kind === "feed" && page && from?.id !== page) {
      state.stirred.add(page);
    }
  }

  return function news({ type, data, reload }) {
    if (type === "start") return app.inbox.refresh();
    if (reload) again();
    switch (type) {
      case "message":
        arrived(data);
        break;
      case "edited":
        change(state.inbox, state.threads, data);
        break;
      case "erased":
        if (lose(state.inbox, state.threads, data.id)) again();
        break;
      case "live":
        happened(data);
        break;
    }
    app.changed();
  };
}
