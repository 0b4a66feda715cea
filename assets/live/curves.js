// Loss over steps, and one quantity over depth.

import { apart, axis, baseLayout, Bounds, powerTicks } from "./chart.js";
import { fade } from "./theme.js";
import { axisOf, FLOAT32_LOG10, number, QUANTITIES } from "./words.js";

const LOWEST_LOSS = 1e-8;
const LOST = FLOAT32_LOG10 - 1; // where triangles stand: below what float32 can hold
const NICE = [1, 2, 5], BOUNDS = [1, 2, 3, 5];

/** The next of 1, 2, 3, 5, 10, … below (`up` false) or above a positive number, as its log10. */
function nice(value, up) {
  const decade = Math.floor(Math.log10(value));
  const marks = [...BOUNDS.map((m) => Math.log10(m) + decade), decade + 1];
  const at = Math.log10(value);
  if (up) return marks.find((mark) => mark >= at - 1e-9) ?? decade + 1;
  return marks.filter((mark) => mark <= at + 1e-9).pop();
}

function widest(lanes) {
  return Math.max(4, ...lanes.map((lane) => lane.label.length));
}

/**
 * A lane's name as a curve of one point. (An annotation would do, but Plotly.react moves those only
 * when something else of the layout changes as well.) `y` is in units of the axis, `up` in pixels.
 */
function nameTrace({ lane, x, y, text }, up, range, size, log) {
  const moved = y + (up / heightOf(size)) * (range[1] - range[0]);
  return {
    x: [x], y: [log ? 10 ** moved : moved], text: [`<b>${text}</b>`],
    type: "scatter", mode: "text", textposition: "middle right", cliponaxis: false,
    textfont: { size: size.font, color: lane.ink }, hoverinfo: "skip",
  };
}

function heightOf(size) {
  return size.height - size.top - size.bottom;
}

function place(y, range, size) {
  return ((y - range[0]) / (range[1] - range[0])) * heightOf(size);
}

/** Each lane's name at the end of its curve, moved apart where two would cover each other. */
function endNames(ends, range, size, { log, chance }) {
  const places = ends.map(({ y }) => place(y, range, size));
  const line = chance ? place(Math.log10(chance), range, size) : -Infinity;
  // Beside the line of guessing a name stands above it: noise must not make it hop to and fro.
  let free = line + size.font * 0.85;
  const clear = places.map((at) => {
    if (Math.abs(at - line) > size.font * 1.1) return at;
    free += size.font * 1.31;
    return free - size.font * 1.31;
  });
  const moved = apart(clear, size.font * 1.3);
  return ends.map((end, i) => nameTrace(
    { ...end, text: `  ${end.text}` }, moved[i] - places[i], range, size, log));
}

/** Each lane's name under the begin of its curve, where the lanes differ most. */
function startNames(ends, range, size) {
  let above = Infinity;
  return [...ends].sort((a, b) => b.y - a.y).map((end) => {
    const at = Math.min(place(end.y, range, size) - size.font * 1.1, above - size.font * 1.25);
    above = at;
    return nameTrace(end, at - place(end.y, range, size), range, size, true);
  });
}

export class LossFigure {
  constructor() { this.bounds = new Bounds(); }

  draw(view) {
    const { history, lanes, theme, error, chance, limit } = view;
    const size = { ...view.size, top: 12, bottom: view.size.font * 3.4 };
    const count = history.countTo(limit);
    const shown = lanes.filter((lane) => !lane.hidden);
    const traces = shown.flatMap((lane) => this.traces(history, lane, count, error));
    const range = error ? [-2, 102] : this.range(history, lanes, count, chance);
    const ends = shown.map((lane) => this.end(history, lane, count, error)).filter(Boolean);
    // In a narrow chart the names alone stand at the curves; the values are in the reading.
    const narrow = size.width < 540;
    if (narrow) ends.forEach((end) => { end.text = end.lane.label; });
    const right = (widest(lanes) + (narrow ? 1 : 6)) * size.font * 0.56 + 10;
    const margin = { l: size.font * 5.2, r: right, t: size.top, b: size.bottom };
    const layout = baseLayout(theme, size, margin);
    layout.hovermode = "x unified";
    layout.xaxis = axis(theme, size, "step", { range: [0, history.total], showgrid: false });
    layout.yaxis = axis(theme, size, error ? "training error, %" : "training loss, nats", {
      type: error ? "linear" : "log", range, ...(error ? {} : decadeTicks(range, chance)),
    });
    traces.push(...endNames(ends, range, size, { log: !error, chance: error ? 0 : chance }));
    if (chance && !error) this.addChance(layout, chance, theme);
    const values = shown.map((lane) => this.last(history, lane, count, error));
    const stuck = shown.map((lane) => !error && this.stuck(history, lane, count, chance));
    return { traces, layout, values, stuck };
  }

  traces(history, lane, count, error) {
    const curve = history.curves[lane.index];
    const x = history.steps.slice(0, count);
    const y = (error ? curve.error.map((share) => 100 * share) : curve.loss).slice(0, count);
    const line = { color: lane.colour, width: 3, dash: lane.dash, shape: "linear" };
    const main = {
      x,
      y: error ? y : y.map((value) => Math.max(value, LOWEST_LOSS)),
      type: "scatter",
      mode: count < 3 ? "lines+markers" : "lines",
      marker: { size: 9 },
      line,
      name: lane.label,
      meta: error ? "error" : "loss",
      hovertemplate: error ? "%{y:.1f} %" : "%{y:.4g}",
    };
    if (error || !curve.low.length) return [main];
    const edge = { x, type: "scatter", mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
    const fill = { fill: "tonexty", fillcolor: fade(lane.colour, 0.2) };
    return [
      { ...edge, y: curve.low.slice(0, count) },
      { ...edge, ...fill, y: curve.high.slice(0, count) },
      main,
    ];
  }

  last(history, lane, count, error) {
    const curve = history.curves[lane.index];
    return count ? (error ? curve.error : curve.loss)[count - 1] : NaN;
  }

  /** No better than guessing: half of the last tenth of the curve, batch noise aside. */
  stuck(history, lane, count, chance) {
    const tail = history.curves[lane.index].loss.slice(Math.floor(count * 0.9), count);
    return chance > 0 && history.steps[count - 1] > 20
      && tail.filter((value) => value > 0.95 * chance).length > tail.length / 2;
  }

  /** Where a lane's label stands: at its newest value that is a number. */
  end(history, lane, count, error) {
    const curve = history.curves[lane.index];
    const values = error ? curve.error : curve.loss;
    let at = count - 1;
    while (at >= 0 && !Number.isFinite(values[at])) at -= 1;
    if (at < 0) return null;
    const value = values[at];
    const text = history.diverged[lane.index] !== null && at < count - 1 ? "diverged"
      : error ? `${(100 * value).toFixed(0)} %` : number(value);
    const y = error ? 100 * value : Math.log10(Math.max(value, LOWEST_LOSS));
    return { lane, x: history.steps[at], y, text: `${lane.label} ${text}` };
  }

  range(history, lanes, count, chance) {
    let low = 1, high = chance || 1;
    for (const lane of lanes) {
      const { loss } = history.curves[lane.index];
      for (let i = 0; i < count; i += 1) {
        const value = loss[i];
        if (Number.isFinite(value) && value > LOWEST_LOSS) {
          if (value < low) low = value;
          if (value > high) high = value;
        }
      }
    }
    // A lane that runs away leaves the picture; the others stay readable.
    high = Math.min(high, 20 * (chance || 5));
    const [least, most] = this.bounds.grow(nice(low, false), nice(1.2 * high, true));
    return [least - 0.04, most + 0.04];
  }

  addChance(layout, chance, theme) {
    layout.shapes = [{
      type: "line", xref: "paper", x0: 0, x1: 1, y0: chance, y1: chance, layer: "below",
      line: { color: theme.muted, width: 1.5, dash: "dash" },
    }];
  }
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

export class ProfileFigure {
  constructor() { this.bounds = {}; }

  draw(view) {
    const { history, lanes, theme, quantity, profile } = view;
    const size = { ...view.size, top: 12, bottom: view.size.font * 3.4 };
    const range = this.range(lanes, quantity, profile, size);
    const shown = lanes.filter((lane) => !lane.hidden);
    const traces = shown.flatMap((lane) => this.traces(lane, quantity, profile));
    const depths = lanes.flatMap(({ track }) => axisOf(track, quantity).map((at) => at[1]));
    const words = QUANTITIES[quantity];
    const left = size.font * (range[0] < LOST ? 6.8 : 4.8);
    const margin = { l: left, r: 18, t: size.top, b: size.bottom };
    const layout = baseLayout(theme, size, margin);
    const low = Math.min(...depths), high = Math.max(...depths);
    const pad = Math.max(0.5, (high - low) * 0.02);
    layout.xaxis = axis(theme, size, "layer (1 = nearest the input)", {
      range: [low - pad, high + pad], showgrid: false,
      ...(high - low < 12 ? { dtick: 1 } : {}),
    });
    layout.yaxis = axis(theme, size, `${words.axis}, ${words.unit}`, {
      type: "log", range, ...this.ticks(range),
    });
    const ends = shown.map((lane) => ({
      lane, x: axisOf(lane.track, quantity)[0][1], text: lane.label,
      y: Math.max(LOST, profile.lanes[lane.index][quantity][0]),
    })).filter(({ y }) => Number.isFinite(y));
    traces.push(...startNames(ends, range, size));
    return { traces, layout };
  }

  /** A lane's curve; what float32 cannot hold stands as triangles on the lowest line. */
  traces(lane, quantity, profile) {
    const values = profile.lanes[lane.index][quantity];
    const where = axisOf(lane.track, quantity);
    const lost = Array.from(values, (value) => value < FLOAT32_LOG10);
    const points = {
      x: where.map((at) => at[1]),
      type: "scatter",
      hovertemplate: `<b>${lane.label}</b>, layer %{x}<br>%{text}<extra></extra>`,
    };
    const curve = {
      ...points,
      y: Array.from(values, (value, i) => (Number.isNaN(value) || lost[i] ? null
        : 10 ** Math.min(value, 300))),
      mode: values.length <= 64 ? "lines+markers" : "lines",
      line: { color: lane.colour, width: 3, dash: lane.dash },
      marker: { color: lane.colour, size: 6 },
      text: where.map((at, i) => `${at[0]}<br>10^${values[i].toFixed(2)}`),
    };
    if (!lost.some(Boolean)) return [curve];
    const triangles = {
      ...points,
      y: lost.map((is) => (is ? 10 ** LOST : null)),
      mode: "markers",
      marker: { color: lane.colour, size: 11, symbol: "triangle-down" },
      text: where.map((at) => `${at[0]}<br>below float32`),
    };
    return [curve, triangles];
  }

  ticks([low, high]) {
    const lost = low < LOST;
    const ticks = powerTicks([lost ? FLOAT32_LOG10 + 2 : low, high], 7, (at) => 10 ** at);
    if (!lost) return ticks;
    return {
      ...ticks,
      tickvals: [10 ** LOST, ...ticks.tickvals],
      ticktext: ["below float32", ...ticks.ticktext],
    };
  }

  /** Whole decades that only grow, over all that was drawn of this quantity. */
  range(lanes, quantity, profile, size) {
    const bounds = (this.bounds[quantity] ??= new Bounds());
    for (const lane of lanes) {
      for (const value of profile.lanes[lane.index][quantity]) {
        if (value < FLOAT32_LOG10) bounds.grow(LOST, FLOAT32_LOG10);
        else if (Number.isFinite(value)) bounds.grow(Math.floor(value), Math.ceil(value));
      }
    }
    const [low, high] = bounds.grow(Infinity, -Infinity);
    // Room for a name under the lowest curve; noise within a decade must look like noise.
    const decades = Math.max(high - low, 2);
    const room = (2 * size.font) / (size.height - size.top - size.bottom);
    return [low - Math.max(1, Math.ceil(decades * room)), low + decades];
  }
}
