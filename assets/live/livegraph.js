// The live graph: the units of every lane's net, coloured by what is measured there now. A plain net
// goes dark on the way back from the loss, its residual twin stays lit.

import { choice, element } from "./cards.js";
import { powerTicks, Bounds } from "./chart.js";
import { NetDrawing } from "./netdrawing.js";
import { rangeOf } from "./netrow.js";
import { lastAlive } from "./profile.js";
import { GATE_SCALES } from "./scales.js";
import { FLOAT32_LOG10, graphReading, QUANTITIES } from "./words.js";

/** @import { Follower } from "./follower.js" */
/** @import { History } from "./history.js" */
/** @import { LaneProfile, Profile } from "./messages.js" */
/** @import { Cell } from "./netdrawing.js" */
/** @import { View } from "./view.js" */
/** @import { Lit } from "./words.js" */

const TITLES = {
  signal: "Signal gradient in the nets", activation: "Activation scale in the nets",
  gate: "Mean transform gate in the nets",
};
/** @type {[Lit, string][]} */
const CHOICES = [["signal", QUANTITIES.signal.button], ["activation", QUANTITIES.activation.button],
  ["gate", "mean T"]];
const SAY_EVERY_MS = 500;

export class GraphPanel {
  /**
   * @param {object} about
   * @param {View} about.view
   * @param {string} about.id
   * @param {string} about.empty  the sentence while there is nothing to draw
   * @param {() => void} about.redraw
   */
  constructor({ view, id, empty, redraw }) {
    this.view = view;
    this.id = id;
    this.redraw = redraw;
    /** @type {Lit} */
    this.lit = "signal";
    /** @type {Partial<Record<Lit, Bounds>>} */
    this.bounds = {};
    /** @type {NetDrawing | null} */
    this.drawing = null;
    /** @type {unknown[]} */
    this.shape = []; // all that the layout depends on
    /** @type {Profile | null} */
    this.shown = null;
    /** @type {History | null} */
    this.history = null;
    this.saidAt = -Infinity;
    /** @type {number | undefined} */
    this.later = undefined;
    this.heading = element("h3", {}, TITLES.signal);
    this.choices = choice("what the units show", CHOICES, (lit) => this.show(lit));
    this.choices.press("signal");
    this.stage = element("div", { class: "sv-nets", id });
    this.vacant = element("p", { class: "sv-empty" }, empty);
    this.tip = element("p", { class: "sv-tip", hidden: "" });
    this.reading = element("p", { class: "sv-reading" });
    this.box = element("section", { class: "sv-card sv-wide sv-graph", "data-panel": "graph" },
      element("header", {}, this.heading, this.choices.box),
      element("div", { class: "sv-stage" }, this.stage, this.vacant, this.tip), this.reading);
    this.stage.addEventListener("pointermove", (event) => this.point(event));
    this.stage.addEventListener("pointerleave", () => { this.tip.hidden = true; });
  }

  /** Another run: the scale begins anew. */
  begin() {
    this.bounds = {};
    this.drawing = null;
    this.shape = [];
    this.stage.replaceChildren();
    this.reading.textContent = "";
  }

  /** @param {Lit} lit */
  show(lit) {
    this.lit = lit;
    this.saidAt = -Infinity;
    this.redraw();
  }

  /**
   * @param {Follower} run
   * @param {number} step  the newest that is shown
   */
  draw({ history }, step) {
    const profile = history?.newest ? history.profile(this.view.pinned ?? step) : null;
    const width = this.stage.clientWidth;
    this.vacant.hidden = Boolean(profile);
    if (!history || !profile || !width) return;
    this.lay(history, width);
    if (!this.drawing) return;
    this.shown = profile;
    this.history = history;
    this.box.dataset.step = String(profile.step);
    this.colour(this.drawing, history, profile);
    this.say(history, profile);
  }

  /**
   * Colours a drawing of the nets, and says its scale.
   * @param {NetDrawing} drawing
   * @param {History} history
   * @param {Profile} profile
   */
  colour(drawing, history, profile) {
    const scale = this.scale(history, profile);
    this.paint(drawing, history, profile, scale);
    const { axis, unit } = this.lit === "gate" ? { axis: "mean T", unit: "0 to 1" }
      : QUANTITIES[this.lit];
    drawing.showLegend(`${axis}, ${unit}`, scale.ticks);
  }

  /**
   * Lays the nets out, where anything that their places depend on has changed.
   * @param {History} history
   * @param {number} width
   */
  lay(history, width) {
    const { lanes, theme } = this.view, shown = lanes.filter((lane) => !lane.hidden);
    const shape = [history, width, theme.text, theme.background, theme.size, theme.family,
      ...lanes.map((lane) => `${lane.hidden} ${lane.colour} ${lane.label}`)];
    if (this.shape.length === shape.length && shape.every((part, i) => part === this.shape[i])) return;
    this.shape = shape;
    const gated = history.tracks.some((track) => track.gates.length);
    const button = this.choices.box.querySelector("[data-value=gate]");
    button?.toggleAttribute("hidden", !gated);
    if (!gated && this.lit === "gate") this.lit = "signal";
    this.drawing = new NetDrawing({
      lanes: shown, nets: history.nets, tracks: history.tracks, theme, width, id: this.id,
      font: theme.size * (width < 420 ? 0.8 : 0.88),
    });
    this.stage.replaceChildren(this.drawing.root);
  }

  /**
   * The scale that all lanes share: whole decades, which only grow.
   * @param {History} history
   * @param {Profile} profile
   */
  scale(history, profile) {
    const { lit } = this;
    if (lit === "gate") return GATE_SCALES.log;
    const bounds = (this.bounds[lit] ??= new Bounds());
    for (const lane of this.view.lanes) {
      for (const value of lastAlive(lane, history, profile).shown.lanes[lane.index][lit]) {
        // What is 0 or too small for float32 is darkest and does not stretch the scale.
        if (value < FLOAT32_LOG10 || !Number.isFinite(value)) continue;
        bounds.grow(Math.floor(value), Math.ceil(value));
      }
    }
    const [low, most] = bounds.grow(Infinity, -Infinity), high = Math.max(most, low + 1);
    const { tickvals, ticktext } = powerTicks([low, high], 6);
    return {
      place: (/** @type {number} */ value) => (value - low) / (high - low),
      ticks: tickvals.map((at, i) => /** @type {[number, string]} */ (
        [(at - low) / (high - low), superscript(ticktext[i])])),
    };
  }

  /**
   * Colours every unit.
   * @param {NetDrawing} drawing
   * @param {History} history
   * @param {Profile} profile
   * @param {{place: (value: number) => number}} scale
   */
  paint(drawing, history, profile, { place }) {
    const alive = new Map(drawing.plan.lanes.map((lane) =>
      [lane, lastAlive(lane, history, profile).shown.lanes[lane.index]]));
    for (const cell of drawing.cells) {
      const range = this.rangeOf(cell, alive.get(cell.lane));
      drawing.colour(cell, range ? [place(range[1]), place(range[0])] : [null]);
    }
    drawing.plan.lanes.forEach((lane, i) => {
      const values = Array.from(alive.get(lane)?.[this.lit] ?? []).filter((v) => !Number.isNaN(v));
      const ends = values.length ? [Math.min(...values), Math.max(...values)].map((value) =>
        this.text(value)) : [];
      const fate = history.fate(lane.index);
      const text = [fate, ends.length ? `${ends[0]} to ${ends[1]}` : "no gates"];
      const says = text.filter(Boolean).join(" · ");
      if (drawing.says[i].textContent !== says) drawing.says[i].textContent = says;
    });
  }

  /**
   * @param {Cell} cell
   * @param {LaneProfile | undefined} values
   */
  rangeOf({ box }, values) {
    return values ? rangeOf(values[this.lit], box, this.lit === "gate" ? "gate" : "unit") : null;
  }

  /**
   * A value of the shown quantity as it is read.
   * @param {number} value
   */
  text(value) {
    if (Number.isNaN(value)) return "no number";
    if (this.lit === "gate") return value.toPrecision(2);
    if (value < FLOAT32_LOG10) return "0 (below float32)";
    return value > -3 && value < 4 ? String(Number((10 ** value).toPrecision(2)))
      : `${(10 ** (value - Math.floor(value))).toFixed(1)}·${superscript(`10<sup>${Math.floor(value)}</sup>`)}`;
  }

  /**
   * The sentence under the nets, for those who hear the page as well.
   * @param {History} history
   * @param {Profile} profile
   */
  say(history, profile) {
    const now = performance.now(), early_ms = this.saidAt + SAY_EVERY_MS - now;
    if (!this.drawing) return;
    if (early_ms > 0) {
      this.later ??= window.setTimeout(() => this.sayLast(), early_ms);
      return;
    }
    this.saidAt = now;
    this.heading.textContent = TITLES[this.lit];
    const lanes = this.drawing.plan.lanes.map((lane) => ({
      ...lane, values: lastAlive(lane, history, profile).shown.lanes[lane.index][this.lit],
    }));
    const said = graphReading(lanes, this.lit, profile.step, this.drawing.most);
    if (this.reading.innerHTML !== said) this.reading.innerHTML = said;
    this.drawing.root.setAttribute("aria-label",
      `${TITLES[this.lit]}. ${this.reading.textContent}`);
  }

  /** What was not said for being too early: nothing may come after it. */
  sayLast() {
    this.later = undefined;
    if (this.history && this.shown) this.say(this.history, this.shown);
  }

  /**
   * Says the number of the unit under the pointer.
   * @param {PointerEvent} event
   */
  point(event) {
    const { drawing, shown } = this, { target } = event;
    const at = target instanceof SVGElement ? target.dataset.cell : undefined;
    this.tip.hidden = at === undefined;
    if (at === undefined || !drawing || !shown) return;
    const cell = drawing.cells[Number(at)], { box, lane } = cell;
    const range = this.rangeOf(cell, shown.lanes[lane.index]);
    const depths = lane.track.points.slice(box.from, box.to).map(([, depth]) => depth);
    const where = box.to - box.from > 1
      ? `${box.to - box.from} units up to layers ${depths[0]} to ${depths[depths.length - 1]}`
      : `${box.part.title} up to layer ${depths[0]}`;
    const says = !range ? "no gate" : range[0] === range[1] || Number.isNaN(range[0])
      ? this.text(range[0]) : `${this.text(range[0])} to ${this.text(range[1])}`;
    this.tip.textContent = `${lane.label}, ${where}: ${says}`;
    const home = this.stage.getBoundingClientRect(), room = home.width - this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, Math.min(room, event.clientX - home.left + 12))}px`;
    this.tip.style.top = `${event.clientY - home.top + 16}px`;
  }
}

/** @type {Record<string, string>} */
const RAISED = { "−": "⁻", "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷",
  8: "⁸", 9: "⁹" };

/**
 * "10<sup>−3</sup>" in plain letters, as an SVG's text has them.
 * @param {string} text
 */
function superscript(text) {
  return text.replace(/<sup>(.*?)<\/sup>/g, (_, power) =>
    [...power].map((sign) => RAISED[sign] ?? sign).join(""));
}
