// The client of Page Inbox for browsers and Node 20: docs/integrate.md explains how to use it. Types: page-inbox.d.ts.

const ANSWER_WITHIN = 20_000; // milliseconds; the service waits at most 12 seconds for Facebook
const SHORTEST_WAIT = 500; // milliseconds, before the first repetition
const LONGEST_WAIT = 30_000;
const REMEMBERED = 1024; // ids of events, which are not given twice; in the service at most 512 wait for a viewer
const ONCE = new Set(["message", "edited", "erased", "purge", "marked"]); // kinds of events that are given once
const RELOAD = new Set(["start", "gap", "purge"]);
const AT_ONCE = new Set(["token_expired", "purge", "closing", "slow"]); // ends after which it connects again at once
const OF_FACEBOOK = /^(graph_|throttled|too_much_data|proof_refused|app_token_refused)/; // Facebook's failures

/**
 * An error. `reason` is the service's slug. Without an answer, `status` is 0 and `reason` is `offline`, `no_answer` or
 * `token_unavailable`. `retryAfter` is in seconds; it is 0 if the service names no time.
 */
export class Problem extends Error {
  constructor(status, reason, { detail = reason, requestId = "", retryAfter = 0, cause } = {}) {
    super(detail, { cause });
    Object.assign(this, { name: "Problem", status, reason, requestId, retryAfter });
  }

  /** Whether the same call can succeed a little later without a change. */
  get transient() {
    return [0, 429, 500, 502, 503, 504].includes(this.status) && this.reason !== "policy_blocked";
  }
}

/** A path of ids: each part encoded. */
export const path = (...parts) => parts.map((part) => `/${encodeURIComponent(part)}`).join("");

/**
 * Pure: returns the milliseconds before a repetition. `random` is from 0 to 1, so that viewers do not all repeat at
 * once.
 */
export function backoff(attempt, random) {
  return Math.min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** attempt) * (0.5 + random / 2);
}

export class PageInbox {
  #held = ""; // the token in use
  #renewal = null; // a call of the token callback that has not ended yet
  #options;

  /**
   * `url` is the service's origin. `token` is a token, or a callback that returns one. The callback is called again
   * with a `Problem` when the token has expired or is refused. It returns null if there is no other token. `patience`:
   * milliseconds for which a read is repeated while its error is `transient`. `silence`: milliseconds without a byte
   * after which a stream counts as lost; heartbeats come every 15 s. `onAnswer` gets each answer. The other options are
   * for tests.
   */
  constructor({ url, shop, token, patience = 30_000, silence = 45_000, onAnswer, fetch, random, wait = pause }) {
    this.shop = shop;
    this.#options = { url: String(url).replace(/\/+$/, ""), token, patience, silence, onAnswer, wait };
    Object.assign(this.#options, { fetch: fetch ?? globalThis.fetch, random: random ?? Math.random });
  }

  /**
   * Yields messages, newest receipt first, from every page of the list. `onPage` is called with each page. In a search,
   * the page's `looked_at` is the number of messages that the service examined for the page.
   */
  messages(query, options) {
    return this.#list("/messages", query, "messages", "next_cursor", "cursor", options);
  }

  /** Yields conversations, newest activity first. */
  conversations(query, options) {
    return this.#list("/conversations", query, "conversations", "next_cursor", "cursor", options);
  }

  message(id) {
    return this.json("GET", path("messages", id));
  }

  /** Returns an attachment with its current address at Facebook; `n` counts from 0. */
  attachment(id, n) {
    return this.json("GET", path("messages", id, "attachments", n));
  }

  /** Yields all stored data as objects, one per line of the export, oldest first. Throws if the export is cut off. */
  async *export() {
    const answer = await this.send("GET", "/export", { timeout: 0 });
    let rest = "";
    let last;
    for await (const text of texts(answer.body)) {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      for (const line of lines) yield (last = JSON.parse(line));
    }
    if (last?.type !== "end") throw new Problem(0, "offline");
  }

  // The marks of conversations that staff share.

  /** Replace the mark of a conversation. A member that `mark` leaves out becomes false or empty. */
  mark(conversation, mark) {
    return this.json("PUT", `${path("conversations", conversation)}/mark`, { body: mark });
  }

  /** The shop's labels for marks. */
  async labels() {
    return (await this.json("GET", "/labels")).labels;
  }

  async changeLabels(labels) {
    return (await this.json("PUT", "/labels", { body: { labels } })).labels;
  }

  // Pause and resume storing, for the shop or for one Page. Each function returns the shop or the Page.

  /** Stop storing until a time. Without `until`, storing stops until it is resumed. */
  pause({ until, page } = {}) {
    return this.json("PATCH", page ? path("pages", page) : "", { body: { paused: true, until } });
  }

  resume({ page } = {}) {
    return this.json("PATCH", page ? path("pages", page) : "", { body: { paused: false } });
  }

  // Deletion. Each function returns the receipt as soon as the deleted data cannot be read any more.

  purgeMessage(id) {
    return this.json("DELETE", path("messages", id));
  }

  purgeConversation(id) {
    return this.json("DELETE", path("conversations", id));
  }

  purgeCustomer(psid) {
    return this.json("DELETE", path("customers", psid));
  }

  purgeEverything() {
    return this.json("DELETE", "/messages");
  }

  receipt(id) {
    return this.json("GET", path("purges", id));
  }

  /** Wait until the bytes are erased too. Returns the complete receipt. */
  async completed(receipt, { signal } = {}) {
    let now = receipt;
    for (let attempt = 1; now.status === "running"; attempt += 1) {
      await this.#options.wait(backoff(Math.min(attempt, 3), this.#options.random()), signal);
      signal?.throwIfAborted();
      now = await this.json("GET", path("purges", receipt.purge_id), { signal });
    }
    return now;
  }

  // Data that the service fetches from Facebook for each call, and does not store.

  posts(page, query) {
    return this.#items(path("pages", page, "posts"), query);
  }

  videos(page, query) {
    return this.#items(path("pages", page, "videos"), query);
  }

  liveVideos(page, query) {
    return this.#items(path("pages", page, "live-videos"), query);
  }

  liveComments(page, video, query) {
    return this.#items(path("pages", page, "live-videos", video, "comments"), query);
  }

  comments(page, post, query) {
    return this.#items(path("pages", page, "posts", post, "comments"), query);
  }

  replies(page, comment, query) {
    return this.#items(path("pages", page, "comments", comment, "replies"), query);
  }

  facebookConversations(page, query) {
    return this.#items(path("pages", page, "conversations"), query);
  }

  facebookMessages(page, conversation, query) {
    return this.#items(path("pages", page, "conversations", conversation, "messages"), query);
  }

  /** Returns names and pictures of at most 50 customers, by the ids of their conversations. */
  customers(conversations) {
    return this.json("GET", "/customers", { query: { ids: conversations.join(",") } });
  }

  async customer(page, psid) {
    return (await this.json("GET", path("pages", page, "customers", psid))).items[0];
  }

  /**
   * Yields the shop's events as `{type, id, data, reload}`, and connects again when a connection ends. If `reload` is
   * true (`start`, `gap`, `purge`), read again what you show; all later changes come as events. `onState` is called
   * with `connecting`, `live`, `reconnecting` or `offline`, and the reason. Throws a `Problem` only if no repetition
   * can help.
   */
  async *stream({ signal, lastEventId = "", onState = () => {} } = {}) {
    const { random, wait, silence } = this.#options;
    const seen = new Set();
    let [lastId, state, attempt] = [lastEventId, "", 0];
    const enter = (next, why) => state === next || onState((state = next), why);
    enter("connecting");
    while (!signal?.aborted) {
      const began = Date.now();
      const connection = new Connection(signal, silence);
      let why = new Problem(0, "offline"); // if the connection breaks without an event `end`
      try {
        const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
        const sent = { headers, signal: connection.signal, timeout: 0 };
        const answer = await connection.watch(this.send("GET", "/stream", sent));
        const token = this.#held;
        enter("live");
        if (!lastId) yield { type: "start", id: "", data: {}, reload: true };
        for await (const { type, id, data } of events(answer.body, connection)) {
          if (type === "end") why = data.reason;
          if (type === "end" || (ONCE.has(type) && seen.has(id))) continue;
          if (id) seen.add((lastId = id));
          if (seen.size > REMEMBERED) seen.delete(seen.values().next().value);
          yield { type, id, data, reload: RELOAD.has(type) };
        }
        // Get the new token now, because a call with the old token would be refused.
        if (why === "token_expired") await this.#token(token, new Problem(401, "token_expired"));
      } catch (error) {
        if (signal?.aborted) return;
        if (error instanceof Problem) why = error;
        else if (!connection.signal.aborted) throw error;
      } finally {
        connection.close();
      }
      if (why instanceof Problem && !why.transient) throw why;
      if (Date.now() - began > LONGEST_WAIT || AT_ONCE.has(why)) attempt = 0;
      const offline = globalThis.navigator?.onLine === false;
      if (offline || !AT_ONCE.has(why)) enter(offline ? "offline" : "reconnecting", why);
      await wait(Math.max(backoff(attempt++, random()), (why.retryAfter ?? 0) * 1000), signal);
    }
  }

  /** Returns the JSON of a call under `/v1/shops/{shop}`. A failed read is repeated for `patience` milliseconds. */
  async json(method, place, options = {}) {
    const { patience, random, wait } = this.#options;
    const until = Date.now() + (method === "GET" ? patience : 0);
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = await this.send(method, place, options);
        return await answer.json().catch(lost);
      } catch (error) {
        const pauseFor = Math.max(backoff(attempt, random()), (error.retryAfter ?? 0) * 1000);
        // If Facebook failed, the service itself has already repeated the call to Facebook.
        const again = error.transient && !OF_FACEBOOK.test(error.reason);
        if (!again || Date.now() + pauseFor > until) throw error;
        await wait(pauseFor, options.signal);
        options.signal?.throwIfAborted();
      }
    }
  }

  /**
   * Returns a successful answer. If the token is refused, the call is made once more with a new token. Throws
   * `Problem`.
   */
  async send(method, place, options = {}) {
    const token = await this.#token();
    try {
      return await this.#send(token, method, place, options);
    } catch (error) {
      if (error.status !== 401) throw error;
      return this.#send(await this.#token(token, error), method, place, options);
    }
  }

  /** Forget the token. The next call asks the callback for a token. */
  forgetToken() {
    this.#held = "";
  }

  async #send(token, method, place, { query = {}, body, headers, signal, timeout = ANSWER_WITHIN }) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
    const search = given.length ? `?${new URLSearchParams(given)}` : "";
    const limit = new AbortController();
    const timer = timeout ? setTimeout(() => limit.abort(), timeout) : 0;
    const leave = () => limit.abort();
    signal?.addEventListener("abort", leave);
    if (signal?.aborted) leave();
    let answer;
    try {
      const { fetch, url } = this.#options;
      answer = await fetch.call(globalThis, `${url}/v1/shops/${encodeURIComponent(this.shop)}${place}${search}`, {
        method,
        headers: { ...headers, ...(body && { "Content-Type": "application/json" }), Authorization: `Bearer ${token}` },
        body: body && JSON.stringify(body),
        signal: limit.signal,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new Problem(0, limit.signal.aborted ? "no_answer" : "offline", { cause });
    } finally {
      clearTimeout(timer);
    }
    this.#options.onAnswer?.(answer);
    if (answer.ok) return answer;
    const { reason = `status_${answer.status}`, detail, request_id: requestId } = await answer.json().catch(() => ({}));
    const retryAfter = Number(answer.headers.get("retry-after")) || 0;
    throw new Problem(answer.status, reason, { detail, requestId, retryAfter });
  }

  /** Returns the token to use. If the service has refused the token `refused` with `problem`, returns another token. */
  async #token(refused, problem) {
    if (this.#held && this.#held !== refused) return this.#held;
    const { token } = this.#options;
    const renewable = typeof token === "function";
    const given = renewable ? await this.#renewed(token, this.#held === refused ? problem : undefined) : token;
    if (!given || (given === refused && !renewable)) throw problem ?? new Problem(401, "token_missing");
    if (given === refused) throw new Problem(0, "token_unavailable", { cause: problem });
    return (this.#held = given);
  }

  /** Calls that need a new token at the same time share one call of the callback. */
  async #renewed(callback, problem) {
    this.#renewal ??= (async () => callback(problem))().finally(() => (this.#renewal = null));
    try {
      return await this.#renewal;
    } catch (cause) {
      throw new Problem(0, "token_unavailable", { cause });
    }
  }

  #items(place, query) {
    return this.#list(place, query, "items", "after", "after");
  }

  /** Yields every item of a list, page by page. A page before the end can be empty. */
  async *#list(place, query, items, next, cursor, { signal, onPage } = {}) {
    let at;
    do {
      signal?.throwIfAborted();
      const answer = await this.json("GET", place, { query: { ...query, ...(at && { [cursor]: at }) }, signal });
      onPage?.(answer);
      yield* answer[items];
      at = answer[next];
    } while (at);
  }
}

/** One connection of a stream. It is ended when nothing arrives for `silence`, and when the network comes back. */
class Connection {
  #controller = new AbortController();
  #outer;
  #silence;
  #end = () => this.#controller.abort();
  signal = this.#controller.signal;

  constructor(outer, silence) {
    [this.#outer, this.#silence] = [outer, silence];
    outer?.addEventListener("abort", this.#end);
    globalThis.addEventListener?.("online", this.#end); // nothing shows whether the old connection still works
  }

  /** Returns the promise. If it takes longer than the longest silence, the connection is ended. */
  async watch(promise) {
    const timer = setTimeout(this.#end, this.#silence);
    return promise.finally(() => clearTimeout(timer));
  }

  close() {
    this.#outer?.removeEventListener("abort", this.#end);
    globalThis.removeEventListener?.("online", this.#end);
    this.#end();
  }
}

/**
 * Yields the events of a `text/event-stream` (html.spec.whatwg.org/multipage/server-sent-events.html), cut anywhere.
 */
async function* events(body, connection) {
  let [rest, id, type, data] = ["", "", "", []];
  for await (const text of texts(body, connection)) {
    // A \r at the end waits for the next piece: it may be half of \r\n.
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (line === "") {
        const event = parsed(data.join("\n"));
        if (event) yield { type: type || "message", id, data: event };
        [id, type, data] = ["", "", []];
      } else if (name === "event") type = value;
      else if (name === "data") data.push(value);
      else if (name === "id") id = value;
    }
  }
}

async function* texts(body, connection) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const next = reader.read().catch(lost);
    const { done, value } = await (connection ? connection.watch(next) : next);
    if (done) return;
    yield decoder.decode(value, { stream: true });
  }
}

/** Throws the Problem for an answer that was cut off. */
function lost(cause) {
  throw new Problem(0, "offline", { cause });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Resolves after some milliseconds, when the network comes back, or when the signal aborts. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", done);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    globalThis.addEventListener?.("online", done);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}
