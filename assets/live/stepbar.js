// The row of a panel that scrubs through recorded steps: replay, step, slider, follow.

import { element } from "./cards.js";

const PLAY_EVERY_MS = 110;

/**
 * @typedef {object} StepActions
 * @property {(place: number) => void} scrub  to the step that stands at this place of the slider
 * @property {() => void} follow  the newest step again
 * @property {() => number} count  steps that there are
 * @property {() => boolean} begin  a replay begins: at the slider's place, or at the first step?
 */

export class StepBar {
  /**
   * @param {string} id
   * @param {StepActions} on
   */
  constructor(id, on) {
    this.on = on;
    this.playing = 0;
    this.range = element("input", {
      type: "range", min: 0, max: 0, value: 0, id: `${id}-step`, "aria-label": "step of the gates",
    });
    this.range.addEventListener("input", () => on.scrub(Number(this.range.value)));
    this.play = element("button", {
      type: "button", class: "sv-follow", onclick: () => this.toggle(),
    }, "▶ replay");
    this.follow = element("button", {
      type: "button", class: "sv-follow", title: "Show the newest step again",
      onclick: () => { this.stop(); on.follow(); },
    }, "follow latest");
    this.text = element("output", { for: `${id}-step` });
    this.box = element("div", { class: "sv-slider sv-steps" },
      this.play, this.text, this.range, this.follow);
  }

  toggle() {
    if (this.playing) { this.stop(); return; }
    const atEnd = Number(this.range.value) >= Number(this.range.max);
    let place = !this.on.begin() || atEnd ? 0 : Number(this.range.value);
    this.playing = setInterval(() => {
      this.on.scrub(place);
      place += 1;
      if (place >= this.on.count()) this.stop();
    }, PLAY_EVERY_MS);
    this.play.textContent = "❚❚ pause";
  }

  stop() {
    clearInterval(this.playing);
    this.playing = 0;
    this.play.textContent = "▶ replay";
  }

  /**
   * @param {number} place  of the step that is shown
   * @param {number} count  steps that there are
   * @param {string} text  what the step is called
   * @param {boolean} pinned  was it chosen?
   */
  show(place, count, text, pinned) {
    this.range.max = String(Math.max(0, count - 1));
    this.range.value = String(Math.max(0, place));
    this.range.disabled = !count;
    this.range.setAttribute("aria-valuetext", text);
    this.text.textContent = text;
    this.follow.setAttribute("aria-pressed", String(!pinned));
  }
}
