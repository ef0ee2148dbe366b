// An owner's actions on the shop: pause, export, delete, follow receipts, read the audit log.

import { copyOfEverything } from "./export.js";
import { path } from "./page-inbox.js";
import { placeOf } from "./inbox.js";
import { readJson, write } from "./session.js";

const RECEIPTS = "page-inbox.receipts";
const AGAIN = 1500; // milliseconds between two reads of a purge that is still running
const AUDIT = 50;
const PROGRESS = 2000; // milliseconds between two reads of the progress of fetching

export function createShop({
  api,
  state,
  changed,
  say,
  now,
  pause = (wait) => new Promise((done) => setTimeout(done, wait)),
}) {
  state.receipts = readJson(RECEIPTS) ?? [];

  async function attempt(job) {
    try {
      return await job();
    } catch (problem) {
      state.shopProblem = problem;
      return undefined;
    } finally {
      changed();
    }
  }

  function put(receipt) {
    const others = state.receipts.filter((one) => one.purge_id !== receipt.purge_id);
    state.receipts = [receipt, ...others].sort((one, other) => (one.requested_at < other.requested_at ? 1 : -1));
    write(RECEIPTS, JSON.stringify(state.receipts));
    changed();
  }

  /** Read the receipt until the bytes are erased too. */
  async function follow(receipt) {
    let now = receipt;
    while (now.status === "running") {
      await pause(AGAIN);
      try {
        now = await api.json("GET", placeOf("purge", receipt.purge_id));
        put(now);
      } catch (problem) {
        if (problem.status === 401 || problem.status === 403 || problem.status === 404) return;
      }
    }
  }

  function putPage(page) {
    state.shop.pages = state.shop.pages.map((one) => (one.page_id === page.page_id ? page : one));
    changed();
  }

  const changePause = (sent, page) =>
    attempt(async () => {
      state.shopProblem = null;
      const answer = await sent;
      if (page) putPage(answer);
      else state.shop = answer;
    });

  /** Show the progress of fetching messages while it runs and the view is visible. */
  async function followFetching() {
    const shop = state.shop;
    const fetched = () => shop.pages.filter((one) => one.healing_since && one.status !== "reconnect");
    // A later call of `load` has its own loop.
    while (state.shop === shop && state.session && state.view === "shop" && fetched().length > 0) {
      for (const one of fetched()) putPage(await api.json("GET", path("pages", one.page_id)));
      await pause(PROGRESS);
    }
  }

  return {
    load: () =>
      attempt(async () => {
        state.shopProblem = null;
        state.shop = await api.json("GET", "");
        attempt(followFetching);
      }),
    /** Stop storing for some milliseconds, or until it is resumed; for the whole shop or for one Page. */
    pause: (page, duration) => changePause(api.pause({ page, until: duration && new Date(now() + duration) }), page),
    resume: (page) => changePause(api.resume({ page }), page),
    /** Whether a pause that is shown has ended by itself. */
    isOver: () => [state.shop, ...(state.shop?.pages ?? [])].some((one) => Date.parse(one?.until ?? "") <= now()),
    /** Delete a message, a conversation or everything. Returns the receipt. Throws a Problem. */
    async purge(kind, id) {
      const receipt = await api.json("DELETE", kind === "shop" ? "/messages" : placeOf(kind, id));
      put(receipt);
      follow(receipt);
      return receipt;
    },
    /** Continue to read the receipts that were still running when the page was closed. */
    followAll: () => state.receipts.forEach(follow),
    /** Export all stored data as a file; `state.exporting` counts its characters so far. */
    export: (app, stamp, form) =>
      attempt(async () => {
        state.exporting = 0;
        const onProgress = (size) => {
          state.exporting = size;
          changed();
        };
        onProgress(0);
        try {
          const { blob, ending } = await copyOfEverything({ api, app, form, onProgress });
          save(blob, `page-inbox-${stamp}.${ending}`);
          say("exported");
        } finally {
          state.exporting = null;
        }
      }),
    saveReceipt(receipt) {
      const text = `${JSON.stringify(receipt, null, 2)}\n`;
      save(new Blob([text], { type: "application/json" }), `page-inbox-receipt-${receipt.purge_id}.json`);
    },
    audit: ({ fresh }) =>
      attempt(async () => {
        const audit = fresh ? { entries: [], cursor: "" } : state.audit;
        const answer = await api.json("GET", "/audit", { query: { limit: AUDIT, cursor: audit.cursor } });
        state.audit = { entries: [...audit.entries, ...answer.entries], cursor: answer.next_cursor };
      }),
  };
}

/** Give the reader a file. */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
