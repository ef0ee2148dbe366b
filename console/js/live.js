// News without asking: the service's stream, read by `fetch` so that the token stays in a header and out of addresses.

import { Problem } from "./api.js";
import { createParser } from "./sse.js";

const SILENCE = 45_000; // milliseconds without a byte, a heartbeat included, after which a connection counts as lost
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;

/** Pure: milliseconds before the next attempt; `draw` from 0 to 1 keeps a thousand viewers from coming at once. */
export function backoff(attempt, draw) {
  const ceiling = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt);
  return ceiling / 2 + (draw * ceiling) / 2;
}

/**
 * Keeps one connection until `stop`. `onState` hears `connecting`, `live`, `reconnecting` or `offline`; `onEvent` each
 * event in order; `onFresh` that a connection has begun which resumes nothing, so that the store must be read.
 */
export function createLive({ api, onState, onEvent, onFresh, random = Math.random }) {
  let stopping = null;
  let lastId = "";
  let told = "";
  let current = null;

  function tell(now) {
    if (told !== now) onState((told = now));
  }

  async function once(signal) {
    const lost = (current = new AbortController());
    const end = () => lost.abort();
    signal.addEventListener("abort", end);
    let watch;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(end, SILENCE);
    };
    try {
      alive();
      const headers = { Accept: "text/event-stream", ...(lastId ? { "Last-Event-ID": lastId } : {}) };
      const answer = await api.send("GET", "/stream", { headers, signal: lost.signal, limited: false });
      if (!lastId) onFresh();
      tell("live");
      await follow(answer.body.pipeThrough(new TextDecoderStream()).getReader(), alive);
    } finally {
      clearTimeout(watch);
      signal.removeEventListener("abort", end);
      lost.abort();
    }
  }

  async function follow(reader, alive) {
    const parser = createParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      for (const event of parser.feed(value)) {
        if (event.id) lastId = event.id;
        onEvent(event.event, parsed(event.data));
      }
    }
  }

  async function run(signal) {
    let attempt = 0;
    tell("connecting");
    while (!signal.aborted) {
      const began = Date.now();
      try {
        await once(signal);
        // The service has ended it, as after a purge: nothing is lost yet.
        await pause(backoff(0, random()), signal);
        continue;
      } catch (error) {
        if (signal.aborted) return;
        if (Date.now() - began > LONGEST_WAIT) attempt = 0;
        const wait = waitAfter(error);
        if (wait === null) return;
        // What is kept can be shown all the same, and why not, where it cannot.
        if (!lastId) onFresh();
        tell(navigator.onLine ? "reconnecting" : "offline");
        await pause(Math.max(wait, backoff(attempt++, random())), signal);
      }
    }
  }

  return {
    start() {
      this.stop();
      stopping = new AbortController();
      run(stopping.signal);
    },
    stop() {
      stopping?.abort();
      stopping = null;
      told = "";
    },
    /** The network is back: what looks like a connection may be a dead one. */
    again() {
      told = "";
      current?.abort();
    },
    /** Resume nothing: the next connection begins with what is kept now. */
    forget() {
      lastId = "";
    },
  };
}

/** Milliseconds that the service asks to stay away for; null where no attempt will help. */
function waitAfter(error) {
  if (!(error instanceof Problem)) return 0;
  return error.status === 401 || error.status === 403 ? null : error.retryAfter * 1000;
}

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return {};
  }
}

/** So many milliseconds, or until the network comes back, or the end. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
