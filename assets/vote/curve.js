// A sketched curve as numbers: heights at places evenly over the x axis, 0 below and 1 above.

/** @import { SketchAxes } from "./ballot.js" */

export const PLACES = 33;

/** @typedef {(number | null)[]} Heights  null where nothing is drawn yet */

/** @typedef {{ x: number, y: number }} Point  both from 0 to 1, y upwards */

/** @returns {Heights} */
export function empty() {
  return new Array(PLACES).fill(null);
}

/**
 * The heights after a stroke from one point to another; it replaces what it passes.
 * @param {Heights} heights
 * @param {Point} from
 * @param {Point} to
 * @returns {Heights}
 */
export function drawn(heights, from, to) {
  const last = heights.length - 1, made = heights.slice();
  const [low, high] = from.x <= to.x ? [from, to] : [to, from];
  for (let i = Math.ceil(low.x * last); i <= Math.floor(high.x * last); i += 1) {
    const share = high.x > low.x ? (i / last - low.x) / (high.x - low.x) : 1;
    made[i] = within(low.y + share * (high.y - low.y));
  }
  made[Math.round(within(to.x) * last)] = within(to.y);
  return made;
}

/**
 * A whole curve: gaps are bridged, ends go on level; null where nothing is drawn.
 * @param {Heights} heights
 * @returns {number[] | null}
 */
export function filled(heights) {
  const there = heights.map((height, i) => height === null ? -1 : i).filter((i) => i >= 0);
  if (!there.length) return null;
  return heights.map((height, i) => {
    const before = there.filter((at) => at <= i).pop(), next = there.find((at) => at >= i);
    const a = before === undefined ? next : before, b = next === undefined ? before : next;
    if (a === undefined || b === undefined) return 0;
    const low = Number(heights[a]), high = Number(heights[b]);
    return rounded(a === b ? low : low + (i - a) / (b - a) * (high - low));
  });
}

/**
 * Heights from a few values evenly over the x axis, as they are typed.
 * @param {number[]} values
 * @param {SketchAxes} axes
 */
export function typed(values, axes) {
  return values.map((value) => rounded(height(value, axes)));
}

/**
 * The value at a share of the x axis, of a curve of any number of places.
 * @param {number[]} heights
 * @param {number} share  0 to 1
 * @param {SketchAxes} axes
 */
export function valueAt(heights, share, axes) {
  const at = share * (heights.length - 1), i = Math.floor(at), next = Math.min(i + 1, heights.length - 1);
  const here = heights[i] + (at - i) * (heights[next] - heights[i]);
  const [low, high] = axes.y_range;
  return axes.log_y ? low * (high / low) ** here : low + here * (high - low);
}

/**
 * @param {number} value  in the figure's units
 * @param {SketchAxes} axes
 */
export function height(value, axes) {
  const [low, high] = axes.y_range;
  if (!axes.log_y) return within((value - low) / (high - low));
  return value > 0 ? within(Math.log(value / low) / Math.log(high / low)) : 0;
}

/**
 * A number as an axis shows it: three digits, or a power of ten.
 * @param {number} value
 */
export function label(value) {
  const size = Math.abs(value);
  if (size === 0 || size >= 0.001 && size < 1e5) return String(Number(value.toPrecision(3)));
  const power = Math.floor(Math.log10(size) + 1e-9), front = Number((value / 10 ** power).toPrecision(2));
  const raised = String(power).replace(/./g, (sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]);
  return `${front === 1 ? "" : `${front}·`}10${raised}`;
}

/** @param {number} share */
function within(share) {
  return Math.min(1, Math.max(0, share));
}

/** @param {number} share */
function rounded(share) {
  return Math.round(share * 1000) / 1000;
}
