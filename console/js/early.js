// Before anything is drawn: reads a token and a conversation from the address and removes them, and sets the chosen
// language and colours.
"use strict";
(() => {
  const given = new URLSearchParams(location.hash.slice(1));
  const conversation = given.get("conversation");
  if (given.has("token") || conversation) {
    const place = conversation ? { view: "inbox", conversation } : history.state;
    history.replaceState(place, "", location.pathname + location.search);
  }
  try {
    if (given.has("token")) {
      sessionStorage.clear();
      sessionStorage.setItem("page-inbox.token", given.get("token"));
      if (given.has("shop")) sessionStorage.setItem("page-inbox.shop", given.get("shop"));
    }
    const theme = localStorage.getItem("page-inbox.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    const language = localStorage.getItem("page-inbox.language");
    if (language === "en" || language === "km") document.documentElement.lang = language;
    else if (navigator.language.startsWith("km")) document.documentElement.lang = "km";
  } catch {
    // The browser stores nothing, so the page asks for the token.
  }
})();
