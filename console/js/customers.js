// Names and pictures of customers, asked of Facebook when they come into view, and kept in this tab alone.

import { path } from "./page-inbox.js";
import { read, write } from "./session.js";

const KEPT = "page-inbox.customers";
const AT_ONCE = 2;
const PAUSE = 60; // seconds without asking after a refusal that names no time
const OF_ONE = new Set(["object_not_found", "not_found", "parameter_refused", "permission_missing"]);

/** `known` has what Facebook told, by Page and customer; `problem` is why it is not asked at the moment. */
export function createCustomers({ api, may, changed, now = () => Date.now() }) {
  const known = new Map(restored());
  const waiting = [];
  const asked = new Set();
  let running = 0;
  let heldUntil = 0;
  const customers = { problem: null, want, of: (page, customer) => known.get(`${page} ${customer}`) };

  function want(page, customer) {
    const key = `${page} ${customer}`;
    if (!may() || !customer || known.has(key) || asked.has(key) || now() < heldUntil) return;
    asked.add(key);
    waiting.push({ key, page, customer });
    next();
  }

  function next() {
    while (running < AT_ONCE && waiting.length) {
      running += 1;
      ask(waiting.shift()).finally(() => {
        running -= 1;
        next();
      });
    }
  }

  async function ask({ key, page, customer }) {
    try {
      const answer = await api.json("GET", path("pages", page, "customers", customer));
      const { name = "", profile_pic: picture = "" } = answer.items[0] ?? {};
      known.set(key, { name, picture });
      customers.problem = null;
      write(KEPT, JSON.stringify([...known]));
    } catch (problem) {
      if (OF_ONE.has(problem.reason)) {
        // The profile of one person is refused. Facebook may have the others.
        known.set(key, { name: "", picture: "" });
        if (problem.reason === "permission_missing") customers.problem = problem;
      } else {
        // It would be refused to the others too: leave Facebook alone for a while.
        customers.problem = problem;
        heldUntil = now() + (problem.retryAfter || PAUSE) * 1000;
        for (const one of waiting.splice(0)) asked.delete(one.key);
        asked.delete(key);
      }
    }
    changed();
  }

  return customers;
}

function restored() {
  try {
    return JSON.parse(read(KEPT) || "[]");
  } catch {
    return [];
  }
}
