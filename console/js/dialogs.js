// The questions before a deletion or a pause, and the receipt afterwards.

import { h } from "./view.js";
import { button, failure, icon, sheet } from "./parts.js";
import { helpSheet } from "./help_view.js";
import { labelsSheet } from "./marks_view.js";
import { orderView } from "./order_view.js";
import { pictureViewer } from "./picture_viewer.js";
import { receiptFacts } from "./shop_view.js";
import { t } from "./words.js";

export function dialogs(app) {
  const { dialog } = app.state;
  if (!dialog) return null;
  const close = () => {
    document.querySelector("dialog[open]")?.close(); // this also gives the focus back
    if (app.state.dialog !== dialog) return;
    app.state.dialog = null;
    app.changed();
  };
  const content = dialog.receipt ? receipt : (CONTENTS[dialog.kind] ?? question);
  const inside = content(app, dialog, close);
  if (!inside) {
    app.state.dialog = null;
    return null;
  }
  return h(
    "dialog",
    {
      key: "dialog",
      class: `dialog ${dialog.kind}-dialog`,
      "aria-labelledby": "dialog-title",
      oncancel: close,
      onclose: close,
      // A press on the dimmed page behind the dialog counts as a press on the dialog, outside of its box.
      onclick: (event) => event.target === event.currentTarget && !dialog.busy && close(),
      ref: (node) => node.showModal(),
    },
    h("div", { class: "dialog-box" }, inside),
  );
}

const HOUR = 3_600_000; // milliseconds
const FOCUSED = { ref: (node) => node.focus() };
const CONTENTS = {
  pause: pauseQuestion,
  switch: switchQuestion,
  picture: pictureViewer,
  order: orderSheet,
  help: helpSheet,
  labels: labelsSheet,
};

function orderSheet(app, _, close) {
  return sheet(app, "order", "receipt", t("order"), close, orderView(app));
}

function question(app, dialog, close) {
  const word = t("purge.word");
  const typedRight =
    dialog.kind !== "shop" ||
    dialog.typed.trim().normalize("NFC").toLowerCase() === word.normalize("NFC").toLowerCase();
  const submit = async (event) => {
    event.preventDefault();
    if (!typedRight || dialog.busy) return;
    Object.assign(dialog, { busy: true, problem: null });
    app.changed();
    try {
      const given = await app.shop.purge(dialog.kind, dialog.id);
      app.inbox.forget(dialog.kind, dialog.id).forEach(app.inbox.readLast);
      app.serverSearch.refresh();
      if (dialog.kind === "message") {
        close();
        app.say("deleted.message");
      } else {
        dialog.receipt = given;
      }
    } catch (problem) {
      dialog.problem = problem;
    }
    dialog.busy = false;
    app.changed();
  };
  return h(
    "form",
    { key: "question", class: "stack", onsubmit: submit },
    h("h2", { id: "dialog-title" }, icon(app, "trash"), t(`delete.${dialog.kind}`)),
    h("p", {}, t(`delete.${dialog.kind}.about`, { name: dialog.name ?? "" })),
    dialog.kind === "shop" && [
      h("label", { for: "confirm" }, t("purge.type", { word })),
      h("input", {
        id: "confirm",
        type: "text",
        autocomplete: "off",
        autocapitalize: "off",
        spellcheck: "false",
        value: dialog.typed,
        ref: (node) => node.focus(),
        oninput: (event) => {
          dialog.typed = event.target.value;
          app.changed();
        },
      }),
    ],
    dialog.problem && failure(app, dialog.problem),
    h(
      "div",
      { class: "dialog-buttons" },
      button(app, null, t("cancel"), close),
      h(
        "button",
        { type: "submit", class: "button danger", disabled: !typedRight || Boolean(dialog.busy) },
        t(dialog.busy ? "deleting" : `delete.${dialog.kind}.do`),
      ),
    ),
  );
}

function pauseQuestion(app, { page }, close) {
  const pause = (duration) => {
    close();
    app.shop.pause(page, duration);
  };
  return choices(app, "pause", t("pause.question"), page ? t("pause.about.page", { page }) : t("pause.about"), close, [
    ["pause.hour", () => pause(HOUR)],
    ["pause.open", () => pause()],
  ]);
}

function switchQuestion(app, { name, replace }, close) {
  const about = t("switch.about", { name, shop: app.state.session.shop });
  return choices(app, "warning", t("switch.question"), about, close, [["switch.do", replace]]);
}

/** A question. `all` has the words and the action of each answer beside Cancel. */
function choices(app, name, title, about, close, all) {
  return h(
    "div",
    { key: name, class: "stack" },
    h("h2", { id: "dialog-title" }, icon(app, name), title),
    h("p", {}, about),
    h(
      "div",
      { class: "dialog-buttons" },
      button(app, null, t("cancel"), close, FOCUSED),
      all.map(([key, choose]) => button(app, null, t(key), choose, { class: "button danger" })),
    ),
  );
}

function receipt(app, dialog, close) {
  // The newest state of the receipt, which is read again until it is complete.
  const now = app.state.receipts.find((one) => one.purge_id === dialog.receipt.purge_id) ?? dialog.receipt;
  return sheet(
    app,
    "receipt",
    "receipt",
    t("receipt.title"),
    close,
    h("p", {}, t("receipt.about")),
    h("div", { class: "receipt-line", role: "status" }, receiptFacts(app, now)),
    h(
      "div",
      { class: "dialog-buttons" },
      button(app, null, t("close"), close, { ...FOCUSED, class: "button primary" }),
    ),
  );
}
