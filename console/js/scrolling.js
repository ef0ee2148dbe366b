// Keeps the reader's place in a thread when messages are added above or below it.
//
// `atEnd` is true while the newest message is in view. Then the end stays in view when a message arrives, when a
// picture is larger than its reserved place, and when the window changes its size.

const NEAR = 60; // pixels from the end that still count as being at the end

export function createThreadScroll({ changed }) {
  let box = null;
  let shownBefore = null;
  let wantsFocus = false;
  let wanted = null; // id of a message to bring into view as soon as it is drawn
  const grown = new ResizeObserver(() => scroll.atEnd && toBottom());
  const scroll = { atEnd: true, arrived: 0, attach, onScroll, keepPlace, toEnd, countArrival, focus, reveal };

  function toBottom() {
    if (box) box.scrollTop = box.scrollHeight;
  }

  /** Called when a new thread's box is in the page. The box's only child holds the messages. */
  function attach(node) {
    box = node;
    Object.assign(scroll, { atEnd: true, arrived: 0 });
    grown.disconnect();
    grown.observe(box);
    grown.observe(box.firstElementChild);
  }

  function onScroll() {
    const atEnd = isAtEnd();
    if (atEnd === scroll.atEnd) return;
    scroll.atEnd = atEnd;
    if (atEnd) scroll.arrived = 0;
    changed();
  }

  /** Called when a message has arrived in the open thread. */
  function countArrival() {
    if (!scroll.atEnd) scroll.arrived += 1;
  }

  /** Give the open thread the focus, as soon as it is drawn. */
  function focus() {
    wantsFocus = true;
    changed();
  }

  function reveal(message) {
    wanted = message;
  }

  function toEnd() {
    Object.assign(scroll, { atEnd: true, arrived: 0 });
    toBottom();
    changed();
  }

  /** Called before a thread is drawn. Returns the function to call afterwards. */
  function keepPlace(conversation) {
    const same = box?.isConnected && shownBefore === conversation;
    const filled = box?.querySelector(".message") != null;
    const anchor = same && !scroll.atEnd ? firstVisible(box) : null;
    const offset = anchor?.getBoundingClientRect().top;
    return () => {
      if (!box?.isConnected) {
        box = shownBefore = null;
        return;
      }
      if (!same || scroll.atEnd || !filled) toBottom();
      else if (anchor?.isConnected) box.scrollTop += anchor.getBoundingClientRect().top - offset;
      const found = wanted && [...box.querySelectorAll(".message")].find((one) => one.pageInboxKey === wanted);
      if (found) {
        scroll.atEnd = false;
        found.scrollIntoView({ block: "center" });
        onScroll();
        wanted = null;
      }
      shownBefore = conversation;
      if (wantsFocus) box.focus({ preventScroll: true });
      wantsFocus = false;
    };
  }

  const isAtEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  return scroll;
}

/** Keeps the place of each view of one column. `of(name)` returns the properties for the view's box. */
export function createColumnScroll() {
  const places = new Map();
  return {
    of: (name) => ({
      onscroll: (event) => places.set(name, event.currentTarget.scrollTop),
      ref(node) {
        node.scrollTop = places.get(name) ?? 0;
      },
    }),
  };
}

function firstVisible(box) {
  const top = box.getBoundingClientRect().top;
  return [...box.querySelectorAll(".message")].find((one) => one.getBoundingClientRect().bottom > top) ?? null;
}
