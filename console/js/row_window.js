// Only the rows of the list that are in view, and some rows around them, are in the page. So a long list is drawn as
// fast as a short list. All rows have the same height. `top` is the row at the upper edge of the box. It stays there
// when rows are added above it.

const AROUND = 10; // rows that are drawn above and below the box
const AT_FIRST = 30; // rows that are drawn before their height is known
const REST = 150; // milliseconds without scrolling, after which a row counts as seen

export function createRowWindow({ changed, onSeen }) {
  let box = null;
  let height = 0;
  let above = 0; // pixels in the box above the first row
  let scrolled = 0;
  let top = null; // {id, place, offset}; null at the beginning of the list
  let ids = [];
  let drawn = { from: 0, to: 0 };
  let toFocus = null;
  let resting = null;
  const resized = new ResizeObserver(() => changed());

  /** Called when the box is in the page. */
  function attach(node) {
    box = node;
    resized.disconnect();
    resized.observe(box);
  }

  /** Returns which of these rows to draw, and the height of the others. */
  function rangeOf(shown) {
    ids = shown;
    if (top) {
      const place = ids.indexOf(top.id);
      top.place = place >= 0 ? place : Math.min(top.place, ids.length - 1);
      scrolled = above + top.place * height + top.offset;
    }
    drawn = height ? around(scrolled) : { from: 0, to: Math.min(AT_FIRST, ids.length) };
    const pixels = { paddingTop: drawn.from * height, paddingBottom: (ids.length - drawn.to) * height };
    return { ...drawn, pixels };
  }

  function around(from) {
    const first = Math.floor((from - above) / height) - AROUND;
    const last = Math.ceil((from - above + (box?.clientHeight ?? 0)) / height) + AROUND;
    return { from: between(first), to: between(last) };
  }

  const between = (place) => Math.max(0, Math.min(ids.length, place));

  /** Called after the page is drawn. Measure the rows, and scroll to the reader's place. */
  function restore() {
    if (!box?.isConnected) {
      box = null;
      return;
    }
    const row = box.querySelector(".rows > li");
    if (!row) return;
    const list = row.parentElement;
    const before = height;
    height = row.getBoundingClientRect().height;
    above = list.offsetTop; // the box has a layer of its own, so it is the list's offset parent
    if (Math.abs(box.scrollTop - scrolled) >= 1) box.scrollTop = scrolled;
    if (Math.abs(height - before) > 0.1) changed();
    if (toFocus) list.querySelector(`[data-conversation="${CSS.escape(toFocus)}"]`)?.focus({ preventScroll: true });
    toFocus = null;
    // Drawing does not delay the report of the rows in view, because in a busy shop the page is drawn often.
    if (!resting) rest();
  }

  function onScroll() {
    setTop(box.scrollTop);
    const { from, to } = around(scrolled);
    const enough = AROUND / 2;
    const short = (from > 0 ? drawn.from - from : drawn.from) > enough || to - drawn.to > enough;
    const past = from - drawn.from > enough || drawn.to - to > enough;
    if (short || past || (to === ids.length && drawn.to < to)) changed();
    rest();
  }

  function setTop(pixels) {
    scrolled = Math.max(0, pixels);
    const place = height ? Math.floor((scrolled - above) / height) : -1;
    const id = place >= 0 && scrolled > 0 ? ids[place] : undefined;
    top = id === undefined ? null : { id, place, offset: scrolled - above - place * height };
  }

  /** Bring a row into view, and give it the focus if requested. */
  function reveal(place, { focus = false } = {}) {
    if (!height || !box || ids[place] === undefined) return;
    const from = above + place * height;
    if (from < scrolled) setTop(place === 0 ? 0 : from);
    else if (from + height > scrolled + box.clientHeight) setTop(from + height - box.clientHeight);
    if (focus) toFocus = ids[place];
    changed();
  }

  /** When the list does not move, report the rows in view. */
  function rest() {
    clearTimeout(resting);
    resting = setTimeout(() => {
      resting = null;
      if (!box?.isConnected || !height) return;
      const first = between(Math.floor((scrolled - above) / height));
      const last = between(Math.ceil((scrolled - above + box.clientHeight) / height));
      onSeen(ids.slice(first, last));
    }, REST);
  }

  /** Begin at the first row. */
  function toBeginning() {
    setTop(0);
  }

  return { attach, rangeOf, restore, onScroll, reveal, toBeginning, placeOf: (id) => ids.indexOf(id) };
}
