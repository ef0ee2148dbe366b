// Calls of the service: the token in a header, an error as a `Problem` with a reason from a closed list.

const LONGEST_WAIT = 20_000; // milliseconds; the service gives up on Facebook after 12 seconds

/** A refusal. `reason` is the service's slug, or `offline` when there was no answer at all. `retryAfter` in seconds. */
export class Problem extends Error {
  constructor(status, reason, requestId = "", retryAfter = 0) {
    super(reason);
    Object.assign(this, { status, reason, requestId, retryAfter });
  }
}

/** `session()` is who is signed in now; `onRefused` is told of a token that is no longer good. */
export function createApi({ session, onRefused, onTime, fetch = globalThis.fetch.bind(globalThis) }) {
  async function send(method, path, { query = {}, body, signal, headers = {}, limited = true } = {}) {
    const { token, shop } = session();
    const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
    const search = asked.length ? `?${new URLSearchParams(asked)}` : "";
    const sent = { ...headers, Authorization: `Bearer ${token}` };
    if (body !== undefined) sent["Content-Type"] = "application/json";
    const limit = limited ? AbortSignal.timeout(LONGEST_WAIT) : undefined;
    let answer;
    try {
      answer = await fetch(`/v1/shops/${encodeURIComponent(shop)}${path}${search}`, {
        method,
        headers: sent,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: signal ?? limit,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, error.name === "TimeoutError" ? "no_answer" : "offline");
    }
    onTime?.(Date.parse(answer.headers.get("date") ?? ""));
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    if (problem.status === 401 && session().token === token) onRefused(problem);
    throw problem;
  }

  return {
    send,
    async json(method, path, options) {
      const answer = await send(method, path, options);
      try {
        return await answer.json();
      } catch {
        throw new Problem(0, "offline");
      }
    },
  };
}

async function problemOf(answer) {
  const told = await answer.json().catch(() => ({}));
  const wait = Number(answer.headers.get("retry-after")) || 0;
  return new Problem(answer.status, told.reason ?? `status_${answer.status}`, told.request_id ?? "", wait);
}

/** A path of ids: each part encoded. */
export function path(...parts) {
  return parts.map((part) => `/${encodeURIComponent(part)}`).join("");
}
