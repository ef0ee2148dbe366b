// Pure: moments and how long something has left. Moments are milliseconds since 1970.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long is left, as a key of words and its number: from two days on in whole days, from two hours on in hours. */
export function timeLeft(milliseconds) {
  if (milliseconds >= 2 * DAY) return { key: "left.days", n: Math.round(milliseconds / DAY) };
  if (milliseconds >= 2 * HOUR) return { key: "left.hours", n: Math.floor(milliseconds / HOUR) };
  if (milliseconds >= MINUTE) return { key: "left.minutes", n: Math.floor(milliseconds / MINUTE) };
  return { key: "left.seconds" };
}

/** Whether so little is left that it should be noticed. */
export const endsSoon = (milliseconds) => milliseconds < 12 * HOUR;

/** `today`, `yesterday` or `earlier`, by the days of the reader's own clock. */
export function dayKind(moment, now) {
  const days = Math.round((midnight(now) - midnight(moment)) / DAY);
  return days <= 0 ? "today" : days === 1 ? "yesterday" : "earlier";
}

/** The beginning of the reader's day. */
export function midnight(moment) {
  return new Date(moment).setHours(0, 0, 0, 0);
}

/** A clock set by what the service's answers tell, so that a telephone's wrong clock shows no wrong deadline. */
export function createClock(now = () => Date.now()) {
  let ahead = 0;
  return {
    now: () => now() + ahead,
    hear(moment) {
      // The header counts whole seconds: closer than two is as good as the reader's own.
      if (!Number.isNaN(moment)) ahead = Math.abs(moment - now()) < 2000 ? 0 : moment - now();
    },
  };
}
