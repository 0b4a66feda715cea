// A number that everybody picks: its scale, its place on a slider, and what came of it in words.

/** @import { Outcome, PickScale, RoomState } from "./ballot.js" */

/** A slider on a logarithmic scale has so many places. */
export const PLACES = 200;
const DIGITS = 2, ALIKE = 1e-6;

/**
 * What counts for a number: rounded to the scale, as the server rounds it; null out of bounds.
 * @param {number} value
 * @param {PickScale} scale
 */
export function rounded(value, { low, high, log, step }) {
  const near = 1e-9 * Math.max(Math.abs(low), Math.abs(high));
  if (!(value >= low - near && value <= high + near)) return null;
  const decimals = Math.max(0, Math.ceil(-Math.log10(step)));
  const number = log ? Number(value.toPrecision(DIGITS))
    : Number((Math.round(value / step) * step).toFixed(decimals)) + 0;
  return Math.min(Math.max(number, low), high);
}

/**
 * The places of a slider.
 * @param {PickScale} scale
 */
export function places({ low, high, log, step }) {
  return log ? PLACES : Math.round((high - low) / step);
}

/**
 * The number at a place of the slider.
 * @param {number} place
 * @param {PickScale} scale
 */
export function numberAt(place, scale) {
  const { low, high, log } = scale, share = place / places(scale);
  const value = log ? low * (high / low) ** share : low + share * (high - low);
  return rounded(Math.min(Math.max(value, low), high), scale);
}

/**
 * The share of the scale that is below a number, from 0 to 1.
 * @param {number} value
 * @param {PickScale} scale
 */
export function shareOf(value, { low, high, log }) {
  return log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

/**
 * What came of a number; null where it has not been tried.
 * @param {number | null} number
 * @param {Outcome[]} outcomes
 */
export function outcomeOf(number, outcomes) {
  if (number === null) return null;
  return outcomes.find(([tried]) => Math.abs(tried - number) <= ALIKE * Math.abs(number)) || null;
}

/**
 * What came of this phone's number, in a sentence or two.
 * @param {number | null} number
 * @param {RoomState} room
 */
export function outcome(number, room) {
  const { pick, tried } = room;
  if (!pick || !tried) return "The numbers are tried now.";
  const count = tried.outcomes.length, running = tried.state === "running";
  const far = running ? ` ${count} of ${tried.total} numbers have been tried.` : "";
  if (number === null) return `You did not pick; these are the others' numbers.${far}`;
  const mine = outcomeOf(number, tried.outcomes);
  if (!mine) {
    if (running) return `Your number is ${number}: it comes.${far}`;
    return `The training broke off before your ${number} was tried.`;
  }
  const parts = pick.lanes.map((name, i) => mine[1][i] === null
    ? `${name} diverged at step ${mine[2][i]}` : `${name} ends at a loss of ${digits(mine[1][i])}`);
  return `Your ${number}: ${parts.join("; ")}. Guessing is ${digits(pick.chance)}.`;
}

/** @param {number | null} value */
function digits(value) {
  return value === null ? "–" : String(Number(value.toPrecision(3)));
}

/**
 * Where every dot stands: x and y from 0 to 1, y upwards; diverged nets in rows of their own at the
 * top, from `rows` on.
 * @param {PickScale} scale
 * @param {Outcome[]} outcomes
 */
export function dots(scale, outcomes) {
  const logs = [Math.log10(scale.chance)];
  for (const [, losses] of outcomes) {
    for (const loss of losses) if (loss !== null) logs.push(Math.log10(loss + 1e-12));
  }
  const low = Math.min(...logs), high = Math.max(...logs, low + 1), rows = 0.84;
  /** @param {number} loss */
  const height = (loss) => 0.03 + (rows - 0.07) * (Math.log10(loss + 1e-12) - low) / (high - low);
  /** @type {{ number: number, lane: number, dead: boolean, x: number, y: number }[]} */
  const points = [];
  for (const [number, ends] of outcomes) {
    ends.forEach((loss, lane) => points.push({
      number, lane, dead: loss === null, x: shareOf(number, scale),
      y: loss === null ? rows + (lane + 0.7) * (1 - rows) / (ends.length + 0.4) : height(loss),
    }));
  }
  return { points, rows, chance: height(scale.chance), low: 10 ** low, high: 10 ** high };
}
