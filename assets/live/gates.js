// The gates of a highway net, as Fig. 2 of Srivastava et al. 2015 shows them, live: biases, mean T,
// T and outputs of one sample, layers × cells, at any recorded step, at init, and of the plain twin.

import { CellMap } from "./cellmap.js";
import { choice, element } from "./cards.js";
import { fromProbe, MAPS, openestFirst, rowsOf } from "./gatemaps.js";
import { around, diverging, GATE_SCALES, round, sequential } from "./scales.js";
import { StepBar } from "./stepbar.js";
import { thumbnails } from "./thumbnails.js";
import { gatesReading } from "./words.js";

/** @import { Cell, Look } from "./cellmap.js" */
/** @import { Follower } from "./follower.js" */
/** @import { History } from "./history.js" */
/** @import { ShownMaps } from "./mapstore.js" */
/** @import { MapName, Track } from "./messages.js" */
/** @import { GateScale } from "./scales.js" */
/** @import { View } from "./view.js" */
/** @import { GateMode } from "./words.js" */

/**
 * @typedef {object} GateActions
 * @property {(step: number | null) => void} pin
 * @property {(sample: number | "extra") => void} showSample
 * @property {() => void} redraw
 */

/** @type {[GateMode, string][]} */
const MODES = [["init", "at init"], ["now", "now"], ["twin", "plain twin"]];
/** @type {[GateScale, string][]} */
const SCALES = (/** @type {GateScale[]} */ (["whole", "fifth", "log"])).map((name) =>
  [name, GATE_SCALES[name].button]);
/** @type {Record<MapName, string>} */
const SYMBOLS = { bias: "b_T", mean: "mean T", gate: "T", output: "y" };
const ASK_EVERY_MS = 1500, LEAST_BIAS = 0.2, CLOSED = 0.05, GAP_PX = 10;

export class GatesPanel {
  /**
   * @param {object} about
   * @param {Follower} about.run
   * @param {View} about.view
   * @param {number} about.lane
   * @param {number | null} about.twin  the plain lane of its shape
   * @param {string} about.id
   * @param {string} about.title
   * @param {number} about.height  of one map in pixels
   * @param {GateActions} about.on
   */
  constructor({ run, view, lane, twin, id, title, height, on }) {
    this.run = run;
    this.view = view;
    this.lane = lane;
    this.title = title;
    this.twin = twin;
    this.height = height;
    this.on = on;
    /** @type {GateMode} */
    this.mode = "now";
    /** @type {GateScale | null} */
    this.gateScale = null;
    /** @type {number[] | null} */
    this.order = null; // of the cells; null: as they are
    /** @type {{at: Cell, map: MapName} | null} */
    this.pointed = null;
    /** @type {ShownMaps | null} */
    this.shown = null;
    /** @type {unknown[]} */
    this.drawn = []; // all that what is on the screen depends on
    this.asked = { at: -Infinity, sample: -1 };
    this.maps = MAPS.map((name) => new CellMap(name, (at) => this.point(at, name)));
    this.steps = new StepBar(id, {
      scrub: (place) => this.scrub(place),
      follow: () => on.pin(null),
      count: () => this.recorded().length,
      begin: () => { this.need(); return view.pinned !== null; },
    });
    this.parts = this.build(id, title);
    this.box = this.parts.box;
    this.vacant = this.parts.vacant;
  }

  /**
   * @param {string} id
   * @param {string} title
   */
  build(id, title) {
    const modes = choice("which net", this.twin === null ? MODES.slice(0, 2) : MODES,
      (mode) => { this.mode = mode; this.need(); this.on.redraw(); });
    const samples = element("div", {
      class: "sv-samples", role: "group", "aria-label": "sample, one of each class",
    });
    const scales = choice("scale of T", SCALES,
      (name) => { this.gateScale = name; this.on.redraw(); });
    const sort = element("button", {
      type: "button", class: "sv-follow", "aria-pressed": "false",
      title: "Puts the cells in the order of their mean T over all layers; it stays while you scrub",
      onclick: () => { this.arrange(!this.order); this.on.redraw(); },
    }, "cells by mean T");
    const reading = element("p", { class: "sv-reading" });
    const vacant = element("p", { class: "sv-empty" });
    const figures = element("div", { class: "sv-maps" }, ...this.maps.map((map) => map.box));
    const box = element("section", { class: "sv-card sv-wide sv-gates", "data-panel": "gates", id },
      element("header", {}, element("h3", {}, title), this.steps.box, modes.box),
      element("div", { class: "sv-tools" }, element("span", {}, "sample"), samples,
        element("span", {}, "T"), scales.box, sort),
      element("div", { class: "sv-stage" }, figures, vacant), reading);
    return { box, modes, samples, scales, sort, reading, vacant, figures };
  }

  // --- Steps ------------------------------------------------------------------------------

  /** The steps that the sample's maps are here for. */
  recorded() {
    const { sample } = this.view;
    return typeof sample === "number" ? this.run.history?.maps.steps(this.lane, sample) ?? [] : [];
  }

  shownStep() {
    return this.mode === "init" ? 0 : this.view.pinned ?? this.view.limit;
  }

  /** @param {number} place */
  scrub(place) {
    this.need();
    const steps = this.recorded();
    if (!steps.length) return;
    if (this.mode === "init") this.mode = "now";
    this.on.pin(steps[Math.min(place, steps.length - 1)]);
    this.draw();
  }

  /** Fetches what is lacking of the chosen sample: all steps up to the newest. */
  need() {
    const now = performance.now(), { sample } = this.view, { asked } = this;
    if (typeof sample !== "number" || !this.run.history) return;
    if (sample === asked.sample && now < asked.at + ASK_EVERY_MS) return;
    this.asked = { at: now, sample };
    this.run.allMaps(this.lane, sample);
    if (this.twin !== null) this.run.allMaps(this.twin, sample);
  }

  /** The samples that can be chosen. */
  showSamples() {
    const count = this.run.history?.tracks[this.lane].samples ?? 0;
    const { extra } = this.view.options;
    this.parts.samples.replaceChildren(...thumbnails(count, this.run.pictures,
      extra?.lane === this.lane ? extra : null, (sample) => this.on.showSample(sample)));
  }

  // --- Drawing ----------------------------------------------------------------------------

  /**
   * The four arrays that are to be shown, and the step they are of; null while there are none.
   * @param {History} history
   * @returns {ShownMaps | null}
   */
  values(history) {
    const { sample, options: { extra } } = this.view;
    if (sample === "extra" && extra?.lane === this.lane) {
      const measured = extra[this.mode];
      return measured ? fromProbe(measured) : null;
    }
    const lane = this.mode === "twin" && this.twin !== null ? this.twin : this.lane;
    return history.maps.at(lane, this.view.mapSample, this.shownStep());
  }

  draw() {
    const { view, run: { history } } = this, { theme } = view;
    const values = history ? this.values(history) : null;
    this.vacant.hidden = Boolean(values);
    this.parts.figures.hidden = !values;
    this.steps.box.hidden = !values || !history || history.whole < 2;
    const wide = this.parts.figures.clientWidth;
    if (!values || !history || !wide) return;
    const track = history.tracks[this.lane];
    const columns = wide >= 880 ? 4 : wide >= 420 ? 2 : 1;
    this.parts.figures.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    const width = Math.floor((wide - (columns - 1) * GAP_PX) / columns);
    const looks = this.looks(history, track, values.samples ?? track.averaged);
    const now = [...MAPS.map((name) => values[name]), this.mode, this.order, theme, width,
      innerHeight, ...looks.map(({ scale, note }) => scale.ticks + note), view.pinned === null,
      this.parts.samples.children[0], view.sample, history.maps.lanes[this.lane].version];
    if (this.drawn.length && this.drawn.every((part, i) => part === now[i])) return;
    this.drawn = now;
    const height = this.height + (innerHeight < 800 ? 0 : 20), depths = rowsOf(track);
    this.maps.forEach((map, i) => {
      map.lay({
        width, height, units: depths.length, cells: track.cells,
        depths: depths.map(([, depth]) => depth), theme, first: i % columns === 0, ...looks[i],
      });
      map.show(values[MAPS[i]] ?? null, this.order, this.none(MAPS[i], track));
    });
    this.shown = values;
    this.describe(values, track);
    if (this.run.ended) this.need();
  }

  /**
   * @param {History} history
   * @param {Track} track
   * @param {number} samples  that mean T is taken over
   * @returns {Look[]}
   */
  looks({ maps: { lanes } }, track, samples) {
    const { theme } = this.view;
    this.gateScale ??= track.bias !== null && 1 / (1 + Math.exp(-track.bias)) < CLOSED
      ? "fifth" : "whole";
    const most = round(Math.max(1e-9, lanes[this.lane].output,
      this.twin === null ? 0 : lanes[this.twin].output));
    const reach = round(Math.max(LEAST_BIAS, lanes[this.lane].bias));
    const [gate, ends] = [GATE_SCALES[this.gateScale], diverging(theme)];
    const began = track.bias === null ? "" : `, from ${String(track.bias).replace("-", "−")}`;
    const averaged = samples ? `, ${samples} samples` : "";
    const whose = this.mode === "twin" ? "twin's outputs y" : "outputs y";
    return [
      { scale: around(track.bias ?? 0, reach), colours: ends, title: "gate bias", note: began },
      { scale: gate, colours: sequential, title: "mean gate T", note: averaged },
      { scale: gate, colours: sequential, title: "gate T", note: ", this sample" },
      { scale: around(0, most), colours: ends, title: whose, note: ", this sample" },
    ];
  }

  /**
   * Why a map is empty.
   * @param {MapName} name
   * @param {Track} track
   */
  none(name, track) {
    if (this.mode === "twin") return "a plain net has no gates";
    if (name === "bias" && track.samples && track.bias === null) return "fixed, not learned";
    return "not recorded in this run";
  }

  /**
   * Everything that says in words what is shown.
   * @param {ShownMaps} values
   * @param {Track} track
   */
  describe(values, track) {
    const { view, box } = this, steps = this.recorded();
    const place = steps.filter((step) => step <= values.step).length - 1;
    const text = this.mode === "init" ? "step 0, at init" : `step ${values.step}`;
    box.dataset.step = String(values.step);
    box.dataset.mode = this.mode;
    this.steps.show(place, steps.length, text, view.pinned !== null && this.mode !== "init");
    this.parts.modes.press(this.mode);
    this.parts.scales.press(this.gateScale ?? "whole");
    this.parts.sort.setAttribute("aria-pressed", String(Boolean(this.order)));
    for (const button of this.parts.samples.querySelectorAll("button")) {
      const pressed = button.dataset.sample === String(view.sample);
      button.setAttribute("aria-pressed", String(pressed));
    }
    const lane = this.mode === "twin" && this.twin !== null ? this.twin : this.lane;
    const said = gatesReading(view.lanes[lane], values, track, this.mode);
    if (this.parts.reading.innerHTML !== said) this.parts.reading.innerHTML = said;
    this.maps.forEach((map, i) => map.stage.setAttribute("aria-label",
      `${MAPS[i]}, layers by cells, step ${values.step}; arrow keys move the cross`));
    if (this.pointed) this.point(this.pointed.at, this.pointed.map);
  }

  /**
   * Cells in the order of mean T over all layers of what is shown now: the most open ones first.
   * @param {boolean} on
   */
  arrange(on) {
    const track = this.run.history?.tracks[this.lane], of = this.shown?.mean ?? this.shown?.gate;
    this.order = null;
    if (!on || !of || !track) return;
    this.order = openestFirst(of, track.cells);
  }

  /**
   * The same cell is framed in all four maps.
   * @param {Cell | null} at
   * @param {MapName} name  the map that is pointed at
   */
  point(at, name) {
    this.pointed = at && { at, map: name };
    this.maps.forEach((map, i) => {
      const mine = MAPS[i] === name && at;
      map.point(this.shown?.[MAPS[i]] ? at : null, mine ? this.valueAt(at, name) : "");
    });
  }

  /**
   * @param {Cell} cell
   * @param {MapName} name
   */
  valueAt([row, column], name) {
    const track = this.run.history?.tracks[this.lane], values = this.shown?.[name];
    if (!track || !values) return "";
    const cell = this.order ? this.order[column] : column;
    const value = values[row * track.cells + cell];
    const text = Number.isNaN(value) ? "none" : value.toPrecision(3).replace("-", "−");
    return `layer ${rowsOf(track)[row][1]}, cell ${cell + 1}: ${SYMBOLS[name]} = ${text}`;
  }

  close() {
    this.steps.stop();
    this.box.remove();
  }
}
