// Lanes' names beside their curves: read without looking to and fro between chart and legend.

/** @import { Layout } from "./chart.js" */
/** @import { Lane } from "./theme.js" */

const LONG_NAME = 14;
/** From one name to the next, in heights of the font. */
export const NAME_LINE = 1.25;

/** @typedef {{height: number, top: number, bottom: number, font: number}} PlotSize  in pixels */
/** @typedef {{lane: Pick<Lane, "label" | "ink">, x: number, y: number, text: string}} End */

/**
 * A long name in two lines: it must not take the room of the curves.
 * @param {string} label
 */
export function lines(label) {
  return label.length > LONG_NAME ? label.replace(/ (\S+)$/, "\n$1").split("\n") : [label];
}

/**
 * How many signs the longest line of a name has.
 * @param {{label: string}[]} lanes
 */
export function widest(lanes) {
  return Math.max(4, ...lanes.flatMap((lane) => lines(lane.label)).map((line) => line.length));
}

/**
 * A name as a curve of one point. (An annotation would do, but Plotly.react moves those only when
 * something else of the layout changes as well.) `y` is in units of the axis.
 * @param {End} end
 * @param {number} up  in pixels
 * @param {number[]} range
 * @param {PlotSize} size
 * @param {boolean} log
 * @returns {Layout}
 */
function nameTrace({ lane, x, y, text }, up, range, size, log) {
  const moved = y + (up / heightOf(size)) * (range[1] - range[0]);
  return {
    x: [x], y: [log ? 10 ** moved : moved], text: [`<b>${text}</b>`],
    type: "scatter", mode: "text", textposition: "middle right", cliponaxis: false,
    textfont: { size: size.font, color: lane.ink }, hoverinfo: "skip",
  };
}

/** @param {PlotSize} size */
export function heightOf(size) {
  return size.height - size.top - size.bottom;
}

/**
 * How far above the bottom of the plot, in pixels.
 * @param {number} y
 * @param {number[]} range
 * @param {PlotSize} size
 */
function place(y, range, size) {
  return ((y - range[0]) / (range[1] - range[0])) * heightOf(size);
}

/**
 * Moves names at `places` (pixels) apart to at least `gap`, keeping their order.
 * @param {number[]} places
 * @param {number} gap
 */
function apart(places, gap) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]);
  const moved = [...places];
  for (let turn = 0; turn < 20; turn += 1) {
    for (let k = 1; k < order.length; k += 1) {
      const under = order[k - 1], over = order[k];
      const lack = gap - (moved[over] - moved[under]);
      if (lack > 0.5) { moved[under] -= lack / 2; moved[over] += lack / 2; }
    }
  }
  return moved;
}

/**
 * Names at the ends of curves; beside the line of guessing (`chance`) they stand above it.
 * @param {End[]} ends
 * @param {number[]} range
 * @param {PlotSize} size
 * @param {{log: boolean, chance?: number}} axis
 */
export function endNames(ends, range, size, { log, chance }) {
  const rows = Math.max(1, ...ends.map(({ lane }) => lines(lane.label).length));
  const places = ends.map(({ y }) => place(y, range, size));
  const line = chance ? place(Math.log10(chance), range, size) : -Infinity;
  // Always above, whichever side the curve is on: noise must not make a name hop to and fro.
  let free = line + size.font * (0.2 + 0.65 * rows);
  const clear = places.map((at) => {
    if (Math.abs(at - line) > size.font * (0.45 + 0.65 * rows)) return at;
    free += size.font * 1.31 * rows;
    return free - size.font * 1.31 * rows;
  });
  const moved = apart(clear, size.font * 1.3 * rows);
  return ends.map((end, i) => {
    const text = `  ${end.text.replace("<br>", "<br>  ")}`;
    return nameTrace({ ...end, text }, moved[i] - places[i], range, size, log);
  });
}

/**
 * Names under the begins of curves on a logarithmic axis. Where a curve runs through the room that
 * a name needs, the name goes under that curve too, below the names of the curves above.
 * @param {(End & {low: number, high: number})[]} ends  low, high: where the curve's begin runs
 * @param {number[]} range
 * @param {PlotSize} size
 */
export function startNames(ends, range, size) {
  const order = [...ends].sort((a, b) => b.y - a.y), line = size.font * NAME_LINE;
  /** @type {Layout[]} */
  const names = [];
  /** @type {typeof order} */
  let waiting = [];
  order.forEach((end, i) => {
    waiting.push(end);
    const under = place(Math.min(...waiting.map(({ low }) => low)), range, size);
    const below = order.slice(i + 1).map(({ high }) => place(high, range, size));
    if (below.some((at) => at > under - line * (waiting.length + 0.3))) return;
    waiting.forEach((each, k) => {
      const at = under - line * (k + 0.9);
      names.push(nameTrace(each, at - place(each.y, range, size), range, size, true));
    });
    waiting = [];
  });
  return names;
}
