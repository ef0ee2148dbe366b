// The list of conversations. Of a long list only the rows near the view are in the page.

import { filters } from "./filters_view.js";
import { found } from "./found.js";
import { activityOf } from "./inbox_state.js";
import { arrows, avatar, badge, button, empty, failure, icon, more, nameOf, sentence, skeleton } from "./parts.js";
import { isDone } from "./staff_marks.js";
import { snippet } from "./snippet.js";
import { dayKind } from "./time.js";
import { h } from "./view.js";
import { clockTime, shortDay, t } from "./words.js";

const AHEAD = 1_000; // pixels before the end of the list, at which more of it is read

export function listView(app) {
  const { inbox } = app.state;
  if (inbox.status === "loading") return [filters(app), h("div", { class: "list-scroll" }, skeleton("line-bone", 7))];
  if (inbox.status === "failed") {
    return [filters(app), h("div", { class: "list-scroll" }, failure(app, inbox.problem, app.inbox.refresh))];
  }
  return [filters(app), list(app)];
}

function list(app) {
  const { inbox, search, page, direction, notDone, searched } = app.state;
  const shown = found(app);
  const filtered = Boolean(search || page || direction || notDone || searched);
  return h(
    "div",
    {
      key: "list",
      class: "list-scroll",
      ref: app.rowWindow.attach,
      onpointermove: app.orderHold.onMove,
      onpointerleave: app.orderHold.release,
      onscroll: (event) => {
        app.rowWindow.onScroll();
        if (nearEnd(event.currentTarget) && !app.state.searched) app.inbox.more();
      },
    },
    shown.length > 0 && app.alerts.unasked() && askForAlerts(app),
    inbox.problem && failure(app, inbox.problem, app.inbox.refresh),
    app.customers.problem &&
      h("p", { class: "aside" }, icon(app, "info"), t("customer.problem"), " ", sentence(app.customers.problem)),
    app.serverSearch.isTonight() && h("p", { class: "aside" }, icon(app, "clock"), t("tonight.about")),
    filtered && h("p", { class: "count", role: "status" }, t("found", { n: shown.length }), howFar(searched)),
    search &&
      !searched?.query.q &&
      button(app, null, t("search.all"), app.serverSearch.words, { class: "button more" }),
    shown.length === 0 && !searched?.busy && nothing(app, filtered),
    rows(app, shown),
    searched?.problem && failure(app, searched.problem, app.serverSearch.further),
    searched
      ? searched.cursor !== null && more(app, searched.busy, "search.further", app.serverSearch.further)
      : inbox.cursor !== null && more(app, inbox.busy, "more", app.inbox.more),
  );
}

/** How far the service has searched. */
function howFar(searched) {
  if (!searched) return null;
  const end = searched.cursor === null && t("search.complete");
  return [" · ", t("search.looked", { n: searched.lookedAt }), end && [" · ", end]];
}

/** Shows why the list is empty. */
function nothing(app, filtered) {
  const { searched } = app.state;
  if (!filtered) return empty(app, "chat", t("inbox.empty"), t("inbox.empty.hint"));
  if (app.serverSearch.isTonight()) return empty(app, "search", t("found.none"), t("tonight.none"));
  return empty(app, "search", t("found.none"), t(searched ? "search.names" : "found.hint"));
}

/** Asks once per browser whether new messages may make a sound. Unless the reader agrees, there is no sound. */
function askForAlerts(app) {
  const answer = (what, words) =>
    button(app, null, t(words), () => app.alerts.choose(what), { class: "button slim" });
  return h(
    "div",
    { key: "ask", class: "ask" },
    h("p", {}, icon(app, "bell"), t("alerts.question")),
    answer("sound notification", "alerts.yes"),
    answer("sound", "alerts.sound"),
    answer("off", "alerts.no"),
  );
}

function rows(app, shown) {
  const { from, to, pixels } = app.rowWindow.rangeOf(shown.map((one) => one.id));
  const chosen = shown.findIndex((one) => one.id === app.state.selected);
  // The Tab key leads to the chosen row, or to the first one that is drawn.
  const first = chosen >= from && chosen < to ? chosen : from;
  return h(
    "ul",
    { class: "rows", pixels, onkeydown: (event) => keys(app, event, shown.length) },
    shown.slice(from, to).map((one, step) => {
      const place = from + step;
      return row(app, one, { place, total: shown.length, first: place === first });
    }),
  );
}

function keys(app, event, total) {
  const ends = { Home: 0, End: total - 1 };
  if (event.key in ends && !event.ctrlKey && !event.altKey && !event.metaKey) {
    event.preventDefault();
    app.rowWindow.reveal(ends[event.key], { focus: true });
  } else {
    arrows(event, ".row");
  }
}

function row(app, conversation, { place, total, first }) {
  const { state, clock } = app;
  const { id } = conversation;
  const best = app.serverSearch.best(id);
  const last = best ?? conversation.last_message;
  const customer = app.customers.of(conversation.page_id, conversation.customer_id);
  const name = nameOf(app, conversation);
  const unread = state.unread.get(id) ?? 0;
  const going = app.serverSearch.isTonight() ? app.serverSearch.hits(id).length : 0;
  const chosen = state.selected === id;
  const labels = conversation.mark?.labels.join(", ");
  const at = Date.parse(best ? activityOf(best) : conversation.last_activity_at);
  const when = dayKind(at, clock.now()) === "today" ? clockTime(at) : shortDay(at);
  return h(
    "li",
    { key: id, "aria-posinset": place + 1, "aria-setsize": total },
    h(
      "button",
      {
        type: "button",
        class: `row${unread || conversation.mark?.unread ? " unread" : ""}${isDone(conversation) ? " done" : ""}`,
        "data-conversation": id,
        "aria-current": chosen ? "true" : null,
        tabindex: first ? "0" : "-1",
        onclick: (event) => {
          app.show("inbox", id);
          // The row was opened with a key and not with a pointer, so the thread gets the focus.
          if (event.detail === 0) app.threadScroll.focus();
        },
      },
      avatar(app, customer, name, conversation.customer_id),
      h(
        "span",
        { class: "row-text" },
        h("span", { class: "row-top" }, h("span", { class: "row-name" }, name), h("time", { class: "row-time" }, when)),
        h(
          "span",
          { class: "row-bottom" },
          h(
            "span",
            { class: "row-snippet" },
            last.direction === "out" && h("span", { class: "you" }, t("you")),
            going ? t("tonight.row", { n: going, when: clockTime(app.serverSearch.firstEnd(id)) }) : snippet(last),
          ),
          labels && h("span", { class: "label" }, labels),
          isDone(conversation) && [icon(app, "check"), h("span", { class: "unseen" }, t("mark.done"))],
          conversation.mark?.unread && [icon(app, "unread"), h("span", { class: "unseen" }, t("mark.unread"))],
          (last.phone_numbers?.length ?? 0) > 0 && icon(app, "phone"),
          unread > 0 && badge(unread),
        ),
      ),
    ),
  );
}

const nearEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < AHEAD;
