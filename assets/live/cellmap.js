// One heat map of layers × cells on a canvas: axes, colour bar, and a cross under the pointer.
// Pixels are written straight into an image: a step is drawn in a millisecond, however deep the net.

import { element } from "./cards.js";
import { paint, wordOf } from "./scales.js";
import { pen } from "./theme.js";

/** @import { Scale } from "./scales.js" */
/** @import { Theme } from "./theme.js" */

/** @typedef {[row: number, column: number]} Cell */
/** @typedef {{scale: Scale, colours: Uint32Array, title: string, note: string}} Look */

/**
 * What a map is laid out for.
 * @typedef {object} Shape
 * @property {number} width  room for it, in pixels
 * @property {number} height
 * @property {number} units  rows
 * @property {number} cells  columns
 * @property {number[]} depths  of the rows
 * @property {Theme} theme
 * @property {boolean} first  the first one of a row of maps: the layers are named
 */

/** @typedef {(text: string | number, x: number, y: number, align: CanvasTextAlign,
 *   base: CanvasTextBaseline) => void} Write */

export class CellMap {
  /**
   * @param {string} name
   * @param {(at: Cell | null) => void} onPoint  is told where the pointer is; null when it leaves
   */
  constructor(name, onPoint) {
    /** @type {(Shape & Look) | null} */
    this.laid = null;
    this.key = "";
    /** @type {Cell | null} */
    this.at = null;
    this.size = { width: 0, height: 0 };
    this.area = { left: 0, top: 4, font: 0, dpr: 1, width: 0, height: 0 };
    /** @type {{picture: ImageData, words: Uint32Array} | null} */
    this.painted = null;
    this.heading = element("figcaption", {});
    this.frame = element("canvas", { "aria-hidden": "true" });
    this.heat = element("canvas", { "aria-hidden": "true" });
    this.cross = element("canvas", { "aria-hidden": "true" });
    this.layers = [this.frame, this.heat, this.cross];
    this.tip = element("output", { class: "sv-tip", hidden: "" });
    this.vacant = element("p", { class: "sv-none", hidden: "" });
    this.stage = element("div", {
      class: "sv-cells", tabindex: 0, role: "img", "aria-label": `${name}: no data yet`,
      "data-map": name,
    }, ...this.layers, this.vacant, this.tip);
    this.box = element("figure", {}, this.heading, this.stage);
    this.image = document.createElement("canvas");
    this.onPoint = onPoint;
    this.stage.addEventListener("pointermove", (event) => this.pointed(event));
    this.stage.addEventListener("pointerleave", () => onPoint(null));
    this.stage.addEventListener("blur", () => onPoint(null));
    this.stage.addEventListener("keydown", (event) => this.pressed(event));
  }

  /**
   * Takes the shape and looks of what is to come; draws axes and colour bar where they changed.
   * @param {Shape & Look} laid
   */
  lay(laid) {
    const { width, height, units, cells, theme, scale, title, note, first } = laid;
    const key = JSON.stringify([width, height, units, cells, scale.ticks, title, note, first,
      theme.dark, theme.text, theme.size, devicePixelRatio]);
    this.laid = laid;
    if (key === this.key) return;
    this.key = key;
    this.heading.replaceChildren(element("b", {}, title), element("span", {}, note));
    this.measure(laid);
    this.drawFrame(laid);
    this.painted = null;
  }

  /**
   * Whole screen pixels for every cell, none wider than another, where that wastes little room.
   * @param {Shape} shape
   */
  measure({ width, height, units, cells, theme, first }) {
    const dpr = devicePixelRatio || 1, font = Math.round(theme.size * 0.8);
    const left = Math.round(font * (first ? 2.9 : 2)), bottom = Math.round(font * 4.6);
    const fit = (/** @type {number} */ room, /** @type {number} */ count) => {
      const pixels = Math.floor(room * dpr), whole = Math.floor(pixels / count) * count;
      return (whole > 0.9 * pixels ? whole : pixels) / dpr;
    };
    this.area = {
      left, top: 4, font, dpr,
      width: fit(width - Math.round(font * 3.1), cells),
      height: fit(height - bottom - 4, units),
    };
    this.size = { width, height: Math.round(this.area.height + bottom + 4) };
    this.stage.style.height = `${this.size.height}px`;
    for (const layer of this.layers) {
      layer.width = Math.round(this.size.width * dpr);
      layer.height = Math.round(this.size.height * dpr);
      Object.assign(layer.style, {
        width: `${this.size.width}px`, height: `${this.size.height}px`,
      });
      pen(layer).setTransform(dpr, 0, 0, dpr, 0, 0);
    }
  }

  /** @param {Shape & Look} laid */
  drawFrame(laid) {
    const { left, top, width, height, font } = this.area;
    const { theme, depths, units, cells } = laid, ink = pen(this.frame);
    ink.clearRect(0, 0, this.size.width, this.size.height);
    ink.font = `${font}px ${theme.family}`;
    ink.fillStyle = theme.text;
    ink.strokeStyle = theme.muted;
    ink.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
    /** @type {Write} */
    const write = (text, x, y, align, base) => {
      Object.assign(ink, { textAlign: align, textBaseline: base });
      ink.fillText(String(text), x, y);
    };
    for (const row of marks(depths, Math.floor(height / (font * 2.2)))) {
      const y = top + ((row + 0.5) * height) / units;
      write(depths[row], left - 5, y, "right", row ? "middle" : "top");
    }
    const places = Array.from({ length: cells }, (_, cell) => cell + 1);
    for (const column of marks(places, 5)) {
      const x = left + ((column + 0.5) * width) / cells;
      if (x > left + width - font * 3) continue;
      write(column + 1, x, top + height + 5, column ? "center" : "left", "top");
    }
    ink.fillStyle = theme.muted;
    write("cell", left + width, top + height + 5, "right", "top");
    if (laid.first) {
      ink.save();
      ink.translate(font * 0.2, top + height / 2);
      ink.rotate(-Math.PI / 2);
      write("layer", 0, 0, "center", "top");
      ink.restore();
    }
    this.drawBar(ink, write, laid);
  }

  /**
   * @param {CanvasRenderingContext2D} ink
   * @param {Write} write
   * @param {Shape & Look} laid
   */
  drawBar(ink, write, { colours, scale, theme }) {
    const { left, top, width, height, font } = this.area;
    const y = top + height + font * 1.9, thick = Math.round(font * 0.75);
    const fill = ink.createLinearGradient(left, 0, left + width, 0);
    for (let i = 0; i < 256; i += 5) {
      const word = colours[i];
      fill.addColorStop(i / 255, `rgb(${word & 255},${(word >> 8) & 255},${(word >> 16) & 255})`);
    }
    ink.fillStyle = fill;
    ink.fillRect(left, y, width, thick);
    ink.strokeStyle = theme.grid;
    ink.strokeRect(left + 0.5, y + 0.5, width - 1, thick - 1);
    ink.fillStyle = theme.text;
    for (const [at, text] of scale.ticks) {
      const align = at < 0.02 ? "left" : at > 0.98 ? "right" : "center";
      write(text, left + at * width, y + thick + 4, align, "top");
    }
  }

  /**
   * Draws values on the scale laid before.
   * @param {Float32Array | null} values  units × cells; null leaves the map empty
   * @param {number[] | null} order  of the cells
   * @param {string} none  why it is empty
   */
  show(values, order, none) {
    this.vacant.hidden = Boolean(values);
    this.vacant.textContent = values ? "" : none;
    Object.assign(this.vacant.style, {
      left: `${this.area.left}px`, width: `${this.area.width}px`, height: `${this.area.height}px`,
    });
    const { left, top, width, height } = this.area;
    const ink = pen(this.heat);
    if (!values || !this.laid) {
      ink.clearRect(0, 0, this.size.width, this.size.height);
      return;
    }
    const { cells, units, colours, scale, theme } = this.laid;
    if (!this.painted) {
      Object.assign(this.image, { width: cells, height: units });
      const picture = new ImageData(cells, units);
      this.painted = { picture, words: new Uint32Array(picture.data.buffer) };
    }
    const look = { place: scale.place, colours, order, none: wordOf(theme.grid) };
    paint(this.painted.words, values, cells, look);
    pen(this.image).putImageData(this.painted.picture, 0, 0);
    ink.imageSmoothingEnabled = height * this.area.dpr < units || width * this.area.dpr < cells;
    ink.drawImage(this.image, left, top, width, height);
  }

  /**
   * A frame around one cell, and beside the map that is pointed at what it says.
   * @param {Cell | null} at
   * @param {string} text
   */
  point(at, text = "") {
    const ink = pen(this.cross);
    ink.clearRect(0, 0, this.size.width, this.size.height);
    this.tip.hidden = !at || !text;
    if (!at || !this.laid) return;
    const { left, top, width, height } = this.area;
    const wide = width / this.laid.cells, high = height / this.laid.units;
    const x = left + at[1] * wide, y = top + at[0] * high;
    ink.strokeStyle = this.laid.theme.text;
    ink.lineWidth = 1.5;
    ink.strokeRect(x - 2, y - 2, wide + 4, high + 4);
    if (!text) return;
    this.tip.textContent = text;
    const room = x + wide + 8 + this.tip.offsetWidth <= this.size.width;
    this.tip.style.left = `${room ? x + wide + 8 : x - 8 - this.tip.offsetWidth}px`;
    this.tip.style.top = `${Math.min(y, top + height - 30)}px`;
  }

  /** @param {PointerEvent} event */
  pointed(event) {
    if (!this.laid) return;
    const { cells, units } = this.laid;
    const { left, top, width, height } = this.area, from = this.stage.getBoundingClientRect();
    const column = Math.floor(((event.clientX - from.left - left) * cells) / width);
    const row = Math.floor(((event.clientY - from.top - top) * units) / height);
    const inside = row >= 0 && row < units && column >= 0 && column < cells;
    this.at = inside ? [row, column] : null;
    this.onPoint(this.at);
  }

  /**
   * Arrow keys move the cross, for those without a mouse.
   * @param {KeyboardEvent} event
   */
  pressed(event) {
    /** @type {Record<string, Cell>} */
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const move = moves[event.key];
    if (!move || !this.laid) return;
    event.preventDefault();
    const [row, column] = this.at ?? [0, 0];
    const clip = (/** @type {number} */ value, /** @type {number} */ count) =>
      Math.max(0, Math.min(count - 1, value));
    this.at = [clip(row + move[0], this.laid.units), clip(column + move[1], this.laid.cells)];
    this.onPoint(this.at);
  }
}

/**
 * Where numbers that grow are the first one or round: about `most` places.
 * @param {number[]} numbers
 * @param {number} most
 */
function marks(numbers, most) {
  const span = numbers[numbers.length - 1] - numbers[0];
  const apart = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((n) => span / n <= Math.max(1, most));
  const clear = numbers[0] + (apart ?? span) * 0.6;
  return numbers.flatMap((number, i) =>
    (!i || (number > clear && number % (apart ?? 1000) === 0) ? [i] : []));
}
