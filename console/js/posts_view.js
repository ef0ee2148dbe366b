// A Page's posts, their comments and the replies to those.

import { h } from "./view.js";
import { facebookAddress, linked } from "./links.js";
import { avatar, empty, failure, icon, picture, skeleton } from "./parts.js";
import { clockTime, dateTime, t } from "./words.js";

export function postsView(app) {
  const { state } = app;
  const pages = pagesOf(state);
  const page = pages.includes(state.postsPage) ? state.postsPage : pages[0];
  if (!page) return h("div", { class: "column" }, empty(app, "posts", t("posts.no_page"), t("posts.no_page.hint")));
  const posts = app.posts.of(page);
  const choose = (event) => {
    state.postsPage = event.target.value;
    app.changed();
  };
  return h(
    "div",
    { class: "column" },
    h(
      "div",
      { class: "column-head" },
      h("h1", {}, t("view.posts")),
      pages.length > 1
        ? h(
            "select",
            { class: "select", "aria-label": t("page"), value: page, onchange: choose },
            pages.map((one) => h("option", { key: one, value: one }, one)),
          )
        : h("p", { class: "soft small" }, t("thread.page", { page })),
    ),
    h(
      "div",
      { class: "note" },
      icon(app, "lock"),
      h("p", {}, t("posts.kept"), " ", posts.fetchedAt > 0 && t("posts.fetched", { time: clockTime(posts.fetchedAt) })),
      h(
        "div",
        { class: "note-actions" },
        posts.fetchedAt > 0 &&
          h(
            "button",
            { type: "button", class: "button", onclick: () => app.posts.forget(page) },
            icon(app, "trash"),
            t("posts.forget"),
          ),
        h(
          "button",
          {
            type: "button",
            class: posts.fetchedAt ? "button" : "button primary",
            disabled: posts.busy,
            onclick: () => app.posts.fetch(page),
          },
          icon(app, "refresh"),
          t(posts.fetchedAt ? "posts.again" : "posts.fetch"),
        ),
      ),
    ),
    posts.fetchedAt > 0 &&
      state.stirred.has(page) &&
      h("p", { class: "stirred", role: "status" }, icon(app, "info"), " ", t("posts.stirred")),
    posts.problem && failure(app, posts.problem, () => app.posts.fetch(page)),
    posts.busy && !posts.items.length && skeleton("card-bone", 3),
    posts.fetchedAt > 0 && !posts.items.length && !posts.busy && empty(app, "posts", t("posts.none")),
    posts.items.map((post) => postCard(app, page, posts, post)),
    posts.after &&
      h(
        "button",
        { type: "button", class: "button more", disabled: posts.busy, onclick: () => app.posts.more(page) },
        t(posts.busy ? "loading" : "more"),
      ),
  );
}

/** The Pages that are known: the shop's own list, or those of the conversations. */
function pagesOf(state) {
  const listed = state.shop?.pages.filter((one) => one.status !== "webhooks_only").map((one) => one.page_id) ?? [];
  if (listed.length) return listed;
  return [...new Set([...state.inbox.conversations.values()].map((one) => one.page_id))].sort();
}

function postCard(app, page, posts, post) {
  const at = Date.parse(post.created_time ?? "");
  const link = facebookAddress(post.permalink_url);
  return h(
    "article",
    { key: post.id, class: "card post" },
    h(
      "div",
      { class: "post-head" },
      h("p", { class: "soft small" }, Number.isNaN(at) ? "" : dateTime(at)),
      link &&
        h(
          "a",
          { class: "outside small", href: link, target: "_blank", rel: "noopener noreferrer" },
          t("posts.open"),
          icon(app, "outside"),
        ),
    ),
    (post.message || post.story) && h("p", { class: "said", dir: "auto" }, withLinks(post.message || post.story)),
    post.full_picture &&
      picture(
        app,
        post.full_picture,
        { class: "post-picture", alt: t("kind.image") },
        h("span", { class: "placeholder" }, icon(app, "image"), t("picture.gone")),
      ),
    h(
      "p",
      { class: "counts soft small" },
      h("span", {}, icon(app, "heart"), t("posts.reactions", { n: post.reaction_count ?? 0 })),
      h("span", {}, icon(app, "share"), t("posts.shares", { n: post.share_count ?? 0 })),
    ),
    discussion(app, page, posts, "post", post.id, post.comment_count ?? 0),
  );
}

function discussion(app, page, posts, kind, id, count) {
  const thread = posts.threads[id];
  const words = kind === "post" ? "comments" : "replies";
  if (!thread?.open) {
    if (!count && !thread) return kind === "post" && h("p", { class: "soft small" }, t("comments.none"));
    const show = () => (thread?.items.length ? app.posts.unfold(page, id) : app.posts.discuss(page, kind, id));
    return h(
      "button",
      { type: "button", class: "button plain", "aria-expanded": "false", onclick: show },
      icon(app, kind === "post" ? "chat" : "reply"),
      t(`${words}.show`, { n: count }),
    );
  }
  return h(
    "div",
    { class: `discussion of-${kind}` },
    h(
      "button",
      { type: "button", class: "button plain", "aria-expanded": "true", onclick: () => app.posts.fold(page, id) },
      icon(app, kind === "post" ? "chat" : "reply"),
      t(`${words}.hide`),
    ),
    h(
      "ul",
      { class: "comments" },
      thread.items.map((one) => comment(app, page, posts, one, kind)),
    ),
    thread.busy && skeleton("line-bone", 2),
    thread.problem && failure(app, thread.problem, () => app.posts.discuss(page, kind, id)),
    !thread.busy && !thread.problem && !thread.items.length && h("p", { class: "soft small" }, t("comments.none")),
    thread.after &&
      !thread.busy &&
      h(
        "button",
        { type: "button", class: "button plain", onclick: () => app.posts.discuss(page, kind, id) },
        t("more"),
      ),
  );
}

function comment(app, page, posts, one, kind) {
  const name = one.from?.name ?? t("comments.somebody");
  const at = Date.parse(one.created_time ?? "");
  const shown = one.attachment?.media?.image?.src;
  return h(
    "li",
    { key: one.id, class: "comment" },
    avatar(app, one.from?.name ? { name } : null, name, one.from?.id ?? one.id),
    h(
      "div",
      { class: "comment-body" },
      h(
        "div",
        { class: "comment-bubble" },
        h(
          "p",
          { class: "comment-name" },
          name,
          one.from?.id === page && h("span", { class: "chip" }, t("comments.shop")),
        ),
        one.message && h("p", { class: "said", dir: "auto" }, withLinks(one.message)),
        shown &&
          picture(
            app,
            shown,
            { class: "photo", alt: t("kind.image") },
            h("span", { class: "placeholder" }, icon(app, "image"), t("picture.gone")),
          ),
        !one.message && !shown && h("p", { class: "soft" }, t("kind.sticker")),
      ),
      h(
        "p",
        { class: "meta" },
        Number.isNaN(at) ? "" : dateTime(at),
        (one.like_count ?? 0) > 0 && h("span", {}, icon(app, "heart"), t("number", { n: one.like_count })),
        one.is_hidden && h("span", {}, t("comments.hidden")),
      ),
      kind === "post" && discussion(app, page, posts, "comment", one.id, one.comment_count ?? 0),
    ),
  );
}

const withLinks = (text) =>
  linked(text).map((piece) =>
    piece.href
      ? h("a", { href: piece.href, target: "_blank", rel: "noopener noreferrer nofollow" }, piece.text)
      : piece.text,
  );
