// One heat map of layers × cells on a canvas: axes, colour bar, and a cross under the pointer.
// Pixels are written straight into an image: a step is drawn in a millisecond, however deep the net.

import { element } from "./cards.js";
import { paint, wordOf } from "./scales.js";

const layers = ["frame", "heat", "cross"];

export class CellMap {
  /** `onPoint(row, column)` is told where the pointer is; null when it leaves. */
  constructor(name, onPoint) {
    this.heading = element("figcaption", {});
    for (const layer of layers) this[layer] = element("canvas", { "aria-hidden": "true" });
    this.tip = element("output", { class: "sv-tip", hidden: "" });
    this.vacant = element("p", { class: "sv-none", hidden: "" });
    this.stage = element("div", {
      class: "sv-cells", tabindex: 0, role: "img", "data-map": name,
    }, ...layers.map((layer) => this[layer]), this.vacant, this.tip);
    this.box = element("figure", {}, this.heading, this.stage);
    this.image = document.createElement("canvas");
    this.onPoint = onPoint;
    this.stage.addEventListener("pointermove", (event) => this.pointed(event));
    this.stage.addEventListener("pointerleave", () => onPoint(null));
    this.stage.addEventListener("blur", () => onPoint(null));
    this.stage.addEventListener("keydown", (event) => this.pressed(event));
  }

  /** Takes the shape and looks of what is to come; draws axes and colour bar where they changed. */
  lay({ width, height, units, cells, depths, theme, scale, colours, title, note, first }) {
    const key = JSON.stringify([width, height, units, cells, scale.ticks, title, note, first,
      theme.dark, theme.text, theme.size, devicePixelRatio]);
    Object.assign(this, { units, cells, depths, theme, scale, colours });
    if (key === this.key) return;
    this.key = key;
    this.heading.replaceChildren(element("b", {}, title), element("span", {}, note));
    this.measure(width, height, first);
    this.drawFrame(first);
    this.words = null;
  }

  /** Whole screen pixels for every cell, none wider than another, where that wastes little room. */
  measure(width, height, first) {
    const dpr = devicePixelRatio || 1, font = Math.round(this.theme.size * 0.8);
    const left = Math.round(font * (first ? 2.9 : 2)), bottom = Math.round(font * 4.6);
    const fit = (room, count) => {
      const pixels = Math.floor(room * dpr), whole = Math.floor(pixels / count) * count;
      return (whole > 0.9 * pixels ? whole : pixels) / dpr;
    };
    this.area = {
      left, top: 4, font, dpr,
      width: fit(width - Math.round(font * 3.1), this.cells),
      height: fit(height - bottom - 4, this.units),
    };
    this.size = { width, height: Math.round(this.area.height + bottom + 4) };
    this.stage.style.height = `${this.size.height}px`;
    for (const layer of layers) {
      this[layer].width = Math.round(this.size.width * dpr);
      this[layer].height = Math.round(this.size.height * dpr);
      Object.assign(this[layer].style, {
        width: `${this.size.width}px`, height: `${this.size.height}px`,
      });
      this[layer].getContext("2d").setTransform(dpr, 0, 0, dpr, 0, 0);
    }
  }

  drawFrame(first) {
    const { left, top, width, height, font } = this.area;
    const pen = this.frame.getContext("2d");
    pen.clearRect(0, 0, this.size.width, this.size.height);
    pen.font = `${font}px ${this.theme.family}`;
    pen.fillStyle = this.theme.text;
    pen.strokeStyle = this.theme.muted;
    pen.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
    const write = (text, x, y, align, base) => {
      Object.assign(pen, { textAlign: align, textBaseline: base });
      pen.fillText(text, x, y);
    };
    for (const row of marks(this.depths, Math.floor(height / (font * 2.2)))) {
      const y = top + ((row + 0.5) * height) / this.units;
      write(this.depths[row], left - 5, y, "right", row ? "middle" : "top");
    }
    const places = Array.from({ length: this.cells }, (_, cell) => cell + 1);
    for (const column of marks(places, 5)) {
      const x = left + ((column + 0.5) * width) / this.cells;
      if (x > left + width - font * 3) continue;
      write(column + 1, x, top + height + 5, column ? "center" : "left", "top");
    }
    pen.fillStyle = this.theme.muted;
    write("cell", left + width, top + height + 5, "right", "top");
    if (first) {
      pen.save();
      pen.translate(font * 0.2, top + height / 2);
      pen.rotate(-Math.PI / 2);
      write("layer", 0, 0, "center", "top");
      pen.restore();
    }
    this.drawBar(pen, write);
  }

  drawBar(pen, write) {
    const { left, top, width, height, font } = this.area;
    const y = top + height + font * 1.9, thick = Math.round(font * 0.75);
    const fill = pen.createLinearGradient(left, 0, left + width, 0);
    for (let i = 0; i < 256; i += 5) {
      const word = this.colours[i];
      fill.addColorStop(i / 255, `rgb(${word & 255},${(word >> 8) & 255},${(word >> 16) & 255})`);
    }
    pen.fillStyle = fill;
    pen.fillRect(left, y, width, thick);
    pen.strokeStyle = this.theme.grid;
    pen.strokeRect(left + 0.5, y + 0.5, width - 1, thick - 1);
    pen.fillStyle = this.theme.text;
    for (const [at, text] of this.scale.ticks) {
      const align = at < 0.02 ? "left" : at > 0.98 ? "right" : "center";
      write(text, left + at * width, y + thick + 4, align, "top");
    }
  }

  /** Draws values (units × cells) on the scale laid before; null leaves the map empty. */
  show(values, order, none) {
    this.vacant.hidden = Boolean(values);
    this.vacant.textContent = values ? "" : none;
    Object.assign(this.vacant.style, {
      left: `${this.area.left}px`, width: `${this.area.width}px`, height: `${this.area.height}px`,
    });
    const { left, top, width, height } = this.area;
    const pen = this.heat.getContext("2d");
    if (!values) {
      pen.clearRect(0, 0, this.size.width, this.size.height);
      return;
    }
    if (!this.words) {
      Object.assign(this.image, { width: this.cells, height: this.units });
      this.picture = new ImageData(this.cells, this.units);
      this.words = new Uint32Array(this.picture.data.buffer);
    }
    const look = { place: this.scale.place, colours: this.colours, order };
    paint(this.words, values, this.cells, { ...look, none: wordOf(this.theme.grid) });
    this.image.getContext("2d").putImageData(this.picture, 0, 0);
    pen.imageSmoothingEnabled = height * this.area.dpr < this.units
      || width * this.area.dpr < this.cells;
    pen.drawImage(this.image, left, top, width, height);
  }

  /** A frame around one cell, and beside the map that is pointed at what it says. */
  point(at, text = "") {
    const pen = this.cross.getContext("2d");
    pen.clearRect(0, 0, this.size?.width ?? 0, this.size?.height ?? 0);
    this.tip.hidden = !at || !text;
    if (!at) return;
    const { left, top, width, height } = this.area;
    const wide = width / this.cells, high = height / this.units;
    const x = left + at[1] * wide, y = top + at[0] * high;
    pen.strokeStyle = this.theme.text;
    pen.lineWidth = 1.5;
    pen.strokeRect(x - 2, y - 2, wide + 4, high + 4);
    if (!text) return;
    this.tip.textContent = text;
    const room = x + wide + 8 + this.tip.offsetWidth <= this.size.width;
    this.tip.style.left = `${room ? x + wide + 8 : x - 8 - this.tip.offsetWidth}px`;
    this.tip.style.top = `${Math.min(y, top + height - 30)}px`;
  }

  pointed(event) {
    if (!this.area) return;
    const { left, top, width, height } = this.area, from = this.stage.getBoundingClientRect();
    const column = Math.floor(((event.clientX - from.left - left) * this.cells) / width);
    const row = Math.floor(((event.clientY - from.top - top) * this.units) / height);
    const inside = row >= 0 && row < this.units && column >= 0 && column < this.cells;
    this.at = inside ? [row, column] : null;
    this.onPoint(this.at);
  }

  /** Arrow keys move the cross, for those without a mouse. */
  pressed(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const move = moves[event.key];
    if (!move || !this.area) return;
    event.preventDefault();
    const [row, column] = this.at ?? [0, 0];
    const clip = (value, count) => Math.max(0, Math.min(count - 1, value));
    this.at = [clip(row + move[0], this.units), clip(column + move[1], this.cells)];
    this.onPoint(this.at);
  }
}

/** Where numbers that grow are the first one or round: about `most` places. */
function marks(numbers, most) {
  const span = numbers[numbers.length - 1] - numbers[0];
  const apart = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((n) => span / n <= Math.max(1, most));
  const clear = numbers[0] + (apart ?? span) * 0.6;
  return numbers.flatMap((number, i) =>
    (!i || (number > clear && number % (apart ?? 1000) === 0) ? [i] : []));
}
