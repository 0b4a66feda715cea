// The gates of a highway net, as Fig. 2 of Srivastava et al. 2015 shows them, live: biases, mean T,
// T and outputs of one sample, layers × cells, at any recorded step, at init, and of the plain twin.

import { CellMap } from "./cellmap.js";
import { element } from "./cards.js";
import { around, diverging, GATE_SCALES, round, sequential } from "./scales.js";
import { gatesReading } from "./words.js";

const MAPS = ["bias", "mean", "gate", "output"];
const PLAY_EVERY_MS = 110, ASK_EVERY_MS = 1500, LEAST_BIAS = 0.2, CLOSED = 0.05;
const MODES = [["init", "at init"], ["now", "now"], ["twin", "plain twin"]];

export class GatesPanel {
  constructor({ live, lane, twin, id, title }) {
    Object.assign(this, { live, lane, twin, mode: "now", order: null, gateScale: null, at: null });
    this.maps = MAPS.map((name) => new CellMap(name, (at) => this.point(at, name)));
    this.heading = element("h3", {}, title);
    this.modes = buttons("which net", twin === null ? MODES.slice(0, 2) : MODES,
      (mode) => { this.mode = mode; this.need(); this.live.touch("gates"); });
    this.samples = element("div", {
      class: "sv-samples", role: "group", "aria-label": "sample, one of each class",
    });
    this.scales = buttons("scale of T",
      Object.entries(GATE_SCALES).map(([name, { button }]) => [name, button]),
      (name) => { this.gateScale = name; this.live.touch("gates"); });
    this.sort = element("button", {
      type: "button", class: "sv-follow", "aria-pressed": "false",
      title: "Puts the cells in the order of their mean T over all layers; it stays while you scrub",
      onclick: () => { this.arrange(!this.order); this.live.touch("gates"); },
    }, "cells by mean T");
    this.buildSlider(id);
    this.reading = element("p", { class: "sv-reading" });
    this.vacant = element("p", { class: "sv-empty" });
    this.figures = element("div", { class: "sv-maps" }, ...this.maps.map(({ box }) => box));
    const tools = element("div", { class: "sv-tools" },
      element("span", {}, "sample"), this.samples, element("span", {}, "T"), this.scales.box,
      this.sort);
    this.box = element("section", { class: "sv-card sv-wide sv-gates", "data-panel": "gates", id },
      element("header", {}, this.heading, this.row, this.modes.box), tools,
      element("div", { class: "sv-stage" }, this.figures, this.vacant), this.reading);
  }

  buildSlider(id) {
    this.range = element("input", {
      type: "range", min: 0, max: 0, value: 0, id: `${id}-step`, "aria-label": "step of the gates",
    });
    this.range.addEventListener("input", () => this.scrub(Number(this.range.value)));
    this.play = element("button", {
      type: "button", class: "sv-follow", onclick: () => this.toggle(),
    }, "▶ replay");
    this.follow = element("button", {
      type: "button", class: "sv-follow", title: "Show the newest step again",
      onclick: () => { this.stop(); this.live.pin(null); },
    }, "following");
    this.text = element("output", { for: `${id}-step` });
    this.row = element("div", { class: "sv-slider sv-steps" },
      this.play, this.text, this.range, this.follow);
  }

  // --- Steps ------------------------------------------------------------------------------

  get store() { return this.live.history?.maps; }

  get sample() { return this.live.sample; }

  /** The lane whose outputs are shown, and the step. */
  shownLane() { return this.mode === "twin" ? this.twin : this.lane; }

  shownStep() {
    if (this.mode === "init") return 0;
    return this.live.pinned ?? this.live.limit;
  }

  scrub(place) {
    this.need();
    const steps = this.store.steps(this.lane, this.sample);
    if (!steps.length) return;
    if (this.mode === "init") this.mode = "now";
    this.live.pin(steps[Math.min(place, steps.length - 1)]);
    this.draw();
  }

  toggle() {
    if (this.playing) { this.stop(); return; }
    this.need();
    this.place = this.live.pinned === null || this.atEnd() ? 0 : Number(this.range.value);
    this.playing = setInterval(() => {
      this.scrub(this.place);
      this.place += 1;
      if (this.place >= this.store.steps(this.lane, this.sample).length) this.stop();
    }, PLAY_EVERY_MS);
    this.play.textContent = "❚❚ pause";
  }

  atEnd() { return Number(this.range.value) >= Number(this.range.max); }

  stop() {
    clearInterval(this.playing);
    this.playing = null;
    this.play.textContent = "▶ replay";
  }

  /** Fetches what is lacking of the chosen sample: all steps up to the newest. */
  async need() {
    const now = performance.now(), { live, store } = this;
    if (!store || typeof this.sample !== "number" || now < (this.askedAt ?? -1e9) + ASK_EVERY_MS
      && this.asked === this.sample) return;
    Object.assign(this, { askedAt: now, asked: this.sample });
    const upTo = live.history.step;
    await Promise.all([this.lane, this.twin].map(async (lane) => {
      const lack = lane === null ? null : store.lack(lane, this.asked, upTo);
      if (lack && await live.connection.mapsOf(lack)) store.whole(lane, lack.sample, upTo);
    }));
  }

  // --- Samples ----------------------------------------------------------------------------

  /** Thumbnails of the samples that the maps are recorded for, and one chosen by number. */
  showSamples(found, extra) {
    const count = this.live.history?.tracks[this.lane].samples ?? 0;
    const made = [];
    for (let k = 0; k < count; k += 1) {
      made.push(this.thumb(k, found ? [found.pixels[k], found.shape] : null,
        found ? `class ${found.names[k]}, sample ${found.rows[k]}` : `sample ${k + 1}`,
        String(k + 1)));
    }
    if (extra && extra.lane === this.lane) {
      made.push(this.thumb("extra", [extra.pixels, extra.shape],
        `class ${extra.name}, sample ${extra.row}`, extra.row));
    }
    this.samples.replaceChildren(...made);
  }

  thumb(key, picture, label, text) {
    const button = element("button", {
      type: "button", title: label, "aria-label": label, "data-sample": key,
      onclick: () => this.live.showSample(key),
    });
    button.append(picture ? pixels(...picture) : text);
    return button;
  }

  // --- Drawing ----------------------------------------------------------------------------

  /** The four arrays that are to be shown, and the step they are of; null while there are none. */
  values() {
    const { extra } = this.live.options;
    if (this.sample === "extra" && extra?.lane === this.lane) {
      const found = this.mode === "init" ? extra.init : this.mode === "twin" ? extra.twin
        : extra.now;
      return found ? { ...found, ...typed(found) } : null;
    }
    const sample = typeof this.sample === "number" ? this.sample : 0;
    return this.store?.at(this.shownLane(), sample, this.shownStep()) ?? null;
  }

  draw() {
    const { live } = this, { history, theme } = live;
    const values = history ? this.values() : null;
    this.vacant.hidden = Boolean(values);
    this.figures.hidden = !values;
    this.row.hidden = !values || history.whole < 2;
    if (!values || !this.figures.clientWidth) return;
    const track = history.tracks[this.lane];
    this.gateScale ??= track.bias !== null && 1 / (1 + Math.exp(-track.bias)) < CLOSED
      ? "fifth" : "whole";
    const wide = this.figures.clientWidth, columns = wide >= 880 ? 4 : wide >= 420 ? 2 : 1;
    this.figures.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    const width = Math.floor((wide - (columns - 1) * 10) / columns);
    const looks = this.looks(track, theme, values.samples ?? track.averaged);
    const now = [...MAPS.map((name) => values[name]), this.mode, this.order, theme, width, innerHeight,
      ...looks.map(({ scale, note }) => scale.ticks + note), live.pinned === null, this.samples.children[0],
      this.sample, this.store.lanes[this.lane].version];
    if (this.drawn?.every((part, i) => part === now[i])) return;
    this.drawn = now;
    this.maps.forEach((map, i) => {
      map.lay({
        width, height: live.heightOf("gates") + (innerHeight < 800 ? 0 : 20), units: track.units.length || track.gates.length,
        cells: track.cells, depths: (track.units.length ? track.units : track.gates).map((u) => u[1]),
        theme, first: i % columns === 0, ...looks[i],
      });
      map.show(values[MAPS[i]] ?? null, this.order, this.none(MAPS[i], track));
    });
    this.shown = values;
    this.tell(values, track);
    if (live.ended()) this.need();
  }

  looks(track, theme, samples) {
    const { lanes } = this.store;
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

  none(name, track) {
    if (this.mode === "twin") return "a plain net has no gates";
    if (name === "bias" && track.samples && track.bias === null) return "fixed, not learned";
    return "not recorded in this run";
  }

  /** Everything that says in words what is shown. */
  tell(values, track) {
    const { live } = this, pinned = live.pinned !== null && this.mode !== "init";
    this.box.dataset.step = values.step;
    this.box.dataset.mode = this.mode;
    const steps = typeof this.sample === "number" ? this.store.steps(this.lane, this.sample) : [];
    this.range.max = Math.max(0, steps.length - 1);
    this.range.value = Math.max(0, steps.filter((step) => step <= values.step).length - 1);
    this.range.disabled = !steps.length;
    this.text.textContent = this.mode === "init" ? "step 0, at init" : `step ${values.step}`;
    this.range.setAttribute("aria-valuetext", this.text.textContent);
    this.follow.setAttribute("aria-pressed", !pinned);
    this.follow.textContent = pinned ? "follow" : "following";
    this.modes.press(this.mode);
    this.scales.press(this.gateScale);
    this.sort.setAttribute("aria-pressed", Boolean(this.order));
    for (const one of this.samples.children) {
      one.setAttribute("aria-pressed", one.dataset.sample === String(this.sample));
    }
    const said = gatesReading(live.lanes[this.shownLane()], values, track, this.mode);
    if (this.reading.innerHTML !== said) this.reading.innerHTML = said;
    this.maps.forEach((map, i) => map.stage.setAttribute("aria-label",
      `${MAPS[i]}, layers by cells, step ${values.step}; arrow keys move the cross`));
    if (this.at) this.point(this.at, this.pointedMap);
  }

  /** Cells in the order of mean T over all layers of what is shown now: the most open ones first. */
  arrange(on) {
    const track = this.live.history?.tracks[this.lane], of = this.shown?.mean ?? this.shown?.gate;
    this.order = null;
    if (!on || !of) return;
    const sums = Array.from({ length: track.cells }, (_, cell) => {
      let sum = 0, count = 0;
      for (let at = cell; at < of.length; at += track.cells) {
        if (!Number.isNaN(of[at])) { sum += of[at]; count += 1; }
      }
      return count ? sum / count : -1;
    });
    this.order = sums.map((_, cell) => cell).sort((a, b) => sums[b] - sums[a]);
  }

  /** The same cell is framed in all four maps. */
  point(at, name) {
    Object.assign(this, { at, pointedMap: name });
    this.maps.forEach((map, i) => {
      const mine = MAPS[i] === name && at && this.shown?.[name];
      map.point(this.shown?.[MAPS[i]] ? at : null, mine ? this.valueAt(at, name) : "");
    });
  }

  valueAt([row, column], name) {
    const track = this.live.history.tracks[this.lane];
    const cell = this.order ? this.order[column] : column;
    const depth = (track.units.length ? track.units : track.gates)[row][1];
    const value = this.shown[name][row * track.cells + cell];
    const what = { bias: "b_T", mean: "mean T", gate: "T", output: "y" }[name];
    const text = Number.isNaN(value) ? "none" : value.toPrecision(3).replace("-", "−");
    return `layer ${depth}, cell ${cell + 1}: ${what} = ${text}`;
  }

  close() { this.stop(); this.box.remove(); }
}

function typed(found) {
  return Object.fromEntries(MAPS.filter((name) => found[name]?.length).map((name) =>
    [name, Float32Array.from(found[name].flat(), (value) => value ?? NaN)]));
}

/** A small picture of a sample, (C, H, W) bytes. */
function pixels(bytes, [channels, height, width]) {
  const canvas = element("canvas", { width, height });
  const image = new ImageData(width, height), size = height * width;
  const top = Math.max(1, ...bytes);
  const bright = top > 32 ? 255 : top; // digits are counted from 0 to 16
  for (let at = 0; at < size; at += 1) {
    for (let k = 0; k < 3; k += 1) {
      image.data[4 * at + k] = (255 * bytes[(channels === 3 ? k : 0) * size + at]) / bright;
    }
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** A row of buttons of which one is pressed, which one is said from outside. */
function buttons(label, choices, pick) {
  const box = element("div", { class: "sv-choice", role: "group", "aria-label": label });
  for (const [value, text] of choices) {
    box.append(element("button", {
      type: "button", "data-value": value, onclick: () => pick(value),
    }, text));
  }
  const press = (value) => box.querySelectorAll("button").forEach((one) =>
    one.setAttribute("aria-pressed", one.dataset.value === value));
  return { box, press };
}
