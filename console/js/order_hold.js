// The order of the list does not change while a mouse moves over it, so that no row moves under a click.

const HELD = 4_000; // milliseconds after the last movement

export function createOrderHold({ changed }) {
  let drawn = []; // ids in the order of the last drawing
  let held = null;
  let timer;

  function release() {
    clearTimeout(timer);
    if (!held) return;
    held = null;
    changed();
  }

  return {
    release,
    onMove(event) {
      if (event.pointerType !== "mouse" || drawn.length === 0) return;
      held ??= drawn;
      clearTimeout(timer);
      timer = setTimeout(release, HELD);
    },
    /**
     * Returns the conversations in the order to draw. A new conversation moves to the top when the mouse has stopped.
     */
    apply(newestFirst) {
      if (!held) {
        drawn = newestFirst.map((one) => one.id);
        return newestFirst;
      }
      const all = new Map(newestFirst.map((one) => [one.id, one]));
      const kept = held.filter((id) => all.has(id)).map((id) => all.get(id));
      const known = new Set(held);
      const oldest = kept.at(-1)?.last_activity_at ?? "";
      const older = newestFirst.filter((one) => !known.has(one.id) && one.last_activity_at <= oldest);
      return [...kept, ...older];
    },
  };
}
