// Training loss or error over steps: each batch's value thin, a running mean bold.

import { axis, baseLayout, Bounds } from "./chart.js";
import { endNames, heightOf, lines, widest } from "./names.js";
import { fade } from "./theme.js";
import { number } from "./words.js";

const LOWEST_LOSS = 1e-8;
const NICE = [1, 2, 5], BOUNDS = [1, 2, 3, 5];

/** The next of 1, 2, 3, 5, 10, … below (`up` false) or above a positive number, as its log10. */
function nice(value, up) {
  const decade = Math.floor(Math.log10(value));
  const marks = [...BOUNDS.map((m) => Math.log10(m) + decade), decade + 1];
  const at = Math.log10(value);
  if (up) return marks.find((mark) => mark >= at - 1e-9) ?? decade + 1;
  return marks.filter((mark) => mark <= at + 1e-9).pop();
}

export class LossFigure {
  constructor() { this.bounds = new Bounds(); }

  draw(view) {
    const { history, lanes, theme, error, chance } = view;
    const size = { ...view.size, top: 12, bottom: view.size.font * 3.4 };
    const count = history.countTo(view.limit);
    const x = history.steps.slice(0, count);
    const shown = lanes.filter((lane) => !lane.hidden);
    const curves = shown.map((lane) => this.curve(history, lane, count, error));
    const range = error ? [-2, 106] : this.range(history, lanes, chance, size);
    const margin = { l: size.font * 5.2, r: this.right(lanes, size), t: size.top, b: size.bottom };
    const layout = baseLayout(theme, size, margin);
    layout.hovermode = "x unified";
    layout.xaxis = axis(theme, size, "step", { range: [0, history.total], showgrid: false });
    layout.yaxis = axis(theme, size, error ? "training error, %" : "training loss, nats", {
      type: error ? "linear" : "log", range, ...(error ? {} : decadeTicks(range, chance)),
    });
    if (chance && !error) layout.shapes = [chanceLine(chance, theme)];
    const ends = curves.map((one) => this.end(x, one, error, size)).filter(Boolean);
    const names = endNames(ends, range, size, { log: !error, chance: error ? 0 : chance });
    return {
      layout,
      traces: [...curves.flatMap((one) => this.traces(x, one, error)), ...names],
      values: curves.map(({ mean }) => (count ? mean[count - 1] : NaN)),
      stuck: curves.map(({ mean }) => !error && chance > 0 && x[count - 1] > 20
        && mean[count - 1] > 0.95 * chance),
    };
  }

  /** A lane's values as drawn, and their running mean. */
  curve(history, lane, count, error) {
    const held = history.curves[lane.index];
    const cut = (values) => values.slice(0, count);
    const raw = error ? cut(held.error).map((share) => 100 * share)
      : cut(held.loss).map((value) => Math.max(value, LOWEST_LOSS));
    const mean = runningMean(history.steps, raw, history.total / 60, !error);
    const diverged = history.diverged[lane.index] !== null;
    return { lane, raw, mean, diverged, low: error ? [] : cut(held.low), high: cut(held.high) };
  }

  traces(x, { lane, raw, mean, low, high }, error) {
    const hovertemplate = error ? "%{y:.1f} %" : "%{y:.4g}";
    const line = { type: "scatter", mode: "lines", x };
    const each = {
      ...line, y: raw, meta: error ? "error" : "loss", name: lane.label, hoverinfo: "skip",
      line: { color: fade(lane.colour, 0.4), width: 1.25 },
    };
    const bold = {
      ...line, y: mean, meta: "mean", name: lane.label, hovertemplate,
      mode: x.length < 3 ? "lines+markers" : "lines", marker: { size: 9 },
      line: { color: lane.colour, width: 3.2, dash: lane.dash },
    };
    if (!low.length) return [each, bold];
    const edge = { ...line, line: { width: 0 }, hoverinfo: "skip" };
    const fill = { fill: "tonexty", fillcolor: fade(lane.colour, 0.2) };
    return [{ ...edge, y: low }, { ...edge, ...fill, y: high }, each, bold];
  }

  /** Where a lane's name stands: at its newest value that is a number. */
  end(x, { lane, mean, diverged }, error, size) {
    let at = mean.length - 1;
    while (at >= 0 && !Number.isFinite(mean[at])) at -= 1;
    if (at < 0) return null;
    const value = error ? `${mean[at].toFixed(0)} %` : number(mean[at]);
    const name = lines(lane.label).join("<br>");
    // In a narrow chart the names alone stand at the curves; the values are in the reading.
    const text = diverged ? `${name} diverged` : isNarrow(size) ? name : `${name} ${value}`;
    return { lane, x: x[at], y: error ? mean[at] : Math.log10(mean[at]), text };
  }

  right(lanes, size) {
    return (widest(lanes) + (isNarrow(size) ? 1 : 6)) * size.font * 0.56 + 10;
  }

  range(history, lanes, chance, size) {
    let low = 1, high = chance || 1;
    for (const lane of lanes) {
      for (const value of history.curves[lane.index].loss) {
        if (Number.isFinite(value) && value > LOWEST_LOSS) {
          if (value < low) low = value;
          if (value > high) high = value;
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

function isNarrow(size) {
  return size.width < 540;
}

/** Exponential in steps, of the logarithm where `log`: what is drawn never changes afterwards. */
function runningMean(steps, values, over, log) {
  let mean = null;
  return values.map((value, i) => {
    const seen = log ? Math.log(value) : value;
    if (!Number.isFinite(seen)) return NaN;
    const share = mean === null ? 1 : 1 - Math.exp(-(steps[i] - steps[i - 1]) / Math.max(1, over));
    mean = mean === null ? seen : mean + share * (seen - mean);
    return log ? Math.exp(mean) : mean;
  });
}

function chanceLine(chance, theme) {
  return {
    type: "line", xref: "paper", x0: 0, x1: 1, y0: chance, y1: chance, layer: "below",
    line: { color: theme.muted, width: 1.5, dash: "dash" },
  };
}

/** Few, plain ticks: 0.01, 0.1, 1; with 2 and 5 between where there is room; and guessing. */
function decadeTicks([low, high], chance) {
  const marks = high - low > 2.5 ? [1] : NICE;
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

function plainNumber(value) {
  if (value >= 0.001) return String(Number(value.toPrecision(2)));
  return `10<sup>${Math.round(Math.log10(value))}</sup>`.replace("-", "−");
}
