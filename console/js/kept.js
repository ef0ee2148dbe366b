// This tab's storage keeps values about conversations, for example names. A value is deleted with its conversation: at
// its deadline, or when it is deleted here or elsewhere.

import { drop, namesOf, readJson, write } from "./session.js";

/**
 * Values by conversation. `deadlineOf(id)` returns when a conversation's last message expires, in Unix milliseconds. It
 * returns 0 if the conversation is deleted, and undefined while this is unknown.
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
    /** `until` is the deadline if the conversation is not known yet. Without a deadline the value is not kept. */
    set(id, value, until = 0) {
      const end = deadlineOf(id) ?? until;
      if (end > now()) save(id, { value, until: end });
    },
    delete: forget,
    /** Delete the values of deleted conversations, and update the deadlines of the others. */
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
  const stored = namesOf(`${name}:`).map((key) => [key.slice(name.length + 1), readJson(key)]);
  return stored.filter(([, one]) => typeof one?.until === "number");
}
