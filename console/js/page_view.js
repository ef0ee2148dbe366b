// The whole page: signing in, or the bar with its views.

import { dialogs } from "./dialogs.js";
import { onKey } from "./keys.js";
import { inboxView } from "./inbox_view.js";
import { postsView } from "./posts_view.js";
import { shopView } from "./shop_view.js";
import { signInView } from "./signin_view.js";
import { h } from "./view.js";
import { badge, button, clockOrDate, icon, iconButton, nameOf, showDialog } from "./parts.js";
import { LANGUAGES, spoken, t } from "./words.js";

const ICONS = { inbox: "chat", posts: "posts", shop: "shop" };
const VIEWS = { inbox: inboxView, posts: postsView, shop: shopView };
const THEMES = { "": "auto", light: "sun", dark: "moon" };

export function page(app) {
  const { state } = app;
  const signedIn = state.session !== null;
  app.onKey = signedIn ? (event) => onKey(app, event) : null;
  return h(
    "div",
    { class: signedIn ? `page in-${state.view}${state.selected ? " in-thread" : ""}` : "page signing-in" },
    signedIn && h("a", { class: "skip", href: "#main" }, t("skip")),
    header(app, signedIn),
    h(
      "main",
      { id: "main", tabindex: "-1" },
      signedIn && strip(app),
      signedIn && pausedBanner(app),
      signedIn ? VIEWS[state.view](app) : signInView(app),
    ),
    signedIn && dialogs(app),
    announcements(app),
  );
}

/** The title of the browser's tab. */
page.title = ({ state }) => {
  const unread = unreadOf(state);
  const name = state.session ? `${t(`view.${state.view}`)} · ${state.session.shop}` : "";
  return `${unread ? `(${unread}) ` : ""}${name ? `${name} · ` : ""}Page Inbox`;
};

const unreadOf = (state) => state.unread.values().reduce((sum, one) => sum + one, 0);

function header(app, signedIn) {
  const { state } = app;
  return h(
    "header",
    { class: "bar" },
    h(
      "div",
      { class: "brand" },
      icon(app, "mark"),
      h("span", { class: "brand-name" }, "Page Inbox"),
      signedIn && h("span", { class: "brand-shop" }, state.session.shop),
    ),
    signedIn && navigation(app),
    h(
      "div",
      { class: "tools" },
      signedIn && app.may("messages:read") && connection(app),
      signedIn &&
        iconButton(app, "info", t("help.title"), () => showDialog(app, { kind: "help" }), {
          class: "icon-button only-wide",
        }),
      languages(app),
      themes(app),
      signedIn && iconButton(app, "leave", t("signout"), app.signOut),
    ),
  );
}

function navigation(app) {
  const { state } = app;
  const unread = unreadOf(state);
  const link = (view) => {
    const words = [h("span", {}, t(`view.${view}`)), view === "inbox" && unread > 0 && badge(unread)];
    const current = state.view === view ? "page" : null;
    return button(app, ICONS[view], words, () => app.show(view), { key: view, class: "tab", "aria-current": current });
  };
  return h("nav", { class: "tabs", "aria-label": t("views") }, state.views().map(link));
}

function connection(app) {
  const now = app.state.connection;
  return h(
    "span",
    { class: `connection ${now}`, role: "status", title: t(`status.${now}.long`) },
    h("span", { class: "dot", "aria-hidden": "true" }),
    h("span", { class: "connection-name" }, t(`status.${now}`)),
  );
}

/** Shows a lost connection in a line of its own, for screens on which the bar has no room for it. */
function strip(app) {
  const now = app.state.connection;
  return (now === "reconnecting" || now === "offline") && h("p", { class: `strip ${now}` }, t(`status.${now}.long`));
}

/**
 * Warns in every view that messages are lost while storing is paused. Only a reader who may resume storing sees this.
 */
function pausedBanner(app) {
  const { shop } = app.state;
  const pages = shop?.pages.filter((one) => one.paused) ?? [];
  if (!shop?.paused && !pages.length) return null;
  const resume = () => {
    if (shop.paused) app.shop.resume();
    else pages.forEach((one) => app.shop.resume(one.page_id));
  };
  const until = ({ until: end }) => (end ? ` ${t("paused.until", { when: clockOrDate(app, Date.parse(end)) })}` : "");
  const which = pages.map((one) => app.pageName(one.page_id) + until(one)).join(", ");
  return h(
    "div",
    { class: "paused-banner", role: "status" },
    icon(app, "pause"),
    h("p", {}, shop.paused ? t("paused.banner", { until: until(shop) }) : t("paused.banner.pages", { pages: which })),
    button(app, "play", t("paused.resume"), resume, { class: "button slim" }),
  );
}

function languages(app) {
  const other = LANGUAGES.find((one) => one !== spoken());
  const choose = () => app.chooseLanguage(other);
  return button(app, null, t("language.other"), choose, { class: "icon-button language", lang: other });
}

function themes(app) {
  const now = document.documentElement.dataset.theme ?? "";
  const order = Object.keys(THEMES);
  const next = order[(order.indexOf(now) + 1) % order.length];
  return iconButton(app, THEMES[now], t(`theme.${THEMES[now]}`), () => app.chooseTheme(next));
}

function announcements(app) {
  const { said, announced } = app.state;
  let news = "";
  if (announced && app.state.session) {
    const { id, conversation_id: of } = announced.message;
    const conversation = app.state.inbox.conversations.get(of);
    // A deleted message is not announced.
    const isThere = conversation?.last_message.id === id || app.state.threads.get(of)?.messages.has(id);
    if (conversation && isThere) {
      news = t("announce.message", {
        name: nameOf(app, conversation),
        text: announced.message.text?.slice(0, 1_000) ?? t("announce.attachment"),
      });
    }
  }
  return h(
    "div",
    { class: "announcements" },
    h("div", { class: "unseen", "aria-live": "polite" }, news && h("p", { key: announced.number }, news)),
    h(
      "div",
      { class: "toast-place", role: "status" },
      said && h("p", { key: said.number, class: "toast" }, t(said.key, said.values)),
    ),
  );
}
