// The row under the header that replays a run: play, one step, where it stands, how fast; and its
// keys, which work on the whole page: K plays and pauses, "," and "." go a step, "<" and ">" change
// the speed, L shows the newest step.

import { element } from "./cards.js";
import { speedText } from "./replay.js";

/** @import { Replay } from "./replay.js" */

/**
 * @typedef {object} BarActions
 * @property {() => number | null} shown  the step on the screen; null: the newest
 * @property {(step: number | null) => void} seek
 */

const TYPED = "input:not([type=range]), textarea, select, [contenteditable], [role=textbox]";

export class ReplayBar {
  /**
   * @param {string} id
   * @param {Replay} replay
   * @param {BarActions} on
   */
  constructor(id, replay, on) {
    this.replay = replay;
    this.on = on;
    this.known = ""; // the speeds that can be chosen
    const button = (/** @type {string} */ text, /** @type {string} */ title,
      /** @type {() => void} */ onclick) => element("button", {
      type: "button", class: "sv-follow", title, "aria-label": title.replace(/ \(.*/, ""), onclick,
    }, text);
    this.play = button("▶ Replay", "Replay this run (K)", () => this.toggle());
    this.back = button("◂", "One step back (,)", () => this.step(-1));
    this.ahead = button("▸", "One step on (.)", () => this.step(1));
    this.range = element("input", {
      type: "range", min: 0, max: 0, value: 0, step: 1, id: `${id}-replay`,
      "aria-label": "step of the run",
    });
    this.range.addEventListener("input", () => { replay.pause(); on.seek(Number(this.range.value)); });
    this.text = element("output", { for: `${id}-replay` });
    this.speed = element("select", { "aria-label": "speed of the replay", title: "Slower (<), faster (>)" });
    this.speed.addEventListener("change", () => replay.choose(Number(this.speed.value)));
    this.latest = button("latest", "The newest step (L)", () => { replay.pause(); on.seek(null); });
    this.box = element("div", {
      class: "sv-replay", role: "group", "aria-label": "replay", hidden: "",
    }, this.play, this.back, this.ahead, this.range, this.text, this.speed, this.latest);
  }

  toggle() {
    if (this.replay.playing) this.replay.pause();
    else this.replay.play(this.on.shown());
  }

  /** @param {1 | -1} way */
  step(way) { this.replay.step(way, this.on.shown()); }

  /** @param {boolean} follows  is the newest step shown, whichever that is? */
  show(follows) {
    const { replay, range } = this, { playing, last } = replay;
    this.box.hidden = last < 1;
    if (last < 1) return;
    const step = Math.max(0, this.on.shown() ?? last), words = `step ${step} of ${last}`;
    if (range.max !== String(last)) range.max = String(last);
    range.value = String(step);
    range.setAttribute("aria-valuetext", words);
    if (this.text.textContent !== words) this.text.textContent = words;
    const says = playing ? "❚❚ Pause" : "▶ Replay";
    if (this.play.textContent !== says) {
      this.play.textContent = says;
      this.play.setAttribute("aria-label", playing ? "Pause the replay" : "Replay this run");
    }
    this.latest.setAttribute("aria-pressed", String(follows));
    const speeds = [...new Set([...replay.speeds, replay.speed])].sort((a, b) => a - b);
    if (this.known !== speeds.join()) {
      this.known = speeds.join();
      this.speed.replaceChildren(...speeds.map((one) =>
        element("option", { value: one }, speedText(one))));
    }
    if (this.speed.value !== String(replay.speed)) this.speed.value = String(replay.speed);
  }

  /**
   * Does what a key says; false where it is none of this bar's.
   * @param {KeyboardEvent} event
   */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
    const target = event.composedPath()[0];
    if (this.box.hidden || (target instanceof Element && target.closest(TYPED))) return false;
    /** @type {Record<string, () => void>} */
    const does = {
      k: () => this.toggle(), ",": () => this.step(-1), ".": () => this.step(1),
      "<": () => this.replay.shift(-1), ">": () => this.replay.shift(1),
      l: () => this.latest.click(),
    };
    const act = does[event.key.toLowerCase()];
    if (act && (!event.repeat || event.key === "," || event.key === ".")) act();
    return Boolean(act);
  }
}
