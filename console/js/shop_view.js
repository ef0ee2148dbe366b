// The shop itself: pause, its Pages, export, deleting everything, receipts, and the audit log.

import { h } from "./view.js";
import { audit } from "./audit_view.js";
import { failure, icon, panel } from "./parts.js";
import { labelsPanel } from "./marks_view.js";
import { settings } from "./settings_view.js";
import { dateTime, t } from "./words.js";

const STATUSES = { connected: "good", webhooks_only: "fair", unsubscribed: "fair", reconnect: "bad" };

export function shopView(app) {
  const { state } = app;
  const admin = app.may("shop:admin");
  return h(
    "div",
    { key: "shop", class: "column", ...app.columnScroll.of("shop") },
    h("div", { class: "column-head" }, h("h1", {}, t("view.shop"))),
    state.shopProblem && failure(app, state.shopProblem, admin ? app.shop.load : null),
    admin && state.shop && [storing(app), pages(app)],
    admin && labelsPanel(app),
    app.may("messages:read") && exporting(app),
    app.may("messages:purge") && deleting(app),
    state.receipts.length > 0 && receipts(app),
    admin && audit(app),
    settings(app),
    h(
      "p",
      { class: "soft small footnote" },
      t("shop.signed_in", { name: state.session.subject || "-", when: dateTime(state.session.ends) }),
    ),
  );
}

function storing(app) {
  const { paused } = app.state.shop;
  return panel(
    app,
    paused ? "pause" : "inbox",
    t("storing.title"),
    h(
      "p",
      {},
      h("strong", { class: paused ? "state fair" : "state good" }, t(paused ? "storing.paused" : "storing.on")),
    ),
    h("p", { class: "soft" }, t(paused ? "storing.paused.about" : "storing.on.about")),
    h(
      "button",
      {
        type: "button",
        class: paused ? "button primary" : "button",
        onclick: () => (paused ? app.shop.resume() : askToPause(app)),
      },
      icon(app, paused ? "play" : "pause"),
      t(paused ? "storing.resume" : "storing.pause"),
    ),
  );
}

/** Asks before a pause, because a pause loses messages; `page` is absent for the whole shop. */
function askToPause(app, page) {
  app.state.dialog = { kind: "pause", page };
  app.changed();
}

function pages(app) {
  const { shop } = app.state;
  return panel(
    app,
    "shop",
    t("pages.title"),
    shop.pages.length === 0 && h("p", { class: "soft" }, t("pages.none")),
    h(
      "ul",
      { class: "plain-list" },
      shop.pages.map((one) =>
        h(
          "li",
          { key: one.page_id, class: "page-line" },
          h("span", { class: "page-id" }, pageTitle(app, one.page_id)),
          h("span", { class: `state ${STATUSES[one.status]}` }, t(`pages.${one.status}`)),
          one.paused && h("span", { class: "state fair" }, t("pages.paused")),
          one.warnings?.some((warning) => warning.reason === "token_expires_soon") &&
            h(
              "span",
              { class: "state bad" },
              t("pages.token_ends", { when: dateTime(Date.parse(one.token_expires_at)) }),
            ),
          one.healing_since &&
            h(
              "span",
              { class: "state fair healing" },
              t("pages.healing", { when: dateTime(Date.parse(one.healing_since)) }),
              // Only the answer for one Page has the counts, and only once the fetching has begun.
              one.healing?.messages !== undefined && [" ", t("pages.healing.progress", one.healing)],
            ),
          one.missing_fields &&
            h(
              "span",
              { class: "state fair" },
              t("pages.missing_fields", { fields: one.missing_fields.map((missing) => missing.field).join(", ") }),
            ),
          h(
            "span",
            { class: "soft small" },
            one.last_event_at ? t("pages.last", { when: dateTime(Date.parse(one.last_event_at)) }) : t("pages.never"),
          ),
          h(
            "button",
            {
              type: "button",
              class: "button slim",
              "aria-label": t(one.paused ? "pages.resume.one" : "pages.pause.one", { page: one.page_id }),
              onclick: () => (one.paused ? app.shop.resume(one.page_id) : askToPause(app, one.page_id)),
            },
            icon(app, one.paused ? "play" : "pause"),
            t(one.paused ? "storing.resume" : "storing.pause"),
          ),
        ),
      ),
    ),
  );
}

/** The Page's name with its id, or the id alone. */
function pageTitle(app, id) {
  const name = app.pageName(id);
  return name === id ? id : [name, " ", h("span", { class: "soft small" }, id)];
}

function exporting(app) {
  const { exporting: size } = app.state;
  const stamp = new Date(app.clock.now()).toISOString().slice(0, 10);
  const button = (form, words, more) =>
    h(
      "button",
      { type: "button", class: "button", disabled: size !== null, onclick: () => app.shop.export(app, stamp, form) },
      icon(app, "download"),
      more ?? t(words),
    );
  const running = size === null ? null : t("export.running", { n: Math.ceil(size / 1024) });
  return panel(
    app,
    "download",
    t("export.title"),
    h("p", { class: "soft" }, t("export.about")),
    h(
      "div",
      { class: "note-actions" },
      button("page", "export.page"),
      button("csv", "export.csv"),
      button("ndjson", "export.start", running),
    ),
  );
}

function deleting(app) {
  return panel(
    app,
    "trash",
    t("purge.title"),
    h("p", { class: "soft" }, t("purge.about")),
    h(
      "button",
      {
        type: "button",
        class: "button danger",
        onclick: () => {
          app.state.dialog = { kind: "shop", typed: "" };
          app.changed();
        },
      },
      icon(app, "trash"),
      t("purge.start"),
    ),
  );
}

function receipts(app) {
  return panel(
    app,
    "receipt",
    t("receipts.title"),
    h("p", { class: "soft" }, t("receipts.about")),
    h(
      "ul",
      { class: "plain-list" },
      app.state.receipts.map((one) => h("li", { key: one.purge_id, class: "receipt-line" }, receiptFacts(app, one))),
    ),
  );
}

/** A receipt in a form for an owner. */
export function receiptFacts(app, one) {
  const complete = one.status === "complete";
  return [
    h("p", {}, h("strong", {}, t(`receipt.${one.what}`)), " · ", t("receipt.deleted", { n: one.messages_deleted })),
    h("p", { class: "soft small" }, dateTime(Date.parse(one.requested_at)), " · ", one.requested_by),
    h(
      "p",
      { class: "small" },
      h("span", { class: `state ${complete ? "good" : "fair"}` }, t(complete ? "receipt.complete" : "receipt.running")),
    ),
    one.signature && h("p", { class: "small" }, icon(app, "lock"), " ", t("receipt.signed")),
    h(
      "p",
      { class: "small" },
      h("span", { class: "soft" }, t("receipt.id")),
      " ",
      h("code", { class: "receipt-id" }, one.purge_id),
    ),
    h(
      "button",
      { type: "button", class: "button", onclick: () => app.shop.saveReceipt(one) },
      icon(app, "download"),
      t("receipt.save"),
    ),
  ];
}
