// Heat maps of a quantity over depth and time.

import { axis, baseLayout, Bounds, powerTicks } from "./chart.js";
import { axisOf, FLOAT32_LOG10, QUANTITIES } from "./words.js";

/** @import { FigureView, Layout, Size } from "./chart.js" */
/** @import { History } from "./history.js" */
/** @import { Axis, Quantity } from "./messages.js" */
/** @import { Lane, Theme } from "./theme.js" */

const SEQUENTIAL = "Cividis";

/**
 * @param {Theme} theme
 * @param {Size} size
 * @param {string} title
 * @param {Layout} more
 */
function colourBar(theme, size, title, more) {
  return {
    title: { text: title, side: "right", font: { size: size.font * 0.92, color: theme.muted } },
    thickness: 14,
    outlinewidth: 0,
    len: 1,
    x: 1.01,
    xpad: 4,
    tickfont: { size: size.font * 0.92, color: theme.text },
    ...more,
  };
}

/**
 * The layers' depths where they grow strictly, else plain counting.
 * @param {Axis} where
 */
function layerAxis(where) {
  const depths = where.map((at) => at[1]);
  const fits = depths.every((depth, i) => !i || depth > depths[i - 1]);
  const y = fits ? depths : depths.map((_, i) => i + 1);
  return { y, range: [y[0] - 0.5, y[y.length - 1] + 0.5] };
}

/**
 * Side by side while there is room, else one under the other.
 * @param {number} count
 * @param {Size} size
 */
function places(count, size) {
  const columns = [count, Math.min(2, count)].find((fits) => size.width / fits >= 320) ?? 1;
  return { columns, rows: Math.ceil(count / columns) };
}

/** @typedef {{text: string, ink: string, x: string, y: string, xaxis: Layout, yaxis: Layout}} Title */

/**
 * Gives small multiples their axes; `suffix` of the i-th is "" or i + 1.
 * @param {Layout} layout
 * @param {Size} size
 * @param {Theme} theme
 * @param {Title[]} titles
 */
function multiples(layout, size, theme, titles) {
  const count = titles.length;
  if (!count) {
    Object.assign(layout, { xaxis: { visible: false }, yaxis: { visible: false } });
    return;
  }
  const { columns, rows } = places(count, size);
  const wide = size.width - layout.margin.l - layout.margin.r;
  const high = size.height * rows - layout.margin.t - layout.margin.b;
  const gapX = (size.font * 3.6) / wide, gapY = (size.font * 5) / high;
  const width = (1 - gapX * (columns - 1)) / columns;
  const height = (1 - gapY * (rows - 1)) / rows;
  layout.height = size.height * rows;
  layout.annotations = [];
  const frame = { showgrid: false, showline: true, mirror: true, linecolor: theme.grid };
  for (let i = 0; i < count; i += 1) {
    const left = (i % columns) * (width + gapX);
    const top = 1 - Math.floor(i / columns) * (height + gapY);
    const suffix = i ? String(i + 1) : "";
    layout[`xaxis${suffix}`] = axis(theme, size, titles[i].x, {
      ...titles[i].xaxis, domain: [left, left + width], anchor: `y${suffix}`, ...frame,
    });
    layout[`yaxis${suffix}`] = axis(theme, size, i % columns ? "" : titles[i].y, {
      ...titles[i].yaxis, domain: [top - height, top], anchor: `x${suffix}`, ...frame,
    });
    layout.annotations.push({
      xref: "paper", yref: "paper", x: left, y: top, xanchor: "left", yanchor: "bottom",
      yshift: 4, showarrow: false, text: `<b>${titles[i].text}</b>`,
      font: { size: size.font, color: titles[i].ink },
    });
  }
}

export class HeatFigure {
  constructor() {
    /** @type {Partial<Record<Quantity, Bounds>>} */
    this.bounds = {};
  }

  /** @param {FigureView} view */
  draw(view) {
    const { history, lanes, theme, size, quantity, limit } = view;
    const shown = lanes.filter((lane) => !lane.hidden);
    const last = history.bin(Math.max(0, Math.min(limit, history.step)));
    const grids = shown.map((lane) => this.grid(history, lane, quantity, last));
    const [low, high] = this.range(history, lanes, quantity, last);
    const margin = { l: size.font * 3.8, r: size.font * 6, t: size.font * 1.9, b: size.font * 3.4 };
    const layout = baseLayout(theme, size, margin);
    const width = history.total / history.bins;
    multiples(layout, size, theme, shown.map((lane) => ({
      text: lane.label,
      ink: lane.ink,
      x: "step",
      y: "layer (1 = nearest the input)",
      xaxis: { range: [0, history.total] },
      yaxis: { range: layerAxis(axisOf(lane.track, quantity)).range },
    })));
    layout.coloraxis = {
      cmin: low, cmax: high, colorscale: SEQUENTIAL,
      colorbar: colourBar(theme, size, QUANTITIES[quantity].axis, powerTicks([low, high], 6)),
    };
    const traces = shown.map((lane, i) => ({
      z: grids[i],
      x0: width / 2,
      dx: width,
      y: layerAxis(axisOf(lane.track, quantity)).y,
      type: "heatmap",
      coloraxis: "coloraxis",
      zsmooth: false,
      hoverongaps: false,
      xaxis: `x${i ? i + 1 : ""}`,
      yaxis: `y${i ? i + 1 : ""}`,
      hovertemplate: `<b>${lane.label}</b>, layer %{y}, step %{x:.0f}<br>10^%{z:.2f}`
        + "<extra></extra>",
    }));
    return { traces, layout };
  }

  /**
   * Rows are layers, columns are bars of time; a bar without a profile shows the one before.
   * @param {History} history
   * @param {Lane} lane
   * @param {Quantity} quantity
   * @param {number} last
   */
  grid(history, lane, quantity, last) {
    const depth = axisOf(lane.track, quantity).length;
    /** @type {(number | null)[][]} */
    const rows = Array.from({ length: depth }, () => new Array(history.bins).fill(null));
    /** @type {Float32Array | null} */
    let held = null;
    for (let bin = 0; bin <= last; bin += 1) {
      held = history.columns[bin]?.lanes[lane.index][quantity] ?? held;
      if (!held) continue;
      for (let layer = 0; layer < depth; layer += 1) {
        const value = held[layer];
        rows[layer][bin] = Number.isNaN(value) ? null : Math.max(value, FLOAT32_LOG10 - 1);
      }
    }
    return rows;
  }

  /**
   * @param {History} history
   * @param {Lane[]} lanes
   * @param {Quantity} quantity
   * @param {number} last
   */
  range(history, lanes, quantity, last) {
    const bounds = (this.bounds[quantity] ??= new Bounds());
    for (const column of history.columns.slice(0, last + 1)) {
      if (!column) continue;
      for (const lane of lanes) {
        for (const value of column.lanes[lane.index][quantity]) {
          // What is 0 or too small for float32 is drawn darkest and does not stretch the scale.
          if (value < FLOAT32_LOG10 || !Number.isFinite(value)) continue;
          bounds.grow(Math.floor(value), Math.ceil(value));
        }
      }
    }
    const [low, high] = bounds.grow(Infinity, -Infinity);
    return [low, Math.max(high, low + 1)];
  }
}
