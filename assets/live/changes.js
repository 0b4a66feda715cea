// Learning rates that were changed by hand: thin lines over the steps, each with its value.

import { rateText } from "./words.js";

/** @import { History } from "./history.js" */
/** @import { PlotSize } from "./names.js" */
/** @import { Theme } from "./theme.js" */

/**
 * Shapes and annotations for a chart whose x axis is the step.
 * @param {{step: number, lr: number}[]} changes
 * @param {History} history
 * @param {Theme} theme
 * @param {PlotSize & {width: number}} size
 */
export function changeMarks(changes, history, theme, size) {
  const reached = changes.filter(({ step }) => step <= history.step + 1);
  const shapes = reached.map(({ step }) => ({
    type: "line", x0: step, x1: step, yref: "paper", y0: 0, y1: 1, layer: "below",
    line: { color: theme.text, width: 1.5, dash: "dot" },
  }));
  // Of changes that stand close together the last one is named.
  const room = (history.total * 7 * size.font) / Math.max(1, size.width);
  const named = reached.filter(({ step }, i) =>
    i === reached.length - 1 || reached[i + 1].step - step > room);
  const annotations = named.map(({ step, lr }) => ({
    x: step, yref: "paper", y: 0, yanchor: "bottom", xanchor: "left", xshift: 4, showarrow: false,
    text: `lr ${rateText(lr)}`, font: { size: size.font * 0.92, color: theme.text },
    bgcolor: theme.card, borderpad: 2,
  }));
  return { shapes, annotations };
}
