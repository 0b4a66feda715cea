// The nets of a run as one SVG: laid out once for a width, then only coloured.

import { deepest, netRow } from "./netrow.js";
import { sequentialCss, sequentialStops } from "./scales.js";

/** @import { NetPart, Track } from "./messages.js" */
/** @import { Box } from "./netrow.js" */
/** @import { Lane, Theme } from "./theme.js" */

/**
 * @typedef {object} Plan
 * @property {Lane[]} lanes  those that are shown
 * @property {NetPart[][]} nets  of all lanes
 * @property {Track[]} tracks  of all lanes: the axis is as long as the deepest
 * @property {Theme} theme
 * @property {number} width  in pixels
 * @property {number} font  in pixels
 * @property {number} [unit]  how high a unit is, in pixels; default: fitting the font
 * @property {string} id  of this drawing, for what its elements point at
 */

/** @typedef {{box: Box, lane: Lane, halves: SVGRectElement[], colours: string[]}} Cell */

const SVG = "http://www.w3.org/2000/svg";
const UNIT_PX = 40, ARC_PX = 17, SIDE_PX = 8;

/**
 * A new SVG element with these attributes.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 */
export function svg(tag, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text) made.textContent = text;
  return made;
}

export class NetDrawing {
  /** @param {Plan} plan */
  constructor(plan) {
    this.plan = plan;
    const { lanes, tracks, theme, width, font } = plan;
    this.space = { left: SIDE_PX, width: width - 2 * SIDE_PX, depth: deepest(tracks) };
    this.unit = plan.unit ?? Math.round(UNIT_PX * Math.max(1, font / 16));
    this.root = svg("svg", {
      width, "font-family": theme.family, "font-size": font, fill: theme.text, role: "img",
    });
    /** @type {Cell[]} */
    this.cells = [];
    /** @type {SVGTextElement[]} the numbers beside the lanes' names */
    this.says = [];
    this.most = 1; // units in one box
    let top = 0;
    for (const lane of lanes) top = this.addLane(lane, top);
    this.legend = svg("g");
    top = this.addFoot(top);
    this.root.setAttribute("height", String(top));
    this.root.setAttribute("viewBox", `0 0 ${width} ${top}`);
    this.height = top;
  }

  /**
   * A lane's name, and under it its net; where the next one begins.
   * @param {Lane} lane
   * @param {number} top
   */
  addLane(lane, top) {
    const { font, width, theme, nets } = this.plan, base = top + font * 1.05;
    const name = svg("text", { x: SIDE_PX, y: base, fill: lane.ink, "font-weight": 700 }, lane.label);
    const says = svg("text", {
      x: width - SIDE_PX, y: base, fill: theme.muted, "text-anchor": "end",
    });
    this.says.push(says);
    const row = netRow(lane.track, nets[lane.index], this.space);
    this.most = Math.max(this.most, row.most);
    const arcs = row.boxes.some((box) => box.around) ? ARC_PX : 5;
    const y = Math.round(base + font * 0.35 + arcs), middle = y + this.unit / 2;
    const last = lane.track.layers[lane.track.layers.length - 1]?.[1] ?? 0;
    const end = this.space.left + (last * this.space.width) / this.space.depth;
    this.root.append(name, says, svg("path", {
      d: `M${SIDE_PX} ${middle}H${end}`, stroke: theme.muted, "stroke-width": 1.5,
    }));
    this.addHead(row.end, end, y);
    for (const box of row.boxes) this.addBox(box, lane, y);
    return y + this.unit + font * 0.6;
  }

  /**
   * The classifier: nothing is measured behind it.
   * @param {number} from
   * @param {number} to
   * @param {number} y
   */
  addHead(from, to, y) {
    if (to - from < 2) return;
    const { theme } = this.plan;
    this.root.append(svg("rect", {
      x: from + 2, y: y + this.unit * 0.25, width: to - from - 2, height: this.unit / 2,
      fill: theme.card, stroke: theme.muted, "stroke-dasharray": "3 2",
    }));
  }

  /**
   * @param {Box} box
   * @param {Lane} lane
   * @param {number} y
   */
  addBox(box, lane, y) {
    const { theme } = this.plan, { unit } = this, { left, width } = box;
    const several = box.to - box.from > 1, rx = several ? 0 : Math.min(3, width / 4);
    const half = { x: left, width, fill: theme.card, rx };
    const halves = several
      ? [svg("rect", { ...half, y, height: unit / 2 }),
        svg("rect", { ...half, y: y + unit / 2, height: unit / 2 })]
      : [svg("rect", { ...half, y, height: unit })];
    for (const rect of halves) rect.dataset.cell = String(this.cells.length);
    this.cells.push({ box, lane, halves, colours: halves.map(() => theme.card) });
    this.root.append(...halves, svg("rect", {
      x: left, y, width, height: unit, rx, fill: "none", stroke: theme.muted,
      "stroke-width": width > 4 ? 1 : 0.4, "pointer-events": "none",
    }));
    this.addShortcut(box, lane, y);
  }

  /**
   * What leads around a unit's layers, and the circle in which it meets what they made.
   * @param {Box} box
   * @param {Lane} lane
   * @param {number} y
   */
  addShortcut({ around, join, part, radius, width }, lane, y) {
    const { theme } = this.plan, middle = y + this.unit / 2, high = y - ARC_PX * 1.2;
    if (around) {
      const [start, end] = around, foot = join === null ? y : middle - radius;
      const begin = join === null ? y : middle;
      this.root.append(svg("path", {
        d: `M${start} ${begin}C${start} ${high} ${end} ${high} ${end} ${foot}`, fill: "none",
        stroke: lane.colour, "stroke-width": width > 8 ? 2 : 1.2,
        ...(part.shortcut === "projection" ? { "stroke-dasharray": "4 2.5" } : {}),
      }));
    }
    if (join === null) return;
    this.root.append(
      svg("circle", {
        cx: join, cy: middle, r: radius, fill: theme.card, stroke: lane.colour,
        "stroke-width": 1.6,
      }),
      svg("text", {
        x: join, y: middle + radius * 0.62, "text-anchor": "middle", "font-size": radius * 1.8,
        fill: lane.ink,
      }, part.joins.split(" ").pop() ?? ""),
    );
  }

  /**
   * The axis of the layers, which way leads where, and room for the legend.
   * @param {number} top
   */
  addFoot(top) {
    const { theme, font, width } = this.plan, { left, depth } = this.space;
    const apart = tickDistance(depth, (this.space.width / (font * 2.6)));
    const small = { fill: theme.muted, "font-size": font * 0.92 }, base = top + font * 0.9;
    const middle = { ...small, y: base, "text-anchor": "middle" };
    for (let layer = apart; layer <= depth; layer += apart) {
      const x = left + ((layer - 0.5) * this.space.width) / depth;
      this.root.append(svg("text", { ...middle, x: Math.min(x, width - font) }, String(layer)));
    }
    if (apart > 1) {
      const first = Math.max(font * 0.3, left + (0.5 * this.space.width) / depth);
      this.root.append(svg("text", { ...middle, x: first }, "1"));
    }
    const next = base + font * 1.35;
    this.root.append(
      svg("text", { ...small, x: left, y: next }, "input"),
      svg("text", { ...small, x: width / 2, y: next, "text-anchor": "middle" },
        width > font * 42 ? "layer (1 = nearest the input)" : "layer"),
      svg("text", { ...small, x: width - left, y: next, "text-anchor": "end" }, "loss"),
      this.legend,
    );
    this.legendTop = next + font * 0.9;
    return this.legendTop + font * 1.9;
  }

  /**
   * The one scale of all lanes.
   * @param {string} title
   * @param {[place: number, text: string][]} ticks
   */
  showLegend(title, ticks) {
    const key = title + JSON.stringify(ticks);
    if (this.legend.dataset.key === key) return;
    this.legend.dataset.key = key;
    const { id, width, font, theme } = this.plan, y = this.legendTop ?? 0;
    const long = Math.min(width * 0.42, font * 20), x = width - SIDE_PX - font - long;
    const gradient = svg("linearGradient", { id: `${id}-scale` });
    sequentialStops.forEach((colour, i) => gradient.append(svg("stop", {
      offset: i / (sequentialStops.length - 1), "stop-color": colour,
    })));
    const small = { fill: theme.muted, "font-size": font * 0.92 };
    this.legend.replaceChildren(gradient,
      svg("text", { ...small, x: x - font, y: y + font * 0.75, "text-anchor": "end" }, title),
      svg("rect", { x, y, width: long, height: font * 0.8, fill: `url(#${id}-scale)`, stroke: theme.muted }),
      ...ticks.map(([place, text]) => svg("text", {
        ...small, x: x + place * long, y: y + font * 1.75, "text-anchor": "middle",
      }, text)));
  }

  /**
   * Colours one cell: from its lowest unit (below) to its highest.
   * @param {Cell} cell
   * @param {(number | null)[]} places  on the scale, 0 to 1; the highest first; null for no colour
   */
  colour(cell, places) {
    cell.halves.forEach((rect, i) => {
      const at = places[Math.min(i, places.length - 1)];
      const css = at === null || Number.isNaN(at) ? this.plan.theme.grid
        : sequentialCss[Math.round(255 * Math.max(0, Math.min(1, at)))];
      if (css === cell.colours[i]) return;
      cell.colours[i] = css;
      rect.setAttribute("fill", css);
    });
  }
}

/**
 * Layers between two numbers on the axis.
 * @param {number} depth
 * @param {number} most  numbers that there is room for
 */
function tickDistance(depth, most) {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500];
  return steps.find((step) => depth / step <= most) ?? 1000;
}
