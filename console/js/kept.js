// What this tab's storage keeps of a conversation, a name or a count, ends with the conversation: at its deadline, and
// as soon as it is deleted here or elsewhere.

import { drop, namesOf, read, write } from "./session.js";

/**
 * Values by conversation. `deadlineOf(id)` is when a conversation's last message ends, in milliseconds since 1970: 0
 * once the conversation is gone, undefined while that is unknown, as before the list is read.
 */
export function createKept({ name, deadlineOf, now }) {
  const entries = new Map(restored(name));

  function save(id, entry) {
    entries.set(id, entry);
    write(`${name}:${id}`, JSON.stringify(entry));
  }

  function forget(id) {
    if (entries.delete(id)) drop(`${name}:${id}`);
  }

  const kept = {
    get: (id) => entries.get(id)?.value,
    values: () => [...entries.values()].map((one) => one.value),
    has: (id) => entries.has(id),
    /** `until` is the deadline where the conversation is not known yet; without any the value is not kept. */
    set(id, value, until = 0) {
      const end = deadlineOf(id) ?? until;
      if (end > now()) save(id, { value, until: end });
    },
    delete: forget,
    /** Drop what has no conversation any more; a conversation that goes on moves the deadline. */
    prune() {
      for (const [id, { value, until }] of entries) {
        const end = deadlineOf(id) ?? until;
        if (end <= now()) forget(id);
        else if (end !== until) save(id, { value, until: end });
      }
    },
  };
  kept.prune();
  return kept;
}

function restored(name) {
  const stored = namesOf(`${name}:`).map((key) => [key.slice(name.length + 1), parsed(read(key))]);
  return stored.filter(([, one]) => typeof one?.until === "number");
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
