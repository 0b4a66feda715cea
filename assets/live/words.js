// What the charts say, in words computed from what they show.

/** @import { History } from "./history.js" */
/** @import { ShownMaps } from "./mapstore.js" */
/** @import { Profile, Quantity, Track } from "./messages.js" */
/** @import { Lane } from "./theme.js" */

/** @typedef {Pick<Lane, "label" | "ink" | "index">} Named  As much of a lane as its name needs. */

/**
 * What is drawn of a lane: a profile and, once the lane has diverged, the step at which it did.
 * @typedef {{shown: Profile, diedAt: number | null}} Shown
 */

/**
 * What the loss's sentence is made of.
 * @typedef {object} LossFacts
 * @property {number} step  steps that were made
 * @property {number[]} values  of each lane, newest running mean
 * @property {boolean[]} stuck  is each lane no better than guessing?
 * @property {boolean} error  are these errors, in per cent?
 * @property {(number | null)[]} held  of each lane on held-out samples
 * @property {number | undefined} heldAt  the step of that
 * @property {History} history
 */

/** @type {Record<Quantity, Record<"button" | "title" | "axis" | "unit" | "of", string>>} */
export const QUANTITIES = {
  signal: {
    button: "signal dLoss/dx",
    title: "Signal gradient per layer",
    axis: "‖dLoss/dx‖",
    unit: "L2 norm",
    of: "the gradient of the signal at the first layer",
  },
  weight: {
    button: "weight dLoss/dW",
    title: "Weight gradient per layer",
    axis: "‖dLoss/dW‖",
    unit: "L2 norm",
    of: "the weight gradient at the first layer",
  },
  activation: {
    button: "activation scale",
    title: "Activation scale per layer",
    axis: "activation scale",
    unit: "root mean square",
    of: "the activation at the first layer",
  },
};

/**
 * The axis of a lane that a quantity is drawn over.
 * @param {Track} track
 * @param {Quantity} quantity
 */
export function axisOf(track, quantity) {
  return quantity === "weight" ? track.layers : track.points;
}

export const FLOAT32_LOG10 = -38;

/** @type {Record<string, string>} */
const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** @param {string} text */
export function plain(text) {
  return String(text).replace(/[&<>"']/g, (sign) => escapes[sign]);
}

/**
 * 10 to the power of `exponent` as a number a listener can take in.
 * @param {number} exponent
 */
export function power(exponent) {
  const size = Math.abs(exponent);
  if (size < 3) return Number((10 ** size).toPrecision(2)).toLocaleString("en");
  return `10<sup>${size.toFixed(1)}</sup>`;
}

/** @param {number} value */
export function number(value) {
  if (!Number.isFinite(value)) return "not finite";
  if (value !== 0 && (Math.abs(value) < 0.001 || Math.abs(value) >= 10000)) {
    return value.toExponential(1);
  }
  return value.toFixed(value < 0.1 ? 3 : 2);
}

/**
 * A learning rate as one says it: 0.003, 5e-4.
 * @param {number} value
 */
export function rateText(value) {
  const short = Number(value.toPrecision(3));
  return short !== 0 && short < 0.001 ? short.toExponential() : String(short);
}

/** @param {Named} lane */
function name(lane) {
  return `<strong style="color:${lane.ink}">${plain(lane.label)}</strong>`;
}

/**
 * First layer against last, for every lane that is shown.
 * @param {(Named & Shown)[]} lanes
 * @param {Quantity} quantity
 */
export function profileReading(lanes, quantity) {
  const parts = lanes.map((lane, i) => {
    const values = lane.shown.lanes[lane.index][quantity];
    const first = values[0], last = values[values.length - 1];
    const of = i === 0 ? `${QUANTITIES[quantity].of} is ` : "";
    const dead = lane.diedAt === null ? ""
      : `diverged at step ${lane.diedAt}; at step ${lane.shown.step} (faded) `;
    return `${name(lane)}: ${dead}${of}${against(first, last, i === 0)}`;
  });
  const below = lanes.some((lane) =>
    lane.shown.lanes[lane.index][quantity].some((value) => value < FLOAT32_LOG10));
  const note = below ? " Triangles (▼): 0, or too small for float32." : "";
  return parts.length ? `${parts.join("; ")}.${note}` : "";
}

/**
 * @param {number} first
 * @param {number} last
 * @param {boolean} whole
 */
function against(first, last, whole) {
  if (Number.isNaN(first) || Number.isNaN(last)) return "no longer a number: it diverged";
  if (!Number.isFinite(last) || last < FLOAT32_LOG10) return "unknown: the last layer has none";
  if (first < FLOAT32_LOG10) return "0 or below float32: nothing arrives";
  const decades = last - first;
  const at = whole ? " than at the last layer" : "";
  if (Math.abs(decades) < 0.04) return whole ? "about the same as at the last layer" : "about the same";
  return `${power(decades)} times ${decades > 0 ? "smaller" : "larger"}${at}`;
}

/** @typedef {"signal" | "activation" | "gate"} Lit  What the units of the live graph show. */

const LIT_DECADES = 3;

/**
 * How many units of every lane are lit.
 * @param {(Named & {values: Float32Array})[]} lanes
 * @param {Lit} lit
 * @param {number} step
 * @param {number} most  units in one box
 */
export function graphReading(lanes, lit, step, most) {
  if (!lanes.length) return "";
  const boxes = most > 1 ? ` A box stands for up to ${most} units: above their largest number, below`
    + " their smallest." : "";
  if (lit === "gate") {
    const parts = lanes.map((lane) => `${name(lane)} ${lane.values.length
      ? number(mean(lane.values)) : "has no gates"}`);
    return `Step ${step}, mean T of all layers: ${parts.join("; ")}.${boxes}`;
  }
  const top = Math.max(...lanes.flatMap(({ values }) => Array.from(values).filter(Number.isFinite)));
  const parts = lanes.map((lane) => {
    const lit = lane.values.filter((value) => value >= top - LIT_DECADES).length;
    return `${name(lane)} ${lit} of ${lane.values.length}`;
  });
  const what = lit === "signal" ? "get at least a thousandth of the largest gradient"
    : "carry at least a thousandth of the largest activation";
  return `Step ${step}, units that ${what}: ${parts.join("; ")}.${boxes}`;
}

/** @param {Float32Array} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * A curve's name in the box under the mouse.
 * @param {string} label
 * @param {string} what
 */
export function curveName(label, what) {
  return what ? `${label}, ${what}` : label;
}

/**
 * Every seed's value in the box under the mouse, five to a line.
 * @param {number} first
 * @param {number} count
 * @param {boolean} error
 */
export function seedsHover(first, count, error) {
  const rows = [];
  for (let seed = 0; seed < count; seed += 5) {
    rows.push(Array.from({ length: Math.min(5, count - seed) }, (_, i) =>
      `%{customdata[${seed + i}]:${error ? ".1f" : ".3g"}}`).join("  "));
  }
  return count ? `<br>seeds ${first} to ${first + count - 1}:<br>${rows.join("<br>")}` : "";
}

/**
 * How many of so many seeds have diverged, the first of them at a step; "" where none has.
 * @param {number | null} at
 * @param {number} dead
 * @param {number} seeds
 */
export function fateText(at, dead, seeds) {
  if (!dead) return "";
  if (seeds === 1) return `diverged at step ${at}`;
  return `${dead} of ${seeds} seeds diverged${dead > 1 ? ", the first" : ""} at step ${at}`;
}

/**
 * Every lane's loss, on the training batches and held out.
 * @param {Named[]} lanes
 * @param {LossFacts} facts
 */
export function lossReading(lanes, { step, values, stuck, error, held, heldAt, history }) {
  if (!lanes.length) return "";
  const shown = (/** @type {number} */ value) => (error ? `${value.toFixed(0)} %` : number(value));
  const parts = lanes.map((lane, i) => {
    const fate = history.fate(lane.index);
    if (history.ended(lane.index) !== null) return `${name(lane)} ${fate}`;
    const notes = [stuck[i] ? "no better than guessing" : "", fate].filter(Boolean).join("; ");
    return `${name(lane)} ${shown(values[i])}${notes ? ` (${notes})` : ""}`;
  });
  const what = error ? "wrong on the training batches" : "training loss";
  const training = `After ${step} ${step === 1 ? "step" : "steps"}, ${what}: ${parts.join(", ")}`;
  if (!history.evaluated || heldAt === undefined) return `${training}. ${lines(history)}`;
  const others = lanes.map((lane, i) => `${name(lane)} ${shown(held[i] ?? NaN)}`);
  const when = heldAt === step ? "" : ` at step ${heldAt}`;
  return `${training}; ${error ? "wrong on held-out samples" : "held-out loss"}${when}: `
    + `${others.join(", ")}. ${lines(history)}`;
}

/**
 * What the lines are.
 * @param {History} history
 */
function lines({ evaluated, seeds }) {
  const of = seeds > 1 ? ` of the median of ${seeds} seeds` : "";
  const band = seeds > 1 ? " Band: from the lowest seed to the highest; point at it for each." : "";
  if (!evaluated) return `Bold: running mean${of}; thin: every batch.${band}`;
  const bold = seeds > 1 ? `held-out, median of ${seeds} seeds` : "held-out";
  return `Bold: ${bold}; thin: training, running mean; faint: every batch.${band}`;
}

/**
 * The first layer of every lane now.
 * @param {Named[]} lanes
 * @param {Profile} profile
 * @param {Quantity} quantity
 */
export function heatReading(lanes, profile, quantity) {
  if (!lanes.length) return "";
  const parts = lanes.map((lane) => {
    const first = profile.lanes[lane.index][quantity][0];
    if (Number.isNaN(first)) return `${name(lane)} diverged`;
    if (first < FLOAT32_LOG10) return `${name(lane)} 0 or less than float32 can hold`;
    return `${name(lane)} 10<sup>${first.toFixed(1).replace("-", "−")}</sup>`;
  });
  return `Each column is one moment; dark is small. Layer 1, nearest the input, at the bottom, `
    + `now has ${parts.join(", ")}.`;
}

/** @typedef {"init" | "now" | "twin"} GateMode  Which net's maps, and when. */

/**
 * What the four gate maps show, counted.
 * @param {Named} lane
 * @param {ShownMaps} values
 * @param {Track} track
 * @param {GateMode} mode
 */
export function gatesReading(lane, values, track, mode) {
  const parts = [];
  if (values.bias && mode === "now" && values.step > 0 && track.bias !== null) {
    const began = track.bias;
    const fell = share(values.bias, (value) => value < began);
    parts.push(`${fell} of the biases are below ${String(began).replace("-", "−")}`);
  }
  if (values.gate) {
    parts.push(`T of this sample is under 0.1 in ${share(values.gate, (t) => t < 0.1)} of the cells`
      + ` and under 0.5 in ${share(values.gate, (t) => t < 0.5)}`);
  }
  if (values.output) parts.push(`${kept(values.output, track.cells)} of the outputs are handed on by`
    + " the next layer, changed by at most 0.1 standard deviations: stripes");
  const when = mode === "init" ? "at init" : `step ${values.step}`;
  return `${name(lane)}, ${when}: ${parts.join("; ")}.`;
}

/**
 * @param {Float32Array} values
 * @param {(value: number) => boolean} holds
 */
function share(values, holds) {
  let count = 0, all = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    all += 1;
    if (holds(value)) count += 1;
  }
  return all ? `${Math.round((100 * count) / all)} %` : "none";
}

/**
 * The share of (layer, cell) that the next layer changes by at most 0.1 deviations of all.
 * @param {Float32Array} outputs
 * @param {number} cells
 */
function kept(outputs, cells) {
  let sum = 0, squares = 0, count = 0;
  for (const value of outputs) {
    if (!Number.isFinite(value)) continue;
    sum += value; squares += value * value; count += 1;
  }
  const reach = 0.1 * Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
  const steps = outputs.subarray(cells).map((value, at) => value - outputs[at]);
  return share(steps, (change) => Math.abs(change) <= reach);
}
