// Names and pictures of customers: asked of Facebook when their rows come into view, kept in this tab alone.

import { createKept } from "./kept.js";
import { path } from "./page-inbox.js";

const AT_ONCE = 2;
const PAUSE = 60; // seconds without asking after a refusal that names no time
const DAYS = 5 * 24 * 3_600_000; // milliseconds
const OF_ONE = new Set(["object_not_found", "not_found", "parameter_refused", "permission_missing"]);
const NAMELESS = { name: "", picture: "" };
const idOf = (page, customer) => `${page}_${customer}`;

/** `of` gives what Facebook said of a customer; `problem` is why it is not asked at the moment. */
export function createCustomers({ api, may, changed, now = () => Date.now(), deadlineOf = () => now() + DAYS }) {
  const known = createKept({ name: "page-inbox.customers", deadlineOf, now });
  const refused = new Set(); // profiles that Facebook does not give
  const asked = new Set();
  const waiting = [];
  let running = 0;
  let heldUntil = 0;
  const customers = { problem: null, want, of, prune: known.prune };

  function of(page, customer) {
    const id = idOf(page, customer);
    return refused.has(id) ? NAMELESS : known.get(id);
  }

  function want(page, customer) {
    const id = idOf(page, customer);
    if (!may() || !customer || known.has(id) || asked.has(id) || refused.has(id) || now() < heldUntil) return;
    asked.add(id);
    waiting.push({ id, page, customer });
    next();
  }

  function next() {
    while (running < AT_ONCE && waiting.length) {
      running += 1;
      const one = waiting.shift();
      ask(one).finally(() => {
        asked.delete(one.id);
        running -= 1;
        next();
      });
    }
  }

  async function ask({ id, page, customer }) {
    try {
      const answer = await api.json("GET", path("pages", page, "customers", customer));
      const { name = "", profile_pic: picture = "" } = answer.items[0] ?? {};
      known.set(id, { name, picture });
      customers.problem = null;
    } catch (problem) {
      if (OF_ONE.has(problem.reason)) {
        // The profile of one person is refused. Facebook may have the others.
        refused.add(id);
        if (problem.reason === "permission_missing") customers.problem = problem;
      } else {
        // It would be refused to the others too: leave Facebook alone for a while.
        customers.problem = problem;
        heldUntil = now() + (problem.retryAfter || PAUSE) * 1000;
        for (const one of waiting.splice(0)) asked.delete(one.id);
      }
    }
    changed();
  }

  return customers;
}
