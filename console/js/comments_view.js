// Comments on a post or a live video, and the replies to them.

import { avatar, button, failure, icon, picture, placeholder, skeleton, withLinks } from "./parts.js";
import { numbersIn } from "./numbers.js";
import { phones } from "./phone_view.js";
import { h } from "./view.js";
import { dateTime, t } from "./words.js";

/** `about` holds the Page, the kind of list, the item's id, `ofComment` for replies, and the `count` if it is known. */
export function discussion(app, about) {
  const { page, kind, id, ofComment = false, count } = about;
  const thread = app.posts.of(page, kind).threads[id];
  const words = ofComment ? "replies" : "comments";
  const name = ofComment ? "reply" : "chat";
  if (!thread?.open) {
    if (count === 0 && !thread) return !ofComment && h("p", { class: "soft small" }, t("comments.none"));
    const show = () =>
      thread?.items.length ? app.posts.setOpen(page, kind, id, true) : app.posts.discuss(page, kind, about);
    const label = count === undefined ? t("comments.show.any") : t(`${words}.show`, { n: count });
    return button(app, name, label, show, { class: "button plain", "aria-expanded": "false" });
  }
  const again = (afresh) => () => app.posts.discuss(page, kind, { ...about, afresh });
  const hide = () => app.posts.setOpen(page, kind, id, false);
  return h(
    "div",
    { class: `discussion of-${ofComment ? "comment" : "post"}` },
    button(app, name, t(`${words}.hide`), hide, { class: "button plain", "aria-expanded": "true" }),
    kind === "live" &&
      !ofComment &&
      button(app, "refresh", t("comments.again"), again(true), { class: "button plain" }),
    h(
      "ul",
      { class: "comments" },
      thread.items.map((one) => comment(app, about, one)),
    ),
    thread.busy && skeleton("line-bone", 2),
    thread.problem && failure(app, thread.problem, again(false)),
    !thread.busy && !thread.problem && !thread.items.length && h("p", { class: "soft small" }, t("comments.none")),
    thread.after && !thread.busy && button(app, null, t("more"), again(false), { class: "button plain" }),
  );
}

function comment(app, { page, kind, ofComment }, one) {
  const name = one.from?.name ?? t("comments.somebody");
  const at = Date.parse(one.created_time ?? "");
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
        content(app, one),
      ),
      phones(app, numbersIn(one.message ?? "")),
      h(
        "p",
        { class: "meta" },
        Number.isNaN(at) ? "" : dateTime(at),
        (one.like_count ?? 0) > 0 && h("span", {}, icon(app, "heart"), t("number", { n: one.like_count })),
        one.is_hidden && h("span", {}, t("comments.hidden")),
      ),
      !ofComment && discussion(app, { page, kind, id: one.id, ofComment: true, count: one.comment_count ?? 0 }),
    ),
  );
}

function content(app, one) {
  const shown = one.attachment?.media?.image?.src;
  return [
    one.message && h("p", { class: "said", dir: "auto" }, withLinks(one.message)),
    shown &&
      picture(app, shown, { class: "photo", alt: t("kind.image") }, placeholder(app, "image", t("picture.gone"))),
    !one.message && !shown && h("p", { class: "soft" }, t("kind.sticker")),
  ];
}
