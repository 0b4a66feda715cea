// One quantity over depth, at one step: all lanes on the same axes.

import { axis, baseLayout, Bounds, powerTicks, TOOLBAR_PX } from "./chart.js";
import { heightOf, NAME_LINE, startNames } from "./names.js";
import { fade } from "./theme.js";
import { axisOf, FLOAT32_LOG10, QUANTITIES } from "./words.js";

/** @import { FigureView, Layout } from "./chart.js" */
/** @import { History } from "./history.js" */
/** @import { Profile, Quantity } from "./messages.js" */
/** @import { PlotSize } from "./names.js" */
/** @import { Lane } from "./theme.js" */
/** @import { Shown } from "./words.js" */

/** @typedef {Lane & Shown} ShownLane */

/** Within so many decades curves run close together. */
const CLOSE = 8;

export class ProfileFigure {
  constructor() {
    /** @type {Partial<Record<Quantity, Bounds>>} */
    this.bounds = {};
  }

  /** @param {FigureView} view */
  draw(view) {
    const { history, theme, quantity, profile } = view;
    const lanes = view.lanes.map((lane) => ({ ...lane, ...lastAlive(lane, history, profile) }));
    const size = { ...view.size, top: TOOLBAR_PX, bottom: view.size.font * 3.4 };
    const { range, lost } = this.range(lanes, quantity, size);
    const shown = lanes.filter((lane) => !lane.hidden);
    const traces = shown.flatMap((lane) => this.traces(lane, quantity, lost));
    const depths = lanes.flatMap(({ track }) => axisOf(track, quantity).map((at) => at[1]));
    const words = QUANTITIES[quantity];
    const left = size.font * 4.8;
    const margin = { l: left, r: 18, t: size.top, b: size.bottom };
    const layout = baseLayout(theme, size, margin);
    const low = Math.min(...depths), high = Math.max(...depths);
    const pad = Math.max(0.5, (high - low) * 0.02);
    layout.xaxis = axis(theme, size, "layer (1 = nearest the input)", {
      range: [low - pad, high + pad], showgrid: false,
      ...(high - low < 12 ? { dtick: 1 } : {}),
    });
    layout.yaxis = axis(theme, size, `${words.axis}, ${words.unit}`, {
      type: "log", range, ...this.ticks(range, lost),
    });
    const broadest = Math.max(...shown.map(({ label }) => label.length)) * size.font * 0.6;
    const share = broadest / Math.max(1, size.width - margin.l - margin.r);
    const ends = shown.map((lane) => ({
      lane, x: axisOf(lane.track, quantity)[0][1],
      text: lane.diedAt === null ? lane.label : `${lane.label}, step ${lane.shown.step}`,
      ...begin(valuesOf(lane, quantity), lost, share),
    })).filter(({ y }) => Number.isFinite(y));
    traces.push(...startNames(ends, range, size));
    return { traces, layout, lanes };
  }

  /**
   * A lane's curve; what is 0 or too small for float32 stands as triangles on the lowest line.
   * @param {ShownLane} lane
   * @param {Quantity} quantity
   * @param {number | null} lostAt
   * @returns {Layout[]}
   */
  traces(lane, quantity, lostAt) {
    const values = valuesOf(lane, quantity);
    const colour = lane.diedAt === null ? lane.colour : fade(lane.colour, 0.4);
    const when = lane.diedAt === null ? ""
      : `<br>step ${lane.shown.step}: it diverged at step ${lane.diedAt}`;
    const where = axisOf(lane.track, quantity);
    const lost = Array.from(values, (value) => value < FLOAT32_LOG10);
    const points = {
      x: where.map((at) => at[1]),
      type: "scatter",
      hovertemplate: `<b>${lane.label}</b>, layer %{x}<br>%{text}${when}<extra></extra>`,
    };
    const curve = {
      ...points,
      y: Array.from(values, (value, i) => (Number.isNaN(value) || lost[i] ? null
        : 10 ** Math.min(value, 300))),
      mode: values.length <= 64 ? "lines+markers" : "lines",
      line: { color: colour, width: 3, dash: lane.dash },
      marker: { color: colour, size: 6 },
      text: where.map((at, i) => `${at[0]}<br>10^${values[i].toFixed(2)}`),
    };
    if (lostAt === null || !lost.some(Boolean)) return [curve];
    const triangles = {
      ...points,
      y: lost.map((is) => (is ? 10 ** lostAt : null)),
      mode: "markers",
      marker: { color: colour, size: 11, symbol: "triangle-down" },
      text: where.map((at) => `${at[0]}<br>0, or too small for float32`),
    };
    return [curve, triangles];
  }

  /**
   * @param {number[]} range
   * @param {number | null} lost
   */
  ticks([low, high], lost) {
    if (lost === null) return powerTicks([low, high], 7, (at) => 10 ** at);
    const seen = 2 * lost - low; // as far above the line of the lost as the axis ends below it
    const ticks = powerTicks([seen, high], 7, (at) => 10 ** at);
    return {
      ...ticks,
      tickvals: [10 ** lost, ...ticks.tickvals],
      ticktext: ["≈ 0", ...ticks.ticktext],
    };
  }

  /**
   * Whole decades that only grow, over all that was drawn of this quantity; and, once something
   * was lost (0, or too small for float32), the line under them where its triangles stand.
   * @param {ShownLane[]} lanes
   * @param {Quantity} quantity
   * @param {PlotSize} size
   */
  range(lanes, quantity, size) {
    const bounds = (this.bounds[quantity] ??= new Bounds());
    for (const lane of lanes) {
      for (const value of valuesOf(lane, quantity)) {
        if (value < FLOAT32_LOG10) bounds.lost = true;
        else if (Number.isFinite(value)) bounds.grow(Math.floor(value), Math.ceil(value));
      }
    }
    const [low, high] = bounds.grow(Infinity, -Infinity);
    // Room for names under the lowest curve, for all of them where the curves run close together;
    // noise within a decade must look like noise.
    const decades = Math.max(high - low, 2), rows = decades > CLOSE ? 1.6 : lanes.length + 0.5;
    const names = Math.min(NAME_LINE * rows * size.font, heightOf(size) / 2);
    const room = Math.max(1, Math.ceil((decades * names) / (heightOf(size) - names)));
    const lost = bounds.lost ? low - room : null;
    return { range: [(lost ?? low) - room, low + decades], lost };
  }
}

/**
 * What is drawn of a lane: the profile asked for or, once the lane has diverged, its last one with
 * numbers in it.
 * @param {Lane} lane
 * @param {History} history
 * @param {Profile} profile
 * @returns {Shown}
 */
export function lastAlive(lane, history, profile) {
  const diedAt = history.ended(lane.index), alive = history.alive[lane.index];
  const dead = diedAt !== null && profile.step >= diedAt;
  return dead && alive ? { shown: alive, diedAt } : { shown: profile, diedAt: null };
}

/**
 * @param {ShownLane} lane
 * @param {Quantity} quantity
 */
function valuesOf(lane, quantity) {
  return lane.shown.lanes[lane.index][quantity];
}

/**
 * Where a curve begins, and how low and how high it runs there, as far as a name reaches.
 * @param {Float32Array} values
 * @param {number | null} lost
 * @param {number} share  of the axis that the longest name takes
 */
function begin(values, lost, share) {
  const first = Array.from(values.slice(0, Math.max(1, Math.ceil(values.length * share))))
    .map((value) => height(value, lost));
  const drawn = first.filter(Number.isFinite);
  return { y: first[0], low: Math.min(...drawn), high: Math.max(...drawn) };
}

/**
 * Where a value stands: a lost one on the line of the lost.
 * @param {number} value
 * @param {number | null} lost
 */
function height(value, lost) {
  return lost !== null && value < FLOAT32_LOG10 ? lost : value;
}
