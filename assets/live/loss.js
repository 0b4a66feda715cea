// Loss or error over steps. Training: each batch's value thin, a running mean bold. Of a run that
// is evaluated, as in the papers' figures: training thin, held-out bold, in one colour.

import { changeMarks } from "./changes.js";
import { axis, baseLayout, Bounds, TOOLBAR_PX } from "./chart.js";
import { decadeTicks, drawn, LOWEST_LOSS, nice, runningMean } from "./curves.js";
import { endNames, heightOf, lines, widest } from "./names.js";
import { fade } from "./theme.js";
import { curveName, number, seedsHover } from "./words.js";

/** @import { FigureView, Layout } from "./chart.js" */
/** @import { Drawn } from "./curves.js" */
/** @import { History } from "./history.js" */
/** @import { PlotSize } from "./names.js" */
/** @import { Lane, Theme } from "./theme.js" */

/** @typedef {Drawn & {x: number[]}} Held  What was found on held-out samples. */

/**
 * What is drawn of a lane.
 * @typedef {object} LaneCurve
 * @property {Lane} lane
 * @property {Drawn} training
 * @property {number[]} mean  the running mean of it
 * @property {boolean} diverged
 * @property {Held | null} held
 */

/** @typedef {PlotSize & {width: number}} FigureSize */


export class LossFigure {
  constructor() { this.bounds = new Bounds(); }

  /** @param {FigureView} view */
  draw(view) {
    const { history, lanes, theme, error, chance } = view;
    const size = { ...view.size, top: TOOLBAR_PX, bottom: view.size.font * 3.4 };
    const count = history.countTo(view.limit);
    const x = history.steps.slice(0, count);
    const shown = lanes.filter((lane) => !lane.hidden);
    const curves = shown.map((lane) => this.curve(history, lane, view, count));
    const range = error ? [-2, 106] : this.range(history, lanes, chance, size);
    const margin = { l: size.font * 5.2, r: this.right(lanes, size), t: size.top, b: size.bottom };
    const layout = baseLayout(theme, size, margin);
    layout.hovermode = "x unified";
    layout.xaxis = axis(theme, size, "step", { range: [0, history.total], showgrid: false });
    layout.yaxis = axis(theme, size, axisTitle(error, history.evaluated), {
      type: error ? "linear" : "log", range, ...(error ? {} : decadeTicks(range, chance)),
    });
    const marks = changeMarks(view.changes, history, theme, size);
    layout.shapes = [...(chance && !error ? [chanceLine(chance, theme)] : []), ...marks.shapes];
    layout.annotations = marks.annotations;
    const ends = curves.flatMap((one) => this.end(x, one, error, size) ?? []);
    const names = endNames(ends, range, size, { log: !error, chance: error ? 0 : chance });
    return {
      layout,
      traces: [...curves.flatMap((one) => this.traces(x, one, error, history)), ...names],
      values: curves.map(({ mean }) => (count ? mean[count - 1] : NaN)),
      held: curves.map(({ held }) => held && held.y[held.y.length - 1]),
      heldAt: history.heldSteps[history.countTo(view.limit, history.heldSteps) - 1],
      stuck: curves.map(({ mean }) => !error && Boolean(chance) && x[count - 1] > 20
        && mean[count - 1] > 0.95 * (chance ?? NaN)),
    };
  }

  /**
   * A lane's values as drawn, their running mean, and what was found on held-out samples.
   * @param {History} history
   * @param {Lane} lane
   * @param {FigureView} view
   * @param {number} count
   * @returns {LaneCurve}
   */
  curve(history, lane, { error, limit }, count) {
    const training = drawn(history.curves[lane.index], error, count);
    const mean = runningMean(history.steps, training.y, history.total / 60, !error);
    const diverged = history.ended(lane.index) !== null;
    const known = history.countTo(limit, history.heldSteps);
    const held = known ? {
      ...drawn(history.held[lane.index], error, known), x: history.heldSteps.slice(0, known),
    } : null;
    return { lane, training, mean, diverged, held };
  }

  /**
   * @param {number[]} x
   * @param {LaneCurve} curve
   * @param {boolean} error
   * @param {History} history
   * @returns {Layout[]}
   */
  traces(x, { lane, training, mean, held }, error, history) {
    const bold = history.evaluated ? held : training;
    const line = { type: "scatter", mode: "lines", hoverinfo: "skip", name: lane.label };
    const each = {
      ...line, x, y: training.y, meta: error ? "error" : "loss",
      line: { color: fade(lane.colour, history.evaluated ? 0.25 : 0.4), width: 1.25 },
    };
    const whole = {
      ...line, x, y: mean, meta: "mean", mode: x.length < 3 ? "lines+markers" : "lines",
      marker: { size: history.evaluated ? 4 : 9 },
      line: { color: lane.colour, width: history.evaluated ? 1.6 : 3.2, dash: lane.dash },
      ...hover(lane, training, {
        error, history, each: !history.evaluated,
        what: history.evaluated ? "training" : training.seeds.length ? "running mean" : "",
      }),
    };
    const evaluations = held ? [{
      ...line, x: held.x, y: held.y, meta: "held-out", mode: "lines+markers",
      line: { color: lane.colour, width: 3.6, dash: lane.dash },
      marker: { size: held.x.length > 60 ? 4 : 8, color: lane.colour },
      ...hover(lane, held, { error, history, each: true, what: "held-out" }),
    }] : [];
    return [each, ...band(bold, held && bold === held ? held.x : x, lane, line), whole,
      ...evaluations];
  }

  /**
   * Where a lane's name stands: at its newest value that is a number.
   * @param {number[]} x
   * @param {LaneCurve} curve
   * @param {boolean} error
   * @param {FigureSize} size
   */
  end(x, { lane, mean, held, diverged }, error, size) {
    const bold = held?.y.some(Number.isFinite) ? held.y : mean;
    let at = bold.length - 1;
    while (at >= 0 && !Number.isFinite(bold[at])) at -= 1;
    if (at < 0) return null;
    const value = error ? `${bold[at].toFixed(0)} %` : number(bold[at]);
    const name = lines(lane.label).join("<br>");
    // In a narrow chart the names alone stand at the curves; the values are in the reading.
    const text = diverged ? `${name} diverged` : isNarrow(size) ? name : `${name} ${value}`;
    const until = bold === mean ? x[at] : x[x.length - 1];
    return { lane, x: until, y: error ? bold[at] : Math.log10(bold[at]), text };
  }

  /**
   * @param {Lane[]} lanes
   * @param {FigureSize} size
   */
  right(lanes, size) {
    return (widest(lanes) + (isNarrow(size) ? 1 : 6)) * size.font * 0.56 + 10;
  }

  /**
   * @param {History} history
   * @param {Lane[]} lanes
   * @param {number | undefined} chance
   * @param {FigureSize} size
   */
  range(history, lanes, chance, size) {
    let low = 1, high = chance || 1;
    for (const lane of lanes) {
      for (const { loss } of [history.curves[lane.index], history.held[lane.index]]) {
        for (const value of loss) {
          if (Number.isFinite(value) && value > LOWEST_LOSS) {
            if (value < low) low = value;
            if (value > high) high = value;
          }
        }
      }
    }
    // A lane that runs away leaves the picture; the others stay readable.
    high = Math.min(high, 20 * (chance || 5));
    const [least, most] = this.bounds.grow(nice(low, false), nice(high, true));
    const rows = Math.max(...lanes.map((lane) => lines(lane.label).length));
    const room = ((most - least) * 1.4 * rows * size.font) / heightOf(size);
    return [least - 0.04, most + room];
  }
}

/**
 * @param {boolean} error
 * @param {boolean} evaluated
 */
function axisTitle(error, evaluated) {
  const of = evaluated ? "" : "training ";
  return error ? `${of}error, %` : `${of}loss, nats`;
}

/**
 * From the lowest seed to the highest.
 * @param {Drawn | null} of
 * @param {number[]} x
 * @param {Lane} lane
 * @param {Layout} line
 * @returns {Layout[]}
 */
function band(of, x, lane, line) {
  if (!of?.seeds.length) return [];
  const edge = { ...line, x, line: { width: 0 }, meta: "band" };
  const fill = { fill: "tonexty", fillcolor: fade(lane.colour, 0.2) };
  return [{ ...edge, y: of.low }, { ...edge, ...fill, y: of.high }];
}

/**
 * What stands in the box under the mouse: the value and, of several seeds, each one's.
 * @param {Lane} lane
 * @param {Drawn} curve
 * @param {{error: boolean, history: History, what: string, each: boolean}} how
 */
function hover(lane, { y, seeds }, { error, history, what, each }) {
  const value = error ? "%{y:.1f} %" : "%{y:.4g}";
  const withSeeds = each && seeds.length > 0;
  return {
    name: curveName(lane.label, what),
    customdata: withSeeds ? y.map((_, row) => seeds.map((values) => values[row])) : undefined,
    hovertemplate: value + (withSeeds ? seedsHover(history.seed, seeds.length, error) : ""),
    hoverinfo: undefined,
  };
}

/** @param {{width: number}} size */
function isNarrow(size) {
  return size.width < 540;
}

/**
 * @param {number} chance
 * @param {Theme} theme
 */
function chanceLine(chance, theme) {
  return {
    type: "line", xref: "paper", x0: 0, x1: 1, y0: chance, y1: chance, layer: "below",
    line: { color: theme.muted, width: 1.5, dash: "dash" },
  };
}
