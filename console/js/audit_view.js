// The audit log. The reader's own reads are last, because they are many and known.

import { button, panel } from "./parts.js";
import { h } from "./view.js";
import { dateTime, has, t } from "./words.js";

const READING = /^(read|list|fetch|open|give)/;

export function audit(app) {
  const { audit: log } = app.state;
  const entries = log?.entries ?? [];
  const own = entries.filter((one) => one.sub === app.state.session.subject && READING.test(one.action));
  const others = entries.filter((one) => !own.includes(one));
  return panel(
    app,
    "audit",
    t("audit.title"),
    h("p", { class: "soft" }, t("audit.about")),
    log && entries.length === 0 && h("p", { class: "soft" }, t("audit.none")),
    entries.length > 0 &&
      h(
        "div",
        { class: "wide", tabindex: "0", role: "region", "aria-label": t("audit.title") },
        h(
          "table",
          {},
          h("thead", {}, h("tr", {}, ["when", "who", "what"].map(columnHead))),
          h(
            "tbody",
            {},
            others.map((one) => line(app, one)),
          ),
          own.length > 0 &&
            h(
              "tbody",
              { key: "own" },
              h("tr", {}, h("th", { colspan: "3", scope: "rowgroup" }, t("audit.own"))),
              own.map((one) => line(app, one)),
            ),
        ),
      ),
    (!log || log.cursor !== null) &&
      button(app, "audit", t(log ? "more" : "audit.show"), () => app.shop.audit({ fresh: !log })),
  );
}

const columnHead = (name) => h("th", { key: name, scope: "col" }, t(`audit.${name}`));

function line(app, one) {
  const act = has(`audit.act.${one.action}`) ? t(`audit.act.${one.action}`) : t("audit.act.other");
  return h(
    "tr",
    {},
    h("td", {}, dateTime(Date.parse(one.at))),
    h("td", {}, one.sub),
    h(
      "td",
      {},
      act,
      one.page && [" · ", app.pageName(one.page)],
      one.times > 1 && h("span", { class: "soft" }, " ", t("audit.times", { n: one.times })),
    ),
  );
}
