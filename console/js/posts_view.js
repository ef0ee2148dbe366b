// A Page's posts and live videos.

import { discussion } from "./comments_view.js";
import { facebookAddress } from "./links.js";
import {
  button,
  choice,
  empty,
  failure,
  icon,
  more,
  outerLink,
  picture,
  placeholder,
  segments,
  skeleton,
  withLinks,
} from "./parts.js";
import { h } from "./view.js";
import { clockTime, dateTime, t } from "./words.js";

const KINDS = {
  posts: { fetch: "posts.fetch", none: "posts.none" },
  live: { fetch: "live.fetch", none: "live.none" },
};

export function postsView(app) {
  const { state } = app;
  const pages = pagesOf(state);
  const page = pages.includes(state.postsPage) ? state.postsPage : pages[0];
  if (!page) return h("div", { class: "column" }, empty(app, "posts", t("posts.no_page"), t("posts.no_page.hint")));
  const kind = state.postsKind;
  const list = app.posts.of(page, kind);
  return h(
    "div",
    { key: "posts", class: "column", ...app.columnScroll.of("posts") },
    h("div", { class: "column-head" }, h("h1", {}, t("view.posts")), pageChoice(app, pages, page)),
    kinds(app),
    note(app, page, kind, list),
    kind === "posts" &&
      list.fetchedAt > 0 &&
      state.stirred.has(page) &&
      h("p", { class: "stirred", role: "status" }, icon(app, "info"), " ", t("posts.stirred")),
    list.problem && failure(app, list.problem, () => app.posts.fetch(page, kind)),
    list.busy && !list.items.length && skeleton("card-bone", 3),
    list.fetchedAt > 0 && !list.items.length && !list.busy && empty(app, "posts", t(KINDS[kind].none)),
    list.items.map((one) => (kind === "live" ? liveCard(app, page, one) : postCard(app, page, one))),
    list.after && more(app, list.busy, "more", () => app.posts.more(page, kind)),
  );
}

function pageChoice(app, pages, page) {
  if (pages.length < 2) return h("p", { class: "soft small" }, t("thread.page", { page: app.pageName(page) }));
  const choose = (one) => {
    app.state.postsPage = one;
    app.changed();
  };
  const all = pages.map((one) => [one, app.pageName(one)]);
  return choice(t("page"), all, page, choose);
}

function kinds(app) {
  const choose = (kind) => {
    app.state.postsKind = kind;
    app.changed();
  };
  const all = Object.keys(KINDS).map((one) => [one, t(`posts.kind.${one}`)]);
  return segments(app, t("view.posts"), all, app.state.postsKind, choose, " kinds");
}

/** A note about the place where posts are kept, and the buttons to fetch and to forget them. */
function note(app, page, kind, list) {
  const fetched = list.fetchedAt > 0;
  return h(
    "div",
    { class: "note" },
    icon(app, "lock"),
    h("p", {}, t("posts.kept"), " ", fetched && t("posts.fetched", { time: clockTime(list.fetchedAt) })),
    h(
      "div",
      { class: "note-actions" },
      fetched && button(app, "trash", t("posts.forget"), () => app.posts.forget(page, kind)),
      button(app, "refresh", t(fetched ? "posts.again" : KINDS[kind].fetch), () => app.posts.fetch(page, kind), {
        class: fetched ? "button" : "button primary",
        disabled: list.busy,
      }),
    ),
  );
}

/** Returns the known Pages: from the shop's list, or from the conversations. */
function pagesOf(state) {
  const listed = state.shop?.pages.filter((one) => one.status !== "webhooks_only").map((one) => one.page_id) ?? [];
  if (listed.length) return listed;
  return [...new Set([...state.inbox.conversations.values()].map((one) => one.page_id))].sort();
}

function cardHead(app, moment, address, ...rest) {
  const at = Date.parse(moment ?? "");
  const link = facebookAddress(address);
  return h(
    "div",
    { class: "post-head" },
    h("p", { class: "soft small" }, Number.isNaN(at) ? "" : dateTime(at), rest),
    link && outerLink(link, { class: "outside small" }, t("posts.open"), icon(app, "outside")),
  );
}

function postCard(app, page, post) {
  return h(
    "article",
    { key: post.id, class: "card post" },
    cardHead(app, post.created_time, post.permalink_url),
    (post.message || post.story) && h("p", { class: "said", dir: "auto" }, withLinks(post.message || post.story)),
    post.full_picture &&
      picture(
        app,
        post.full_picture,
        { class: "post-picture", alt: t("kind.image") },
        placeholder(app, "image", t("picture.gone")),
      ),
    h(
      "p",
      { class: "counts soft small" },
      h("span", {}, icon(app, "heart"), t("posts.reactions", { n: post.reaction_count ?? 0 })),
      h("span", {}, icon(app, "share"), t("posts.shares", { n: post.share_count ?? 0 })),
    ),
    discussion(app, { page, kind: "posts", id: post.id, count: post.comment_count ?? 0 }),
  );
}

/** Facebook does not say how many comments a live video has. */
function liveCard(app, page, video) {
  const runs = video.status === "LIVE";
  const text = [video.title, video.description].filter(Boolean).join("\n");
  return h(
    "article",
    { key: video.id, class: "card post" },
    cardHead(
      app,
      video.broadcast_start_time ?? video.creation_time,
      video.permalink_url,
      runs && h("span", { class: "chip" }, t("live.now")),
    ),
    text && h("p", { class: "said", dir: "auto" }, withLinks(text)),
    runs && video.live_views !== undefined && h("p", { class: "soft small" }, t("live.views", { n: video.live_views })),
    discussion(app, { page, kind: "live", id: video.id }),
  );
}
