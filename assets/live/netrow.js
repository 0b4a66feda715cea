// A net as one row from the input to the loss: where its units, shortcuts and joins stand. Depth is
// the axis, so that the same layer stands at the same place in every lane.

/** @import { NetPart, Track } from "./messages.js" */

/**
 * One unit, or several that are drawn as one.
 * @typedef {object} Box
 * @property {number} left  in pixels
 * @property {number} width
 * @property {number} from  the first one's place among the signal points
 * @property {number} to  the place behind the last one's
 * @property {NetPart} part
 * @property {number | null} join  the middle of the circle in which its signals meet
 * @property {number} radius  of that circle
 * @property {[start: number, end: number] | null} around  between which its shortcut leads
 */

/**
 * @typedef {object} Row
 * @property {Box[]} boxes
 * @property {number} most  units in one box
 * @property {number} end  where the last box ends, in pixels
 */

const LEAST_PX = 7, JOINED_PX = 15, ARC_PX = 5;

/** @type {Omit<NetPart, "units" | "point">} */
const UNKNOWN = { title: "unit", gate: null, joins: "", shortcut: "none" };

/** @param {Track[]} tracks */
export function deepest(tracks) {
  return Math.max(1, ...tracks.flatMap(({ layers }) => layers.map(([, depth]) => depth)));
}

/**
 * @param {Track} track
 * @param {NetPart[] | undefined} parts  of its net; without them its units alone are drawn
 * @param {{left: number, width: number, depth: number}} space  in pixels, of so many layers
 * @returns {Row}
 */
export function netRow(track, parts, { left, width, depth }) {
  const at = (/** @type {number} */ layer) => left + (layer * width) / depth;
  const ends = track.points.map(([, layer]) => at(layer));
  const known = parts?.length ? parts : [{ ...UNKNOWN, units: ends.length, point: 0 }];
  /** @type {Box[]} */
  const boxes = [];
  for (const part of known) {
    const last = part.point + part.units;
    const slot = (ends[last - 1] - (ends[part.point - 1] ?? left)) / part.units;
    const together = slot >= LEAST_PX ? 1 : Math.ceil(LEAST_PX / Math.max(slot, 1e-3));
    for (let from = part.point; from < last; from += together) {
      const to = Math.min(last, from + together);
      boxes.push(place(part, from, to, ends[from - 1] ?? left, ends[to - 1]));
    }
  }
  const most = Math.max(1, ...boxes.map((box) => box.to - box.from));
  return { boxes, most, end: ends[ends.length - 1] ?? left };
}

/**
 * One box between two places, and behind it the circle of its join where there is room.
 * @param {NetPart} part
 * @param {number} from
 * @param {number} to
 * @param {number} start
 * @param {number} end
 * @returns {Box}
 */
function place(part, from, to, start, end) {
  const slot = end - start, gap = Math.min(4, slot * 0.16);
  const joined = part.shortcut !== "none" && to - from === 1;
  const radius = Math.min(8, slot * 0.2);
  const join = joined && slot >= JOINED_PX ? end - radius : null;
  const width = slot - gap - (join === null ? 0 : 2 * radius + 1);
  const leads = joined && slot >= ARC_PX;
  return {
    left: start + gap / 2, width, from, to, part, join, radius,
    around: leads ? [start, join ?? end] : null,
  };
}

/**
 * The lowest and the highest number of the units in a box; NaN where one of them is none.
 * @param {ArrayLike<number>} values  of a lane's units or gates
 * @param {Box} box
 * @param {"unit" | "gate"} of
 * @returns {[low: number, high: number] | null}  null where the units have no such number
 */
export function rangeOf(values, { from, to, part }, of) {
  if (of === "gate" && part.gate === null) return null;
  const shift = of === "gate" ? (part.gate ?? 0) - part.point : 0;
  let low = Infinity, high = -Infinity;
  for (let i = from + shift; i < to + shift; i += 1) {
    const value = values[i] ?? NaN;
    if (Number.isNaN(value)) return [NaN, NaN];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
