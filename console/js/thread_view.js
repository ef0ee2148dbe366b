// One conversation: its customer, and its messages by day, oldest first.

import { inOrder } from "./inbox_state.js";
import { marksOf } from "./marks_view.js";
import { messageView } from "./message_view.js";
import {
  arrows,
  avatar,
  button,
  copy,
  failedCount,
  failure,
  iconButton,
  more,
  nameOf,
  showDialog,
  skeleton,
} from "./parts.js";
import { pickedOf } from "./order_view.js";
import { webAddress } from "./links.js";
import { dayKind, endsSoon, midnight, timeLeft } from "./time.js";
import { createMemory, h } from "./view.js";
import { dayOf, spelling, t } from "./words.js";

const memory = createMemory();
const TOGETHER = 5 * 60_000; // milliseconds between two messages of a group, at most

export function threadView(app) {
  const { state } = app;
  const conversation = state.inbox.conversations.get(state.selected);
  const thread = state.threads.get(state.selected);
  const name = nameOf(app, conversation);
  const customer = app.customers.of(conversation.page_id, conversation.customer_id);
  return h(
    "div",
    { class: "thread", key: conversation.id },
    h(
      "div",
      { class: "thread-head" },
      h(
        "div",
        { class: "only-narrow" },
        iconButton(app, "back", t("back"), () => app.show("inbox")),
      ),
      avatar(app, customer, name, conversation.customer_id),
      h(
        "div",
        { class: "thread-who" },
        h("h2", { class: "thread-name" }, name),
        h(
          "p",
          { class: "soft small" },
          conversation.message_count && [t("thread.count", { n: conversation.message_count }), " · "],
          t("thread.page", { page: app.pageName(conversation.page_id) }),
        ),
      ),
      marksOf(app, conversation),
      iconButton(app, "link", t("link.copy"), () => copy(app, linkTo(conversation))),
      iconButton(app, "outside", t("thread.facebook"), () => openAtFacebook(app, conversation)),
      app.may("messages:purge") &&
        iconButton(app, "trash", t("delete.conversation"), () =>
          showDialog(app, { kind: "conversation", id: conversation.id, name }),
        ),
    ),
    h(
      "div",
      { class: "thread-frame" },
      h(
        "div",
        {
          class: "thread-scroll",
          tabindex: "0",
          role: "region",
          "aria-label": t("thread.with", { name }),
          ref: app.threadScroll.attach,
          onscroll: (event) => {
            app.threadScroll.onScroll();
            if (event.currentTarget.scrollTop < 120 && ready(thread)) app.inbox.older();
          },
        },
        h("div", { class: "thread-content" }, body(app, thread, conversation, name)),
      ),
      ready(thread) && toNewest(app),
    ),
    orderBar(app),
  );
}

/** If there is no room for the order beside the thread: a button with the number of its messages, which opens it. */
function orderBar(app) {
  const count = pickedOf(app.state).length;
  const open = () => showDialog(app, { kind: "order" });
  return (
    count > 0 && button(app, "receipt", t("order.bar", { n: count }), open, { class: "button primary order-bar" })
  );
}

/** While the newest message is out of view: a button with the number of arrived messages, which scrolls to them. */
function toNewest(app) {
  const { atEnd, arrived, toEnd } = app.threadScroll;
  if (atEnd) return null;
  const words = arrived ? t("unread", { n: arrived }) : t("thread.newest");
  return button(app, "down", words, toEnd, { class: "button to-newest" });
}

/** The address of this conversation. The browser sends the part after the # to no server. */
const linkTo = ({ id }) => `${location.origin}${location.pathname}#conversation=${encodeURIComponent(id)}`;

/** Opens the conversation at Facebook. If Facebook gives no address, opens the inbox of its Page. */
async function openAtFacebook(app, { page_id: page, customer_id: customer }) {
  const tab = open("", "_blank"); // opened at once, because later the browser would block it as an advertisement
  if (tab) tab.opener = null;
  const inbox = `https://business.facebook.com/latest/inbox/all?asset_id=${encodeURIComponent(page)}`;
  const address = webAddress(await app.inbox.linkOf(page, customer)) ?? inbox;
  if (tab) tab.location = address;
}

const ready = (thread) => thread?.status === "ready" && !thread.problem;

function body(app, thread, conversation, name) {
  if (!thread || thread.status === "loading") return skeleton("bubble-bone", 6);
  if (thread.status === "failed") return failure(app, thread.problem, () => app.inbox.open(conversation.id));
  const messages = inOrder(thread);
  return [
    thread.cursor !== null
      ? more(app, thread.busy, "older", app.inbox.older)
      : h("p", { class: "beginning soft small" }, t("thread.beginning")),
    thread.problem && failure(app, thread.problem, app.inbox.older),
    h("ol", { class: "messages", onkeydown: (event) => arrows(event, ".message") }, byDay(app, messages, thread, name)),
  ];
}

/** Messages with a head for each day. Messages from one side within a few minutes are a group with one time. */
function byDay(app, messages, thread, name) {
  memory.begin();
  const all = messages.map((message) => {
    const at = Date.parse(message.sent_at ?? message.received_at);
    return { message, at, day: midnight(at) };
  });
  return all.flatMap((one, place) => {
    const [before, after] = [all[place - 1], all[place + 1]];
    const about = {
      at: one.at,
      name,
      quoted: thread.messages.get(one.message.reply_to?.id),
      follows: belong(before, one),
      goesOn: belong(one, after),
    };
    const newDay = before?.day !== one.day;
    const parts = [...Object.values(about), ...partsOf(app, one.message)];
    const view = memory.of(one.message.id, parts, () => messageView(app, one.message, about));
    return [newDay && dayHead(app, one, all), view];
  });
}

/** Returns everything that decides how a message looks, except its place in the thread. */
function partsOf({ state, clock, may }, message) {
  const left = Date.parse(message.expires_at) - clock.now();
  const { key, n } = timeLeft(left);
  return [
    message,
    state.picked.get(message.conversation_id)?.has(message.id) ?? false,
    state.reactions.get(message.id),
    state.unfolded.has(message.id),
    state.search,
    endsSoon(left) && `${key} ${n}`,
    may("messages:purge"),
    failedCount(),
    spelling(),
  ];
}

/** Whether two neighbouring messages belong to one group. */
function belong(one, next) {
  if (!one || !next || one.message.direction !== next.message.direction) return false;
  return one.day === next.day && Math.abs(next.at - one.at) < TOGETHER;
}

/** The day, and the time until the first of its messages expires. */
function dayHead(app, { at, day, message }, all) {
  const kind = dayKind(at, app.clock.now());
  const ends = all.filter((one) => one.day === day).map((one) => Date.parse(one.message.expires_at));
  const { key, n } = timeLeft(Math.min(...ends) - app.clock.now());
  return h(
    "li",
    { key: `day-${day}-${message.id}`, class: "day" },
    h("span", {}, kind === "earlier" ? dayOf(at) : t(`day.${kind}`), " · ", t(key, { n })),
  );
}
