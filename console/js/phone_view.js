// A telephone number: to call, and to copy.

import { grouped } from "./numbers.js";
import { button, copy, icon } from "./parts.js";
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
    button(app, "copy", h("span", {}, t("copy")), () => copy(app, number), {
      class: "phone-copy",
      "aria-label": t("copy.number", { number }),
    }),
  );
}
