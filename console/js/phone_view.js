// A telephone number: to call, and to copy.

import { copy, icon } from "./parts.js";
import { grouped } from "./search.js";
import { h } from "./view.js";
import { t } from "./words.js";

export function phones(app, numbers) {
  return (
    numbers?.length > 0 &&
    h(
      "div",
      { class: "phones" },
      numbers.map((one) => phone(app, one)),
    )
  );
}

function phone(app, number) {
  return h(
    "span",
    { key: number, class: "phone" },
    icon(app, "phone"),
    h("a", { class: "phone-number", href: `tel:${number}` }, grouped(number)),
    h(
      "button",
      {
        type: "button",
        class: "phone-copy",
        "aria-label": t("copy.number", { number }),
        onclick: () => copy(app, number),
      },
      icon(app, "copy"),
      h("span", {}, t("copy")),
    ),
  );
}
