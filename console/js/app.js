// The application: its state, the actions that change the state, and the drawing of the page, at most once per frame.

import { createAlerts } from "./alerts.js";
import { createCustomers } from "./customers.js";
import { createInbox } from "./inbox.js";
import { expire } from "./inbox_state.js";
import { createKept } from "./kept.js";
import { createNews } from "./news.js";
import { createPosts } from "./posts.js";
import { createPageNames } from "./page_names.js";
import { createPartner } from "./partner.js";
import { choose } from "./preferences.js";
import { createColumnScroll, createThreadScroll } from "./scrolling.js";
import { createOrderHold } from "./order_hold.js";
import { createRowWindow } from "./row_window.js";
import { forgetEverything, remember, remembered, sessionOf, takeOffered } from "./session.js";
import { createServerSearch } from "./server_search.js";
import { createShop } from "./shop.js";
import { createStaffMarks } from "./staff_marks.js";
import { emptyState } from "./state.js";
import { createClock } from "./time.js";
import { PageInbox } from "./page-inbox.js";
import { page } from "./page_view.js";
import { render } from "./view.js";
import { speak } from "./words.js";

const MOMENT = 15_000; // milliseconds between two checks for expired messages and remaining times

export function createApp({ root, base, sources, partners }) {
  const state = emptyState(may);
  const clock = createClock();
  const app = { state, base, sources, clock, changed, signIn, signOut, chooseLanguage, chooseTheme, show, may, say };
  app.threadScroll = createThreadScroll({ changed });
  app.columnScroll = createColumnScroll();
  app.orderHold = createOrderHold({ changed });
  app.rowWindow = createRowWindow({ changed, onSeen: (ids) => app.customers.want(ids) });
  let drawn = false;
  let atEnd;
  let listening = new AbortController();

  function changed() {
    if (document.hidden) prune(); // a page in the background is not drawn
    if (drawn) return;
    drawn = true;
    requestAnimationFrame(draw);
  }

  function prune() {
    app.customers?.prune();
    state.unread?.prune();
    app.alerts?.prune();
  }

  function draw() {
    drawn = false;
    prune();
    const restore = app.threadScroll.keepPlace(state.selected);
    render(root, page(app));
    restore();
    app.rowWindow.restore();
    document.title = page.title(app);
  }

  const api = new PageInbox({
    url: location.origin,
    token(problem) {
      if (problem) expired("signin.refused");
      return state.session?.token;
    },
    patience: 0,
    onAnswer: (answer) => clock.hear(Date.parse(answer.headers.get("date") ?? "")),
  });
  app.shop = createShop({ api, state, changed, say, now: clock.now });
  app.posts = createPosts({ api, state, changed, now: clock.now });
  app.inbox = createInbox({ api, state, changed, say });
  app.staffMarks = createStaffMarks({ api, state, changed, say, now: clock.now });
  startAnew();
  app.serverSearch = createServerSearch({ api, state, changed, now: clock.now });
  app.partner = createPartner({ origins: partners, onFound: changed });
  app.alerts = createAlerts({ state, changed, open: (id) => show("inbox", id) });
  const news = createNews(app);

  async function listen() {
    listening.abort();
    const { signal } = (listening = new AbortController());
    try {
      for await (const event of api.stream({ signal, onState: connection })) news(event);
    } catch {
      // The token is refused. The next sign-in starts another stream.
    }
  }

  function startAnew() {
    app.customers = createCustomers({ api, may: () => may("graph:read"), changed, now: clock.now, deadlineOf });
    app.pageName = createPageNames({ api, may: () => may("graph:read"), changed });
    state.unread = createKept({ name: "page-inbox.unread", now: clock.now, deadlineOf });
  }

  /** Returns when a conversation expires; 0 if it is deleted, undefined while the list is not read. */
  function deadlineOf(id) {
    if (state.inbox.status !== "ready") return undefined;
    const last = state.inbox.conversations.get(id)?.last_message ?? app.serverSearch.hits(id)[0];
    return Date.parse(last?.expires_at ?? "") || 0;
  }

  function connection(now) {
    if (now === "live" && state.connection === "reconnecting") say("status.back");
    state.connection = now;
    // Read the stored messages without a stream, or show why the read fails.
    if (["reconnecting", "offline"].includes(now) && state.inbox.status === "loading") app.inbox.refresh();
    changed();
  }

  function may(scope) {
    return state.session?.scopes.includes(scope) ?? false;
  }

  /** Sign in. If it is the same shop as before, the page stays as it was. Returns the reason of a refusal. */
  function signIn(token, shop = "") {
    const session = sessionOf(token, shop, clock.now());
    if (session.refused) {
      state.signInProblem = session.refused;
      state.everyShop = session.everyShop ?? false;
      changed();
      return;
    }
    if (state.lastShop && state.lastShop !== session.shop) {
      forgetEverything();
      app.partner.begin();
      history.replaceState(null, "", location.pathname);
      Object.assign(state, emptyState(may), { lastShop: session.shop });
      startAnew();
    }
    Object.assign(state, { session, lastShop: session.shop, signInProblem: null, everyShop: false });
    api.shop = session.shop;
    api.forgetToken();
    remember(session);
    clearTimeout(atEnd);
    atEnd = setTimeout(() => expired("signin.expired"), Math.min(session.ends - clock.now(), 2 ** 31 - 1));
    if (!state.views().includes(state.view)) state.view = state.views()[0];
    if (may("messages:read")) listen();
    if (may("shop:admin")) app.shop.load();
    if (may("messages:purge")) app.shop.followAll();
    if (history.state) arrive(history.state);
    changed();
  }

  /** Sign in with a token from the address. If the tab shows another shop, the reader decides. */
  function consider({ token, shop }) {
    const name = sessionOf(token, shop, clock.now()).shop;
    const replace = () => {
      signOut();
      signIn(token, shop);
    };
    if (name && name === state.session?.shop) signIn(token, shop);
    else if (state.session) state.dialog = { kind: "switch", name: name ?? "?", replace };
    else replace();
  }

  function expired(reason) {
    if (!state.session) return;
    listening.abort();
    Object.assign(state, { session: null, signInProblem: reason, dialog: null, connection: "connecting" });
    changed();
  }

  function signOut() {
    app.partner.begin();
    listening.abort();
    clearTimeout(atEnd);
    forgetEverything();
    Object.assign(state, emptyState(may));
    startAnew();
    changed();
  }

  async function chooseLanguage(language) {
    await speak(language, base);
    choose("language", language);
    changed();
  }

  /** Returns `light`, `dark`, or the choice of the reader's system. */
  function chooseTheme(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    choose("theme", theme);
    changed();
  }

  /** Open a view or a conversation. The browser's Back button closes it again. */
  function show(view, conversation = null) {
    const there = { view, conversation };
    const here = history.state;
    if (!here || here.view !== view || here.conversation !== conversation) {
      history[conversation && here?.conversation ? "replaceState" : "pushState"](there, "", location.pathname);
    }
    arrive(there);
  }

  function arrive({ view, conversation }) {
    state.view = state.views().includes(view) ? view : state.views()[0];
    state.dialog = null;
    if (state.view === "shop" && may("shop:admin")) {
      app.shop.load();
      if (may("messages:read")) app.staffMarks.readLabels();
    }
    if (!conversation) return app.inbox.close();
    const searched = app.serverSearch.best(conversation)?.id;
    if (searched) app.threadScroll.reveal(searched);
    app.inbox.open(conversation, { backTo: searched });
  }

  /** Announce a text to screen readers, and show it for a moment. */
  function say(key, values) {
    state.said = { key, values, number: (state.said?.number ?? 0) + 1 };
    changed();
    clearTimeout(say.timer);
    say.timer = setTimeout(() => {
      state.said = null;
      changed();
    }, 6000);
  }

  function begin() {
    addEventListener("popstate", (event) => arrive(event.state ?? { view: "inbox", conversation: null }));
    // A new address with a token or a conversation was opened in the same tab. `early.js` reads the address.
    addEventListener("hashchange", () => /token=|conversation=/.test(location.hash) && location.reload());
    // Another person may have paused the shop while this page was in the background.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) prune();
      else if (state.session && may("shop:admin")) app.shop.load();
    });
    addEventListener("offline", () => connection("offline"));
    addEventListener("keydown", (event) => app.onKey?.(event));
    setInterval(() => {
      expire(state.inbox, state.threads, clock.now());
      app.serverSearch.expire();
      if (app.shop.isOver()) app.shop.load();
      changed();
    }, MOMENT);
    const { token, shop } = remembered();
    const offered = takeOffered();
    if (token) signIn(token, shop);
    if (offered.token) consider(offered);
    changed();
  }

  app.begin = begin;
  return app;
}
