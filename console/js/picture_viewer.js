// A picture of the open thread on the full screen: zoom, the pictures before and after it, and a way to save it.

import { inOrder } from "./inbox_state.js";
import { attachmentsOf, isPicture } from "./attachments.js";
import { saveAddress } from "./links.js";
import { canShow, icon, iconButton, outerLink } from "./parts.js";
import { h } from "./view.js";
import { t } from "./words.js";

const ZOOMS = [1, 2, 4];

/** Returns every picture of a thread that can be shown, oldest first. `id` identifies a picture. */
function picturesOf(app, thread) {
  return inOrder(thread).flatMap((message) =>
    attachmentsOf(message)
      .map((one, place) => ({ one, id: `${message.id} ${place}`, url: one.url }))
      .filter(({ one, url }) => isPicture(one) && canShow(app, url)),
  );
}

/** Returns the content of the dialog, or null if the picture's message is deleted. */
export function pictureViewer(app, dialog, close) {
  const thread = app.state.threads.get(app.state.selected);
  const all = thread ? picturesOf(app, thread) : [];
  const place = all.findIndex((one) => one.id === dialog.id);
  if (place < 0) return null;
  const zoom = zoomOf(dialog);
  const change = (what) => {
    Object.assign(dialog, what);
    app.changed();
  };
  // A key may be pressed before the last change is drawn, so both functions read the state from the dialog.
  const go = (steps) => {
    const next = all[all.findIndex((one) => one.id === dialog.id) + steps];
    if (next) change({ id: next.id, zoom: 1 });
  };
  const zoomTo = (steps) => change({ zoom: ZOOMS[clamp(ZOOMS.indexOf(zoomOf(dialog)) + steps)] });
  const keys = {
    ArrowLeft: () => zoomOf(dialog) === 1 && go(-1),
    ArrowRight: () => zoomOf(dialog) === 1 && go(1),
    "+": () => zoomTo(1),
    "=": () => zoomTo(1),
    "-": () => zoomTo(-1),
    0: () => change({ zoom: 1 }),
  };
  const name = t("picture.of", { n: place + 1, all: all.length });
  return h(
    "div",
    { class: "viewer-box", onkeydown: (event) => keys[event.key]?.() },
    h(
      "div",
      { class: "viewer-tools" },
      h("h2", { id: "dialog-title", class: "viewer-title" }, name),
      iconButton(app, "back", t("picture.before"), () => go(-1), { disabled: place === 0 }),
      iconButton(app, "next", t("picture.after"), () => go(1), { disabled: place === all.length - 1 }),
      iconButton(app, "minus", t("picture.smaller"), () => zoomTo(-1), { disabled: zoom === ZOOMS[0] }),
      iconButton(app, "plus", t("picture.larger"), () => zoomTo(1), { disabled: zoom === ZOOMS.at(-1) }),
      saveLink(app, all[place].url),
      iconButton(app, "close", t("close"), close),
    ),
    h(
      "div",
      {
        key: all[place].id,
        class: "viewer-scroll",
        tabindex: "0",
        role: "region",
        "aria-label": name,
        autofocus: true,
        ref: (node) => node.focus(),
      },
      h("img", {
        class: `viewer-picture zoom-${zoom}`,
        src: all[place].url,
        alt: t("kind.image"),
        referrerpolicy: "no-referrer",
        onclick: () => change({ zoom: zoom === 1 ? 2 : 1 }),
      }),
    ),
  );
}

/**
 * A link to the picture at Facebook. The page may show the picture but not read it, so the browser fetches the file.
 */
function saveLink(app, url) {
  const name = t("picture.save");
  const props = { class: "icon-button", download: "picture", "aria-label": name, title: name };
  return outerLink(saveAddress(url), props, icon(app, "download"));
}

const zoomOf = (dialog) => dialog.zoom ?? 1;
const clamp = (place) => Math.max(0, Math.min(ZOOMS.length - 1, place));
