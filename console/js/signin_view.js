// The page without a token: an explanation, and a field for the token.

import { h } from "./view.js";
import { icon } from "./parts.js";
import { t } from "./words.js";

export function signInView(app) {
  const { state } = app;
  const returning = Boolean(state.lastShop);
  const problem = state.signInProblem;
  const submit = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    app.signIn(form.elements.token.value, form.elements.shop?.value ?? state.lastShop ?? "");
  };
  return h(
    "section",
    { class: "signin card" },
    h("div", { class: "signin-mark" }, icon(app, returning ? "clock" : "mark")),
    h("h1", {}, t(returning ? "signin.title_again" : "signin.title")),
    h("p", { class: "soft" }, t(returning ? "signin.about_again" : "signin.about")),
    h(
      "form",
      { class: "stack", onsubmit: submit, novalidate: true },
      h("label", { for: "token" }, t("signin.token")),
      h("input", {
        id: "token",
        name: "token",
        type: "password",
        autocomplete: "off",
        spellcheck: "false",
        autocapitalize: "off",
        required: true,
        "aria-invalid": problem ? "true" : null,
        "aria-describedby": problem ? "signin-problem" : "signin-hint",
        ref: (node) => node.focus(),
      }),
      h("p", { id: "signin-hint", class: "soft small" }, t("signin.hint")),
      state.everyShop && [
        h("label", { for: "shop" }, t("signin.shop")),
        h("input", { id: "shop", name: "shop", type: "text", autocomplete: "off", ref: (node) => node.focus() }),
      ],
      problem &&
        h("p", { id: "signin-problem", class: "problem-line", role: "alert" }, icon(app, "warning"), t(problem)),
      h("button", { type: "submit", class: "button primary" }, t("signin.submit")),
    ),
    h("p", { class: "soft small" }, icon(app, "lock"), t("signin.privacy")),
  );
}
