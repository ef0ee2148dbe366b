// Names and pictures of customers. They are fetched from Facebook when their rows come into view, and kept only in this
// tab.

import { createKept } from "./kept.js";

const MOST = 50; // customers of one call
const PAUSE = 60; // seconds without a request after a refusal that names no time
const DAYS = 5 * 24 * 3_600_000; // milliseconds
const NAMELESS = { name: "", picture: "" };
const OF_ONE = new Set(["object_not_found", "not_found", "page_not_found", "parameter_refused", "permission_missing"]);

/** `of` returns Facebook's facts about a customer. `problem` is the reason why no request is made now. */
export function createCustomers({ api, may, changed, now = () => Date.now(), deadlineOf = () => now() + DAYS }) {
  const known = createKept({ name: "page-inbox.customers", deadlineOf, now });
  const refused = new Set(); // conversations for whose customer Facebook gives no name
  const customers = { problem: null, want, of, prune: known.prune };
  let asking = false;
  let heldUntil = 0;

  function of(page, customer) {
    const id = `${page}_${customer}`;
    return refused.has(id) ? NAMELESS : known.get(id);
  }

  /** Fetch the unknown customers of these conversations in one call. */
  async function want(ids) {
    const missing = ids.filter((id) => !known.has(id) && !refused.has(id)).slice(0, MOST);
    if (!may() || asking || now() < heldUntil || missing.length === 0) return;
    asking = true;
    try {
      const answer = await api.customers(missing);
      customers.problem = null;
      for (const { conversation_id: id, name = "", profile_pic: picture = "" } of answer.items)
        known.set(id, { name, picture });
      for (const { conversation_id: id, reason } of answer.failed) refuse([id], { reason });
    } catch (problem) {
      // All are refused. The first reason is shown, because a missing permission is missing for all.
      refuse(problem.reason === "permission_missing" ? missing : missing.slice(0, 1), problem);
    }
    asking = false;
    changed();
  }

  function refuse(ids, problem) {
    if (OF_ONE.has(problem.reason)) ids.forEach((id) => refused.add(id));
    // Requests for other customers would be refused too, so no request is made for a while.
    else heldUntil = now() + (problem.retryAfter || PAUSE) * 1000;
    if (problem.reason === "permission_missing" || !OF_ONE.has(problem.reason)) customers.problem = problem;
  }

  return customers;
}
