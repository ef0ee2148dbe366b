// The shop itself: pause, its Pages, export, deleting everything, receipts, and the audit log.

import { h } from "./view.js";
import { audit } from "./audit_view.js";
import { button, failure, icon, panel, showDialog } from "./parts.js";
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
    pauseButton(app, paused, undefined, { class: paused ? "button primary" : "button" }),
  );
}

/** Asks before a pause, because a pause loses messages; `page` is undefined for the whole shop. */
function pauseButton(app, paused, page, more) {
  const press = () => (paused ? app.shop.resume(page) : showDialog(app, { kind: "pause", page }));
  return button(app, paused ? "play" : "pause", t(paused ? "storing.resume" : "storing.pause"), press, more);
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
              // Only the answer for one Page has the counts, and only after the fetch has begun.
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
          pauseButton(app, one.paused, one.page_id, {
            class: "button slim",
            "aria-label": t(one.paused ? "pages.resume.one" : "pages.pause.one", { page: one.page_id }),
          }),
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
  const copy = (form, words) =>
    button(app, "download", words, () => app.shop.export(app, stamp, form), { disabled: size !== null });
  const running = size === null ? null : t("export.running", { n: Math.ceil(size / 1024) });
  return panel(
    app,
    "download",
    t("export.title"),
    h("p", { class: "soft" }, t("export.about")),
    h(
      "div",
      { class: "note-actions" },
      copy("page", t("export.page")),
      copy("csv", t("export.csv")),
      copy("ndjson", running ?? t("export.start")),
    ),
  );
}

function deleting(app) {
  return panel(
    app,
    "trash",
    t("purge.title"),
    h("p", { class: "soft" }, t("purge.about")),
    button(app, "trash", t("purge.start"), () => showDialog(app, { kind: "shop", typed: "" }), {
      class: "button danger",
    }),
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

/** A receipt, in words for the shop's owner. */
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
    button(app, "download", t("receipt.save"), () => app.shop.saveReceipt(one)),
  ];
}
