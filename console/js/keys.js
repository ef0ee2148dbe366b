// The actions of single keys. Letters are found by their place on the keyboard, so they work in a Khmer layout too.

import { found } from "./found.js";
import { showDialog } from "./parts.js";
import { isDone } from "./staff_marks.js";

const BY_PLACE = {
  KeyJ: "next",
  KeyK: "before",
  KeyN: "unread",
  KeyD: "markDone",
  KeyU: "markUnread",
  Slash: "search",
};
const BY_SIGN = { "/": "search", "?": "help", Escape: "leave" };

export function onKey(app, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const asked = event.code === "Slash" && event.shiftKey ? "help" : (BY_SIGN[event.key] ?? BY_PLACE[event.code]);
  if (asked === "leave") return leave(app, event);
  const typing = event.target.closest?.("input, textarea, select, dialog");
  if (!asked || typing || app.state.dialog) return;
  if (ACTIONS[asked](app)) event.preventDefault();
}

/** Each function returns whether it did something. */
const ACTIONS = {
  search() {
    const field = document.getElementById("search");
    field?.focus();
    field?.select();
    return field !== null;
  },
  next: (app) => go(app, (ids, place) => ids[place + 1]),
  before: (app) => go(app, (ids, place) => ids[place - 1]),
  unread: (app) =>
    go(app, (ids, place) => {
      const round = [...ids.slice(place + 1), ...ids.slice(0, place + 1)];
      const { conversations } = app.state.inbox;
      return round.find((id) => app.state.unread.has(id) || conversations.get(id)?.mark?.unread);
    }),
  markDone: (app) => mark(app, (one) => ({ done: !isDone(one) })),
  markUnread: (app) => mark(app, (one) => ({ unread: !one.mark?.unread })),
  help(app) {
    showDialog(app, { kind: "help" });
    return true;
  },
};

/** Change the marks of the open conversation. */
function mark(app, change) {
  const conversation = app.state.inbox.conversations.get(app.state.selected);
  if (!conversation || conversation.mark === null) return false;
  app.staffMarks.change(conversation, change(conversation));
  return true;
}

/** Open the conversation that `choose` finds in the list. */
function go(app, choose) {
  if (!app.may("messages:read")) return false;
  const ids = found(app).map((one) => one.id);
  const id = choose(ids, ids.indexOf(app.state.selected));
  if (!id) return false;
  app.show("inbox", id);
  app.rowWindow.reveal(ids.indexOf(id));
  return true;
}

function leave(app, event) {
  const { state } = app;
  if (state.dialog) return;
  if (event.target.id === "search" && state.search) {
    app.serverSearch.type("");
  } else if (state.view === "inbox" && state.selected && !event.target.closest?.("dialog")) {
    const id = state.selected;
    app.show("inbox");
    app.rowWindow.reveal(app.rowWindow.placeOf(id), { focus: true });
  }
}
