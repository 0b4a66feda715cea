// Heat maps: a quantity over depth and time, and the gates and outputs of highway lanes.

import { axis, baseLayout, Bounds, powerTicks } from "./chart.js";
import { axisOf, FLOAT32_LOG10, QUANTITIES } from "./words.js";

const SEQUENTIAL = "Cividis";

/** Orange through the card's own colour to purple: zero fades into the background. */
function diverging(theme) {
  const ends = theme.dark ? ["#F1A340", "#B2A1E8"] : ["#B35806", "#542788"];
  return [[0, ends[0]], [0.5, theme.card], [1, ends[1]]];
}

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

/** The layers' depths where they grow strictly, else plain counting. */
function layerAxis(where) {
  const depths = where.map((at) => at[1]);
  const fits = depths.every((depth, i) => !i || depth > depths[i - 1]);
  const y = fits ? depths : depths.map((_, i) => i + 1);
  return { y, range: [y[0] - 0.5, y[y.length - 1] + 0.5] };
}

/** Side by side while there is room, else one under the other. */
function places(count, size) {
  const columns = [count, Math.min(2, count)].find((fits) => size.width / fits >= 320) ?? 1;
  return { columns, rows: Math.ceil(count / columns) };
}

/** Gives `count` small multiples their axes; `suffix` of the i-th is "" or i + 1. */
function multiples(layout, count, size, theme, titles) {
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
  constructor() { this.bounds = {}; }

  draw(view) {
    const { history, lanes, theme, size, quantity, limit } = view;
    const shown = lanes.filter((lane) => !lane.hidden);
    const last = history.bin(Math.max(0, Math.min(limit, history.step)));
    const grids = shown.map((lane) => this.grid(history, lane, quantity, last));
    const [low, high] = this.range(history, lanes, quantity, last);
    const margin = { l: size.font * 3.8, r: size.font * 6, t: size.font * 1.9, b: size.font * 3.4 };
    const layout = baseLayout(theme, size, margin);
    const width = history.total / history.bins;
    multiples(layout, Math.max(1, shown.length), size, theme, shown.map((lane) => {
      return {
        text: lane.label,
        ink: lane.ink,
        x: "step",
        y: "layer (1 = nearest the input)",
        xaxis: { range: [0, history.total] },
        yaxis: { range: layerAxis(axisOf(lane.track, quantity)).range },
      };
    }));
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

  /** Rows are layers, columns are bars of time; a bar without a profile shows the one before. */
  grid(history, lane, quantity, last) {
    const depth = axisOf(lane.track, quantity).length;
    const rows = Array.from({ length: depth }, () => new Array(history.bins).fill(null));
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

export class GatesFigure {
  constructor() { this.most = {}; }

  draw(view) {
    const { theme, size, lane, maps } = view;
    const margin = { l: size.font * 3.8, r: size.font * 4, t: size.font * 1.9, b: size.font * 3.4 };
    const layout = baseLayout(theme, size, margin);
    const most = this.scale(lane, maps);
    const layers = layerAxis(lane.track.gates);
    const shared = {
      ink: lane.ink,
      x: "cell",
      y: "layer (1 = nearest the input)",
      xaxis: { range: [0.5, maps.cells + 0.5] },
      yaxis: { range: layers.range },
    };
    const titles = [
      { ...shared, text: `${lane.label}: gate T` },
      { ...shared, text: `${lane.label}: block outputs` },
    ];
    multiples(layout, 2, { ...size, width: Math.max(size.width, 640) }, theme, titles);
    this.makeRoom(layout, size);
    const output = (value) => maps.low + (value / 255) * (maps.high - maps.low);
    const [gate, stripes] = [this.rows(maps, maps.gate, (v) => v / 255),
      this.rows(maps, maps.output, output)];
    const trace = (z, i, name, more) => ({
      z, x0: 1, dx: 1, y: layers.y, type: "heatmap", zsmooth: false, ...more,
      xaxis: `x${i ? 2 : ""}`,
      yaxis: `y${i ? 2 : ""}`,
      hovertemplate: `layer %{y}, cell %{x}<br>${name} = %{z:.3f}<extra></extra>`,
    });
    const [one, two] = [layout.xaxis.domain[1], layout.xaxis2.domain[1]];
    return {
      layout,
      traces: [
        trace(gate, 0, "T", {
          zmin: 0, zmax: 1, colorscale: SEQUENTIAL,
          colorbar: colourBar(theme, size, "", { x: one + 0.004, tickvals: [0, 0.5, 1] }),
        }),
        trace(stripes, 1, "output", {
          zmin: -most, zmax: most, colorscale: diverging(theme),
          colorbar: colourBar(theme, size, "", { x: two + 0.004, tickvals: [-most, 0, most] }),
        }),
      ],
    };
  }

  /** The left map's colour bar stands between the two maps. */
  makeRoom(layout, size) {
    const bar = (size.font * 3.2) / (size.width - layout.margin.l - layout.margin.r);
    layout.xaxis.domain = [0, 0.5 - bar * 1.25];
    layout.xaxis2.domain = [0.5 + bar * 0.35, 1];
    layout.annotations[1].x = layout.xaxis2.domain[0];
  }

  rows(maps, bytes, value) {
    return Array.from({ length: maps.gates }, (_, gate) =>
      Array.from(bytes.subarray(gate * maps.cells, (gate + 1) * maps.cells), value));
  }

  /** The outputs' scale: symmetric, 1, 2 or 5 times a power of ten, and it only grows. */
  scale(lane, maps) {
    const seen = Math.max(Math.abs(maps.low), Math.abs(maps.high), 1e-9);
    const decade = 10 ** Math.floor(Math.log10(seen));
    const most = [1, 2, 5, 10].map((mark) => mark * decade).find((mark) => mark >= seen * 0.999);
    this.most[lane.index] = Math.max(most, this.most[lane.index] ?? 0);
    return this.most[lane.index];
  }
}
