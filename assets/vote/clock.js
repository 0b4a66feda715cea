// The clock of a talk: how much is left, and when a screen reader says so.

const SAID_AT_S = [60, 30, 10, 0];

/**
 * Whole seconds that are left; 0 when the time is up.
 * @param {number} ends  in seconds of the server's clock
 * @param {number} ahead  by how much that is ahead of this phone's
 * @param {number} now  this phone's, in seconds
 */
export function left(ends, ahead, now) {
  return Math.max(0, Math.ceil(ends - ahead - now));
}

/**
 * As it is shown: 1:05.
 * @param {number} seconds
 */
export function shown(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/**
 * What is said aloud when the clock goes from `before` to `now`; "" for nothing. It is said at the
 * start, at a minute, at half a minute, at ten seconds and at the end.
 * @param {number | null} before  null: it has just begun
 * @param {number} now
 */
export function announced(before, now) {
  if (now === 0) return before === 0 ? "" : "Time is up: the second vote comes.";
  const passed = before === null || SAID_AT_S.some((mark) => mark < before && now <= mark);
  return passed ? `${words(now)} left.` : "";
}

/** @param {number} seconds */
function words(seconds) {
  const minutes = Math.floor(seconds / 60), rest = seconds % 60;
  const parts = [];
  if (minutes) parts.push(`${minutes} minute${minutes === 1 ? "" : "s"}`);
  if (rest) parts.push(`${rest} second${rest === 1 ? "" : "s"}`);
  return parts.join(" ");
}
