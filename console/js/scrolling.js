// Where the reader is in a thread stays where it is, whatever is added above or below.

const NEAR = 60; // pixels from the end that still count as being at the end
let shownBefore = null;

/** Called before a thread is drawn; gives what to call afterwards. */
export function keepPlace(root, conversation) {
  const box = root.querySelector(".thread-scroll");
  const same = box && shownBefore === conversation;
  const filled = box?.querySelector(".message") != null;
  const ended = same && box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  const anchor = same && !ended ? firstVisible(box) : null;
  const offset = anchor?.getBoundingClientRect().top;
  return () => {
    const now = root.querySelector(".thread-scroll");
    if (!now) {
      shownBefore = null;
      return;
    }
    if (!same || ended || !filled) now.scrollTop = now.scrollHeight;
    else if (anchor?.isConnected) now.scrollTop += anchor.getBoundingClientRect().top - offset;
    shownBefore = conversation;
  };
}

function firstVisible(box) {
  const top = box.getBoundingClientRect().top;
  return [...box.querySelectorAll(".message")].find((one) => one.getBoundingClientRect().bottom > top) ?? null;
}
