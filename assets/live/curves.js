// The numbers behind a chart of losses: curves as they are drawn, their running mean, an axis' ticks.

/** @import { Curve } from "./messages.js" */

/**
 * A curve as it is drawn; of several seeds also each one's, and the band of all.
 * @typedef {{y: number[], seeds: number[][], low?: number[], high?: number[]}} Drawn
 */

export const LOWEST_LOSS = 1e-8;
const NICE = [1, 2, 5], BOUNDS = [1, 2, 3, 5];

/**
 * The first `count` values of a curve as they are drawn; of several seeds also the band of all.
 * @param {Curve<number[]>} curve
 * @param {boolean} error
 * @param {number} count
 * @returns {Drawn}
 */
export function drawn(curve, error, count) {
  const name = error ? "error" : "loss";
  const scaled = (/** @type {number[]} */ values) => values.slice(0, count).map(
    error ? (share) => 100 * share : (value) => Math.max(value, LOWEST_LOSS));
  /** @type {number[][]} */
  const seeds = [];
  for (let seed = 0; `${name}${seed}` in curve; seed += 1) {
    seeds.push(scaled(curve[`${name}${seed}`]));
  }
  const made = { y: scaled(curve[name]), seeds };
  if (!seeds.length) return made;
  const edge = (/** @type {(...values: number[]) => number} */ of) => made.y.map((_, row) => {
    const known = seeds.map((values) => values[row]).filter(Number.isFinite);
    return known.length ? of(...known) : NaN;
  });
  return { ...made, low: edge(Math.min), high: edge(Math.max) };
}

/**
 * Exponential in steps, of the logarithm where `log`: what is drawn never changes afterwards.
 * @param {number[]} steps
 * @param {number[]} values
 * @param {number} over  so many steps
 * @param {boolean} log
 */
export function runningMean(steps, values, over, log) {
  /** @type {number | null} */
  let mean = null;
  return values.map((value, i) => {
    const seen = log ? Math.log(value) : value;
    if (!Number.isFinite(seen)) return NaN;
    const share = mean === null ? 1 : 1 - Math.exp(-(steps[i] - steps[i - 1]) / Math.max(1, over));
    mean = mean === null ? seen : mean + share * (seen - mean);
    return log ? Math.exp(mean) : mean;
  });
}

/**
 * The next of 1, 2, 3, 5, 10, … below (`up` false) or above a positive number, as its log10.
 * @param {number} value
 * @param {boolean} up
 */
export function nice(value, up) {
  const decade = Math.floor(Math.log10(value));
  const marks = [...BOUNDS.map((m) => Math.log10(m) + decade), decade + 1];
  const at = Math.log10(value);
  if (up) return marks.find((mark) => mark >= at - 1e-9) ?? decade + 1;
  return marks.findLast((mark) => mark <= at + 1e-9) ?? decade;
}

/**
 * Few, plain ticks: 0.01, 0.1, 1; with 2 and 5 between where there is room; and guessing.
 * @param {number[]} range
 * @param {number | undefined} chance
 */
export function decadeTicks([low, high], chance) {
  const marks = high - low > 2.5 ? [1] : NICE;
  /** @type {[number, string][]} */
  const ticks = [];
  for (let decade = Math.floor(low); decade <= Math.ceil(high); decade += 1) {
    for (const mark of marks) {
      const value = mark * 10 ** decade;
      const near = chance && Math.abs(Math.log10(value / chance)) < (high - low) * 0.06;
      if (!near) ticks.push([value, plainNumber(value)]);
    }
  }
  if (chance) ticks.push([chance, "guessing"]);
  const [tickvals, ticktext] = [0, 1].map((part) => ticks.map((tick) => tick[part]));
  return { tickmode: "array", tickvals, ticktext };
}

/** @param {number} value */
function plainNumber(value) {
  if (value >= 0.001) return String(Number(value.toPrecision(2)));
  return `10<sup>${Math.round(Math.log10(value))}</sup>`.replace("-", "−");
}
