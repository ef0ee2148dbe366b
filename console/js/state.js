// Everything that the page shows, before the first sign-in.

import { emptyInbox } from "./inbox_state.js";

/** `may(scope)` returns whether the session's token has a scope. */
export function emptyState(may) {
  return {
    session: null,
    lastShop: null,
    signInProblem: null,
    everyShop: false,
    view: "inbox",
    views: () => viewsFor(may),
    connection: "connecting",
    inbox: emptyInbox(),
    threads: new Map(),
    selected: null,
    unread: null, // new messages by conversation
    search: "",
    page: "",
    direction: "",
    searched: null, // the search that the service does
    posts: {},
    reactions: new Map(),
    unfolded: new Set(), // long texts that are shown whole
    stirred: new Set(),
    postsPage: "",
    postsKind: "posts",
    shop: null,
    shopProblem: null,
    audit: null,
    exporting: null,
    receipts: [],
    notDone: false, // whether the list leaves out conversations that are marked as done
    labels: null,
    typedLabels: null,
    picked: new Map(), // ids of the messages that are in a conversation's order
    dialog: null,
    said: null,
    announced: null,
  };
}

/** Returns the views that the token allows. */
function viewsFor(may) {
  const views = [];
  if (may("messages:read")) views.push("inbox");
  if (may("graph:read")) views.push("posts");
  return [...views, "shop"];
}
