// What a reader chooses for this browser.

import { choice, icon } from "./parts.js";
import { choose, preference } from "./preferences.js";
import { h } from "./view.js";
import { spoken, t, useNumerals } from "./words.js";

const FILLED_IN = { name: "{name}", phone: "{phone}", text: "{text}", json: "{json}" };

export function settings(app) {
  return h(
    "section",
    { key: "settings", class: "card choices" },
    h("h2", {}, icon(app, "settings"), t("settings.title")),
    h("p", { class: "soft" }, t("settings.about")),
    spoken() === "km" && numerals(app),
    alerts(app),
    orderAddress(app),
  );
}

function numerals(app) {
  const all = [
    ["", t("settings.numerals.latin")],
    ["khmer", t("settings.numerals.khmer")],
  ];
  const use = (wanted) => {
    choose("numerals", wanted);
    useNumerals(wanted);
    app.changed();
  };
  return setting("numerals", choice(null, all, preference("numerals"), use, { id: "numerals" }));
}

function alerts(app) {
  const { isOn } = app.alerts;
  const box = (what) =>
    h("input", {
      id: `alerts-${what}`,
      type: "checkbox",
      checked: isOn(what),
      onchange: (event) => {
        const others = ["sound", "notification"].filter((one) => one !== what && isOn(one));
        app.alerts.choose([...others, event.target.checked && what].filter(Boolean).join(" ") || "off");
      },
    });
  return ["sound", "notification"].map((what) =>
    h("p", { class: "setting" }, box(what), h("label", { for: `alerts-${what}` }, t(`settings.${what}`))),
  );
}

/** The field for the address at which the shop's own system opens an order. */
function orderAddress(app) {
  const name = `order-address.${app.state.session.shop}`;
  const field = h("input", {
    id: "order-address",
    class: "select wide-field",
    type: "url",
    value: preference(name),
    placeholder: "https://pos.example/new#phone={phone}&text={text}",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "order-address-hint",
    oninput: (event) => {
      choose(name, event.target.value.trim());
      app.changed();
    },
  });
  return [
    setting("order-address", field),
    h("p", { id: "order-address-hint", class: "soft small" }, t("settings.order-address.hint", FILLED_IN)),
  ];
}

function setting(name, field) {
  return h("p", { class: "setting" }, h("label", { for: name }, t(`settings.${name}`)), field);
}
