// Handles the events of the stream, and changes the page.

import { change, isHistory, lose } from "./inbox_state.js";

const MOST_REACTIONS = 500; // reactions in memory, the newest ones
const TOGETHER = 150; // milliseconds; requests to read within this time cause one read

/** Returns a function that does the job once for all calls within a short time. */
function together(job) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      job();
    }, TOGETHER);
  };
}

export function createNews(app) {
  const { state } = app;
  const unknown = new Set(); // conversations that are not loaded and have a new message
  const again = together(() => {
    app.inbox.refresh({ deleted: true });
    app.serverSearch.refresh();
  });
  const readUnknown = together(() => {
    app.inbox.readNewest([...unknown]);
    unknown.clear();
  });

  function arrived(message) {
    const id = message.conversation_id;
    const wasKnown = state.inbox.conversations.has(id);
    const fresh = app.inbox.take(message);
    if (!wasKnown && state.inbox.conversations.has(id)) {
      // Only the service knows how many messages the conversation has.
      unknown.add(id);
      readUnknown();
    }
    if (fresh && state.selected === id) app.threadScroll.countArrival();
    if (message.direction !== "in" || !fresh || isHistory(message)) return;
    const looking = state.view === "inbox" && state.selected === id && !document.hidden;
    if (!looking) {
      state.unread.set(id, (state.unread.get(id) ?? 0) + 1, Date.parse(message.expires_at));
      app.alerts.ring(id);
    }
    state.announced = { message, number: (state.announced?.number ?? 0) + 1 };
  }

  /** Live events, which are lost when the page is closed. */
  function happened({ kind, message_id: id, action, emoji, page_id: page, from }) {
    if (kind === "reaction" && id) {
      if (action === "unreact") state.reactions.delete(id);
      else state.reactions.set(id, emoji ?? "👍");
      const { reactions } = state;
      for (const oldest of reactions.keys()) if (reactions.size > MOST_REACTIONS) reactions.delete(oldest);
    } else if (kind === "feed" && page && from?.id !== page) {
      state.stirred.add(page);
    }
  }

  return function news({ type, data, reload }) {
    // Something may have been deleted while this page had no stream.
    if (type === "start") return app.inbox.refresh({ deleted: state.inbox.status === "ready" });
    // Messages that this page has deleted are already removed.
    const own = type === "purge" && state.receipts.some((one) => one.purge_id === data.purge_id);
    if (reload && !own) again();
    switch (type) {
      case "message":
        arrived(data);
        break;
      case "edited":
        change(state.inbox, state.threads, data);
        app.serverSearch.change(data);
        break;
      case "erased":
        lose(state.inbox, state.threads, data.id).forEach(app.inbox.readLast);
        app.serverSearch.lose(data.id);
        break;
      case "marked":
        app.staffMarks.take(data);
        break;
      case "live":
        happened(data);
        break;
    }
    app.changed();
  };
}
