// Pure: moments and remaining times. Moments are milliseconds since 1970.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Returns a remaining time as a key of words and a number: from two days on in whole days, from two hours on in hours.
 */
export function timeLeft(milliseconds) {
  if (milliseconds >= 2 * DAY) return { key: "left.days", n: Math.round(milliseconds / DAY) };
  if (milliseconds >= 2 * HOUR) return { key: "left.hours", n: Math.floor(milliseconds / HOUR) };
  if (milliseconds >= MINUTE) return { key: "left.minutes", n: Math.floor(milliseconds / MINUTE) };
  return { key: "left.seconds" };
}

/** Whether the remaining time is short, so that the page points it out. */
export const endsSoon = (milliseconds) => milliseconds < 12 * HOUR;

/** Returns `today`, `yesterday` or `earlier`, by the days of the reader's own clock. */
export function dayKind(moment, now) {
  const days = Math.round((midnight(now) - midnight(moment)) / DAY);
  return days <= 0 ? "today" : days === 1 ? "yesterday" : "earlier";
}

/** The beginning of the reader's day. */
export function midnight(moment) {
  return new Date(moment).setHours(0, 0, 0, 0);
}

/**
 * A clock that is set by the times in the service's answers. So a telephone with a wrong clock shows the right
 * deadlines.
 */
export function createClock(now = () => Date.now()) {
  let ahead = 0;
  return {
    now: () => now() + ahead,
    hear(moment) {
      // The header has whole seconds. If the difference is less than two seconds, the reader's own clock is used.
      if (!Number.isNaN(moment)) ahead = Math.abs(moment - now()) < 2000 ? 0 : moment - now();
    },
  };
}
