// Where a curve is drawn: with a finger, a mouse, or by five numbers.

import { drawn, empty, filled, label, typed, valueAt } from "./curve.js";

/** @import { SketchAxes } from "./ballot.js" */
/** @import { Heights, Point } from "./curve.js" */

const TYPED = 5, MIDDLE = 0.5;
const SVG = "http://www.w3.org/2000/svg";

/** One place to draw, on one pair of axes. */
export class Pad {
  /**
   * @param {HTMLElement} root  which it fills
   * @param {SketchAxes} axes
   * @param {(heights: number[]) => void} send
   */
  constructor(root, axes, send) {
    this.axes = axes;
    this.send = send;
    /** @type {Heights} */
    this.heights = empty();
    /** @type {Point | null} */
    this.pen = null;
    this.enabled = true;
    this.line = document.createElementNS(SVG, "polyline");
    this.plot = document.createElementNS(SVG, "svg");
    this.complaint = made("p", "complaint", "");
    this.complaint.setAttribute("role", "alert");
    this.buttons = made("div", "acts", "");
    this.form = document.createElement("form");
    /** @type {HTMLInputElement[]} */
    this.inputs = [];
    root.textContent = "";
    root.append(this.frame(), this.complaint, this.buttons, this.numbers());
    this.buttons.append(
      this.button("Send my curve", () => this.sendDrawn()),
      this.button("Clear", () => this.keep(empty())),
    );
    this.buttons.children[0].className = "main";
  }

  /** The plot between the words and ends of its axes. */
  frame() {
    const { x, y, x_range, y_range } = this.axes;
    const frame = made("div", "frame", "");
    const rows = made("div", "ends y", ""), columns = made("div", "ends x", "");
    for (const share of [1, MIDDLE, 0]) rows.append(made("span", "", label(this.value(share))));
    for (const share of [0, MIDDLE, 1]) {
      columns.append(made("span", "", label(x_range[0] + share * (x_range[1] - x_range[0]))));
    }
    this.plot.setAttribute("viewBox", "0 0 100 100");
    this.plot.setAttribute("preserveAspectRatio", "none");
    this.plot.setAttribute("role", "img");
    this.plot.setAttribute("aria-label", `A place to draw: ${y} from ${label(y_range[0])} to `
      + `${label(y_range[1])}, over ${x}. Five numbers below do the same.`);
    this.plot.append(grid(), this.line);
    this.plot.addEventListener("pointerdown", (event) => this.begin(event));
    this.plot.addEventListener("pointermove", (event) => this.go(event));
    for (const end of ["pointerup", "pointercancel"]) {
      this.plot.addEventListener(end, () => { this.pen = null; });
    }
    frame.append(made("p", "word", y), rows, this.plot, columns, made("p", "word under", x));
    return frame;
  }

  /** Five numbers in place of a drawing. */
  numbers() {
    const box = document.createElement("details"), [low, high] = this.axes.x_range;
    box.append(made("summary", "", "Type five numbers instead"), this.form);
    for (let i = 0; i < TYPED; i += 1) {
      const at = low + i / (TYPED - 1) * (high - low), word = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { type: "number", step: "any", required: true });
      input.addEventListener("input", () => { this.say(""); });
      word.append(`${this.axes.y} at ${this.axes.x} ${label(at)}`, input);
      this.inputs.push(input);
      this.form.append(word);
    }
    this.form.noValidate = true;
    this.form.append(this.button("Send these numbers", () => {}, "submit"));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.sendTyped();
    });
    return box;
  }

  /**
   * @param {string} text
   * @param {() => void} act
   * @param {"button" | "submit"} type
   */
  button(text, act, type = "button") {
    const button = document.createElement("button");
    button.type = type;
    button.textContent = text;
    button.addEventListener("click", act);
    return button;
  }

  /**
   * Shows what the server holds, where nothing else is being drawn; whether it may be changed.
   * @param {number[] | null} curve
   * @param {boolean} enabled
   */
  show(curve, enabled) {
    this.enabled = enabled;
    this.buttons.hidden = !enabled;
    this.form.parentElement && (this.form.parentElement.hidden = !enabled);
    this.plot.classList.toggle("still", !enabled);
    const untouched = this.heights.every((height) => height === null);
    if (curve && (untouched || !enabled)) {
      this.keep(empty().map((_, i, all) => at(curve, i / (all.length - 1))));
    }
  }

  /** @param {Heights} heights */
  keep(heights) {
    this.heights = heights;
    const whole = filled(heights) || [];
    const points = whole.map((height, i) => `${100 * i / (whole.length - 1)},${100 - 100 * height}`);
    this.line.setAttribute("points", points.join(" "));
    this.inputs.forEach((input, i) => {
      const value = whole.length ? valueAt(whole, i / (TYPED - 1), this.axes) : null;
      input.value = value === null ? "" : String(Number(value.toPrecision(3)));
    });
    this.say("");
  }

  /** @param {PointerEvent} event */
  begin(event) {
    if (!this.enabled || event.button > 0) return;
    this.plot.setPointerCapture(event.pointerId);
    this.pen = this.place(event);
    this.keep(drawn(this.heights, this.pen, this.pen));
  }

  /** @param {PointerEvent} event */
  go(event) {
    if (!this.pen || !this.enabled) return;
    const now = this.place(event);
    this.keep(drawn(this.heights, this.pen, now));
    this.pen = now;
  }

  /** @param {PointerEvent} event */
  place({ clientX, clientY }) {
    const box = this.plot.getBoundingClientRect();
    return { x: share(clientX - box.left, box.width), y: 1 - share(clientY - box.top, box.height) };
  }

  sendDrawn() {
    const whole = filled(this.heights);
    if (whole) this.send(whole);
    else this.say("Draw the curve from left to right first, or type five numbers.");
  }

  sendTyped() {
    const [low, high] = this.axes.y_range, values = this.inputs.map((input) => input.valueAsNumber);
    const wrong = values.findIndex((value) => !(value >= low && value <= high));
    if (wrong >= 0) {
      this.inputs[wrong].focus();
      this.say(`Number ${wrong + 1} is to be from ${low} to ${high}.`);
      return;
    }
    const few = typed(values, this.axes);
    this.keep(empty().map((_, i, all) => at(few, i / (all.length - 1))));
    this.send(few);
  }

  /** @param {string} sentence */
  say(sentence) {
    if (this.complaint.textContent !== sentence) this.complaint.textContent = sentence;
  }

  /** @param {number} part  of the y axis */
  value(part) {
    return valueAt([0, 1], part, this.axes);
  }
}

/**
 * The height of a curve at a share of the x axis.
 * @param {number[]} heights
 * @param {number} part
 */
function at(heights, part) {
  return valueAt(heights, part, { x: "", y: "", x_range: [0, 1], y_range: [0, 1], log_y: false });
}

/**
 * @param {number} part
 * @param {number} whole
 */
function share(part, whole) {
  return Math.min(1, Math.max(0, part / (whole || 1)));
}

function grid() {
  const lines = document.createElementNS(SVG, "path");
  lines.setAttribute("d", "M0 25H100M0 50H100M0 75H100M25 0V100M50 0V100M75 0V100");
  return lines;
}

/**
 * @param {string} tag
 * @param {string} name  its class
 * @param {string} text
 */
function made(tag, name, text) {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}
