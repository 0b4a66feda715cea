// Where a number is picked: by a slider or a number field, which say the same; then it is sent.

import { numberAt, places, rounded, shareOf } from "./pick.js";

/** @import { PickScale } from "./ballot.js" */

/** One slider with its number field. */
export class Slider {
  /**
   * @param {HTMLElement} root  which it fills
   * @param {PickScale} scale
   * @param {(number: number) => void} send
   */
  constructor(root, scale, send) {
    this.scale = scale;
    this.send = send;
    this.touched = false;
    const { label, low, high } = scale;
    const form = document.createElement("form"), word = document.createElement("label");
    this.range = document.createElement("input");
    Object.assign(this.range, { type: "range", min: "0", max: String(places(scale)), step: "1" });
    this.range.setAttribute("aria-label", `${label}, a slider from ${low} to ${high}`);
    this.field = document.createElement("input");
    Object.assign(this.field, { type: "number", step: "any", inputMode: low < 0 ? "" : "decimal" });
    this.complaint = made("p", "complaint", "");
    this.complaint.setAttribute("role", "alert");
    this.button = document.createElement("button");
    this.button.type = "submit";
    this.button.textContent = "Send my number";
    const ends = made("div", "ends", "");
    ends.append(made("span", "", String(low)), made("span", "", String(high)));
    word.append(label, this.field);
    form.noValidate = true;
    form.append(this.range, ends, word, this.complaint, this.button);
    root.textContent = "";
    root.append(form);
    this.range.value = String(Math.round(places(scale) / 2));
    this.slid();
    this.touched = false;
    this.range.addEventListener("input", () => this.slid());
    this.field.addEventListener("input", () => this.typed());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.sendTyped();
    });
  }

  slid() {
    this.touched = true;
    this.field.value = String(numberAt(Number(this.range.value), this.scale));
    this.told();
  }

  typed() {
    this.touched = true;
    const value = rounded(this.field.valueAsNumber, this.scale);
    if (value !== null) this.place(value);
    this.told();
  }

  /** @param {number} value */
  place(value) {
    this.range.value = String(Math.round(shareOf(value, this.scale) * places(this.scale)));
  }

  /** The slider says its number, not its place. */
  told() {
    this.range.setAttribute("aria-valuetext", `${this.scale.label} ${this.field.value}`);
    this.complaint.textContent = "";
  }

  sendTyped() {
    const value = rounded(this.field.valueAsNumber, this.scale), { low, high, label } = this.scale;
    if (value === null) {
      this.complaint.textContent = `The ${label} is to be a number from ${low} to ${high}.`;
      this.field.focus();
      return;
    }
    this.field.value = String(value);
    this.place(value);
    this.touched = false;
    this.send(value);
  }

  /**
   * Shows what the server holds, where nothing else is being picked.
   * @param {number | null} value
   */
  show(value) {
    if (value === null || this.touched) return;
    this.field.value = String(value);
    this.place(value);
    this.range.setAttribute("aria-valuetext", `${this.scale.label} ${value}`);
  }
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
