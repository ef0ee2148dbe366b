// The marks of a conversation, and the shop's list of labels.

import { button, panel, sheet, showDialog } from "./parts.js";
import { isDone, MOST_LABELS } from "./staff_marks.js";
import { h } from "./view.js";
import { t } from "./words.js";

const NONE = { unread: false, labels: [] };

/** The marks in the head of a thread. Nothing is shown until the mark that others may have made is loaded. */
export function marksOf(app, conversation) {
  if (conversation.mark === null) return null;
  const { unread, labels } = conversation.mark ?? NONE;
  const open = () => {
    app.staffMarks.readLabels();
    showDialog(app, { kind: "labels", id: conversation.id });
  };
  return h(
    "div",
    { class: "thread-marks" },
    toggle(app, conversation, "done", "check", isDone(conversation)),
    toggle(app, conversation, "unread", "unread", unread),
    button(app, "tag", t("labels"), open, { class: "chip-button" }),
    labels.map((one) => h("span", { key: one, class: "label" }, one)),
  );
}

function toggle(app, conversation, name, picture, on) {
  const change = () => app.staffMarks.change(conversation, { [name]: !on });
  return button(app, picture, t(`mark.${name}`), change, { class: "chip-button", "aria-pressed": String(on) });
}

/** Choose among the shop's labels. */
export function labelsSheet(app, { id }, close) {
  const conversation = app.state.inbox.conversations.get(id);
  if (!conversation) return null;
  const { labels } = conversation.mark ?? NONE;
  const all = app.state.labels ?? [];
  return sheet(
    app,
    "labels",
    "tag",
    t("labels"),
    close,
    app.state.labels?.length === 0 && h("p", { class: "soft" }, t("labels.none")),
    all.map((one) => {
      const chosen = labels.includes(one);
      const next = chosen ? labels.filter((other) => other !== one) : [...labels, one];
      return h(
        "label",
        { key: one, class: "check" },
        h("input", {
          type: "checkbox",
          checked: chosen,
          disabled: !chosen && labels.length >= MOST_LABELS,
          onchange: () => app.staffMarks.change(conversation, { labels: next }),
        }),
        one,
      );
    }),
  );
}

/** The owner writes the shop's list. */
export function labelsPanel(app) {
  const { state } = app;
  if (state.labels === null) return null;
  const typed = state.typedLabels ?? state.labels.join("\n");
  return panel(
    app,
    "tag",
    t("labels"),
    h("p", { class: "soft" }, t("labels.about")),
    h("textarea", {
      class: "label-list",
      rows: "4",
      "aria-label": t("labels.list"),
      value: typed,
      oninput: (event) => {
        state.typedLabels = event.target.value;
        app.changed();
      },
    }),
    button(app, null, t("labels.save"), () => app.staffMarks.saveLabels(typed)),
  );
}
