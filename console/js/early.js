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
      // Any site that opened this tab can write a token into its address. So this script does not replace the tab's
      // session, and `app.js` asks the reader. In a frame there is no question, because only pages of `ORDER_ORIGINS`
      // can show the console in a frame.
      const asks = sessionStorage.getItem("page-inbox.token") && window.parent === window;
      if (!asks) sessionStorage.clear();
      const prefix = asks ? "page-inbox.offered-" : "page-inbox.";
      sessionStorage.setItem(`${prefix}token`, given.get("token"));
      sessionStorage.setItem(`${prefix}shop`, given.get("shop") ?? "");
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
