// A square to draw in, with mouse, finger or pen; what was drawn goes back as hexadecimal numbers.
// Many drawings one after the other: each is numbered and sent again until the page says that it
// has `seen` its number, so that none is lost while the page is busy.

/**
 * What the server says of a square.
 * @typedef {object} DrawData
 * @property {number} channels  of the picture that is sent
 * @property {number} width  of that picture, in pixels
 * @property {number} height
 * @property {number} pen  the pen's width, in pixels of the square, which has SIDE
 * @property {string} [label]  many drawings: the class that the next one is added to
 * @property {number} [seen]  many drawings: the number of the newest that the server has
 */

/** @typedef {[x: number, y: number]} Point */
/** @typedef {[number: number, label: string, pixels: string]} Drawing */

const SIDE = 240;

/** @type {WeakMap<HTMLCanvasElement, Square>} */
const squares = new WeakMap();

/**
 * @param {object} component  as Streamlit hands it
 * @param {HTMLElement} component.parentElement
 * @param {DrawData} component.data
 * @param {(name: string, value: unknown) => void} component.setStateValue
 */
export default function ({ parentElement, data, setStateValue }) {
  const canvas = /** @type {HTMLCanvasElement} */ (parentElement.querySelector("canvas"));
  const square = squares.get(canvas) ?? new Square(canvas, parentElement, data, setStateValue);
  squares.set(canvas, square);
  square.data = data;
  square.show();
}

class Square {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} parent  with the buttons
   * @param {DrawData} data
   * @param {(name: string, value: unknown) => void} send
   */
  constructor(canvas, parent, data, send) {
    this.canvas = canvas;
    this.data = data;
    this.send = send;
    this.add = /** @type {HTMLButtonElement} */ (parent.querySelector(".skip-add"));
    this.pen = /** @type {CanvasRenderingContext2D} */ (
      canvas.getContext("2d", { willReadFrequently: true }));
    /** @type {Point | null} */
    this.last = null; // where the pen is while it is down
    this.drawn = false;
    /** @type {Drawing[]} */
    this.waiting = [];
    this.wipe();
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", () => this.up());
    canvas.addEventListener("pointercancel", () => this.up());
    const clear = /** @type {HTMLButtonElement} */ (parent.querySelector(".skip-clear"));
    clear.addEventListener("click", () => {
      this.wipe();
      if (!this.many) this.send("pixels", "");
    });
    this.add.addEventListener("click", () => this.keep());
  }

  get many() { return this.data.seen !== undefined; }

  /** @param {PointerEvent} event */
  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.last = this.at(event);
    this.line(this.last, this.last);
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!this.last) return;
    const now = this.at(event);
    this.line(this.last, now);
    this.last = now;
  }

  up() {
    if (this.last && !this.many) this.send("pixels", this.pixels());
    this.last = null;
    this.show();
  }

  /** One of many is added under the label that stands on the button. */
  keep() {
    const seen = this.data.seen ?? 0, label = this.data.label ?? "";
    const number = Math.max(seen, ...this.waiting.map(([each]) => each)) + 1;
    this.waiting.push([number, label, this.pixels()]);
    this.send("drawn", [...this.waiting]);
    this.wipe();
  }

  wipe() {
    this.pen.fillStyle = "#000";
    this.pen.fillRect(0, 0, SIDE, SIDE);
    this.drawn = false;
    this.show();
  }

  /** The button of many drawings; those that have arrived are forgotten. */
  show() {
    const { seen, label } = this.data;
    if (seen === undefined) return;
    this.waiting = this.waiting.filter(([number]) => number > seen);
    this.add.hidden = false;
    this.add.disabled = !this.drawn || !label;
    this.add.textContent = label ? `Add to “${label}”` : "Name the class first";
  }

  /**
   * @param {PointerEvent} event
   * @returns {Point}
   */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * SIDE / box.width,
      (event.clientY - box.top) * SIDE / box.height];
  }

  /**
   * @param {Point} from
   * @param {Point} to
   */
  line(from, to) {
    const { pen } = this;
    pen.strokeStyle = "#fff";
    pen.lineWidth = this.data.pen;
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
    this.drawn = true;
  }

  /** The drawing, as small as the server wants it: two digits a value, channel after channel. */
  pixels() {
    const { width, height, channels } = this.data;
    const small = document.createElement("canvas");
    small.width = width;
    small.height = height;
    const shrunk = /** @type {CanvasRenderingContext2D} */ (small.getContext("2d"));
    shrunk.imageSmoothingQuality = "high";
    shrunk.drawImage(this.canvas, 0, 0, width, height);
    const values = shrunk.getImageData(0, 0, width, height).data;
    let text = "";
    for (let i = 0; i < values.length; i += 4) text += values[i].toString(16).padStart(2, "0");
    return text.repeat(channels);
  }
}
