// Before anything is drawn: take a token out of the address, and set language and colours as last chosen.
"use strict";
(() => {
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has("token")) history.replaceState(history.state, "", location.pathname + location.search);
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
    // A browser that keeps nothing: the page asks for the token instead.
  }
})();
