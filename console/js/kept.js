// What this tab's storage keeps of a conversation, a name or a count, ends with the conversation: at its deadline, and
// as soon as it is deleted here or elsewhere.

import { read, write } from "./session.js";

/**
 * Values by conversation. `deadlineOf(id)` is when a conversation's last message ends, in milliseconds since 1970: 0
 * once the conversation is gone, undefined while that is unknown, as before the list is read.
 */
export function createKept({ name, deadlineOf, now }) {
  const entries = new Map(restored(name));

  function save() {
    write(name, JSON.stringify([...entries]));
  }

  const kept = {
    get: (id) => entries.get(id)?.value,
    values: () => [...entries.values()].map((one) => one.value),
    has: (id) => entries.has(id),
    /** `until` is the deadline where the conversation is not known yet; without any the value is not kept. */
    set(id, value, until = 0) {
      const end = deadlineOf(id) ?? until;
      if (end <= now()) return;
      entries.set(id, { value, until: end });
      save();
    },
    delete(id) {
      if (entries.delete(id)) save();
    },
    /** Drop what has no conversation any more; a conversation that goes on moves the deadline. */
    prune() {
      let any = false;
      for (const [id, one] of entries) {
        one.until = deadlineOf(id) ?? one.until;
        if (one.until <= now()) any = entries.delete(id);
      }
      if (any) save();
    },
  };
  kept.prune();
  return kept;
}

function restored(name) {
  try {
    return JSON.parse(read(name) || "[]").filter(([, one]) => typeof one.until === "number");
  } catch {
    return [];
  }
}
