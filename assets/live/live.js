// The live charts of one run. `update(root, data, home)` mounts them or takes new data,
// `unmount(root)` ends them. Everything between is in a Live, one for each place on a page.

import { card, element, header, slider } from "./cards.js";
import { Chart } from "./chart.js";
import { GatesPanel } from "./gates.js";
import { History } from "./history.js";
import { LossFigure } from "./loss.js";
import { HeatFigure } from "./maps.js";
import { Painter, PRESS_TRAIN } from "./painter.js";
import { ProfileFigure } from "./profile.js";
import { inkOf, laneStyles, readTheme } from "./theme.js";
import { Connection, COLUMNS, decode, EXACT, MAPS } from "./wire.js";
import { QUANTITIES } from "./words.js";

const REPLAY_EVERY_MS = 60, PATIENCE_MS = 2000;
const ENDED = new Set(["finished", "stopped", "interrupted", "failed"]);
const places = new WeakMap();

export function update(root, data, home) {
  const key = JSON.stringify([data.panels, data.height]);
  let live = places.get(root);
  if (live && live.key !== key) { live.close(); live = null; }
  if (!live) {
    live = new Live(root, data, home, key);
    places.set(root, live);
  }
  live.take(data);
}

export function unmount(root) {
  places.get(root)?.close();
  places.delete(root);
}

let plotly = null;

function loadPlotly(address) {
  plotly ??= new Promise((done, fail) => {
    if (window.Plotly) { done(); return; }
    document.head.append(element("script", { src: address, onload: done, onerror: fail }));
  });
  return plotly;
}

let style = null;

function loadStyle() {
  style ??= new Promise((done) => {
    const href = new URL("./live.css", import.meta.url).href;
    document.head.append(element("link", { rel: "stylesheet", href, onload: done, onerror: done }));
  });
  return style;
}

/** A viewer's choice, kept by the browser where it may. */
function remember(what, value) {
  try { localStorage.setItem(`skipviz.${what}`, value); } catch { /* private: for this page only */ }
}

function remembered(what) {
  try { return localStorage.getItem(`skipviz.${what}`); } catch { return null; }
}

class Live {
  constructor(root, data, home, key) {
    Object.assign(this, { root, home, key, run: undefined });
    this.options = data.options ?? {};
    this.prefix = `sv-${String(data.id ?? "live").replace(/[^\w-]/g, "_")}`;
    this.status = { state: "loading" };
    this.linked = true;
    this.history = null;
    this.lanes = [];
    this.hidden = new Set();
    this.pinned = null;
    this.wanted = null;
    this.limit = Infinity;
    this.quantity = this.options.quantity ?? "signal";
    this.error = remembered("curve") === "error";
    this.charts = {};
    this.gates = [];
    this.sample = 0;
    this.closed = false;
    this.painter = new Painter(this);
    this.ready = Promise.all([loadStyle(), loadPlotly(home + data.plotly)]);
    this.ready.catch(() => { this.root.textContent = "plotly.js could not be loaded."; });
    this.build(data);
    this.watcher = new ResizeObserver(() => this.touch());
    this.watcher.observe(root);
    this.seen = () => { if (!document.hidden) this.touch(); };
    document.addEventListener("visibilitychange", this.seen);
  }

  // --- The page's elements ----------------------------------------------------------------

  build(data) {
    this.height = data.height ?? Math.round(Math.min(430, Math.max(290, innerHeight * 0.4)));
    this.panels = data.panels;
    this.headline = this.panels.includes("header") ? header(`${this.prefix}-header`) : null;
    this.legend = element("div", { class: "sv-legend", role: "group", "aria-label": "lanes" });
    this.voice = element("p", { class: "sv-voice", "aria-live": "polite" });
    this.grid = element("div", { class: "sv-grid" });
    this.title = element("h2", { class: "sv-title", hidden: "" });
    this.slider = slider(`${this.prefix}-step`, (step) => this.pin(step), () => this.pin(null));
    this.cards = {};
    for (const panel of this.panels) {
      if (panel !== "header" && panel !== "gates") this.addCard(panel, panel);
    }
    const head = this.headline ? [this.headline.box] : [];
    this.root.replaceChildren(this.title, ...head, this.legend, this.grid, this.voice);
    // Gates need no legend: under them it stands with the curves that do.
    const [first, ...others] = this.panels.filter((panel) => panel !== "header");
    this.legend.hidden = first === "gates" && !others.length;
    if (first === "gates" && others.length) this.grid.prepend(this.legend);
  }

  addCard(name, panel, title = this.titleOf(panel)) {
    const choices = {
      loss: ["curve", [["loss", "loss"], ["error", "error"]], this.error ? "error" : "loss",
        (value) => this.showError(value === "error")],
      profile: ["quantity", Object.entries(QUANTITIES).map(([key, words]) => [key, words.button]),
        this.quantity, (value) => this.show(value)],
    }[panel] ?? null;
    const curves = ["loss", "profile"];
    const made = card({
      id: `${this.prefix}-${name}`, panel, title, height: this.heightOf(panel), choices,
      wide: !curves.includes(panel) || this.panels.filter((p) => curves.includes(p)).length === 1,
      empty: this.options.empty ?? PRESS_TRAIN,
    });
    this.cards[name] = made;
    this.charts[name] = new Chart(made.plot, `${name}`);
    this.charts[name].onZoom = () => this.touch(name);
    this.grid.append(made.box);
    if (panel === "profile" && !this.slider.box.isConnected) {
      made.box.insertBefore(this.slider.box, made.reading);
    }
    return made;
  }

  /** The loss stands beside the profile and its slider: both cards end on one line. */
  heightOf(panel) {
    return this.height + (panel === "loss" && this.panels.includes("profile") ? 33 : 0);
  }

  titleOf(panel) {
    return {
      loss: `${this.history?.evaluated ? "Training and held-out" : "Training"} ${
        this.error ? "error" : "loss"}`,
      profile: QUANTITIES[this.quantity].title,
      heat: `${QUANTITIES[this.quantity].title.replace(" per layer", "")} over depth and time`,
    }[panel];
  }

  // --- What comes in ----------------------------------------------------------------------

  take(data) {
    // A rerun of the page brings the same again and again: nothing has to be drawn for that.
    const given = JSON.stringify([data, readTheme(this.root)]);
    if (given === this.given) return;
    this.given = given;
    this.options = data.options ?? {};
    this.title.textContent = data.title ?? "";
    this.title.hidden = !data.title;
    if (data.run !== this.run) this.attach(data.run);
    else if (this.gates.length) this.takeExtra();
    this.style();
    this.touch();
  }

  /** Leaves the old run and follows another; the charts stay where they are. */
  attach(run) {
    this.connection?.close();
    this.run = run;
    this.history = null;
    this.pinned = this.wanted = null;
    this.limit = Infinity;
    this.status = { state: run ? "loading" : "idle" };
    this.linked = true;
    this.figures = {
      loss: new LossFigure(), profile: new ProfileFigure(), heat: new HeatFigure(),
    };
    this.gates.forEach((panel) => panel.close());
    this.gates = [];
    this.pictures = null;
    if (this.sample === "extra") this.sample = 0;
    this.root.dataset.run = run ?? "";
    delete this.root.dataset.step;
    Object.values(this.charts).forEach((chart) => chart.empty());
    this.connection = run ? new Connection({
      home: this.home,
      run,
      columns: this.panels.includes("heat") || this.options.replay_s ? 120 : 1,
      transport: this.options.transport ?? new URLSearchParams(location.search).get("transport"),
      on: {
        held: () => this.history?.n ?? 0,
        sample: () => (this.panels.includes("gates") ? this.mapSample() : -1),
        mapSteps: () => this.history?.maps.newest(this.mapSample()).join(",") ?? "",
        message: (message) => this.receive(message),
        link: (is) => { if (is !== this.linked) { this.linked = is; this.touch("header"); } },
      },
    }) : null;
  }

  receive(message) {
    if (typeof message === "string") this.told(JSON.parse(message));
    else if (this.history) this.brought(decode(message, this.history.tracks));
  }

  told(message) {
    if (message.type === "missing") {
      this.status = { state: "missing", message: message.message };
      this.connection.close();
    } else {
      const known = JSON.stringify(this.status.changes);
      this.status = message.status;
      if (JSON.stringify(this.status.changes) !== known) this.touch("loss");
      if (message.type === "hello") this.greet(message);
      if (ENDED.has(this.status.state)) this.history?.end();
    }
    this.touch("header");
  }

  /** A hello: the first one, or one after a new connection. */
  greet(hello) {
    const known = this.history;
    if (known && known.tracks.length === hello.tracks.length && known.n <= hello.n) return;
    this.history = new History(hello);
    this.hidden.clear();
    if (this.panels.includes("gates")) this.showGates(hello.tracks);
    this.replayable = Boolean(this.options.replay_s) && ENDED.has(hello.status.state);
    this.style();
    this.touch();
  }

  /** One panel for each gated lane, with the plain lane of its shape, in their place on the page. */
  showGates(tracks) {
    this.gates.forEach((panel) => panel.close());
    const later = this.panels.slice(this.panels.indexOf("gates") + 1);
    const next = later.map((name) => this.cards[name]?.box).find(Boolean) ?? null;
    const before = next && this.legend.parentElement === this.grid ? this.legend : next;
    const like = (a, b) => a.samples === b.samples && a.cells === b.cells
      && a.units.length === b.units.length;
    this.gates = tracks.flatMap((track, lane) => {
      if (!track.gates.length || !track.cells) return [];
      const twin = tracks.findIndex((one) => !one.gates.length && one.cells && like(one, track));
      const panel = new GatesPanel({
        live: this, lane, twin: twin < 0 ? null : twin, id: `${this.prefix}-gates-${lane}`,
        title: `Gates and stripes: ${track.label}`,
      });
      this.grid.insertBefore(panel.box, before);
      return [panel];
    });
    this.showSamples();
  }

  /** A sample that was asked for by its number came with new data. */
  takeExtra() {
    const { extra } = this.options, key = JSON.stringify([extra?.lane, extra?.row, extra?.step]);
    if (extra && key !== this.extraKey) this.sample = "extra";
    if (!extra && this.sample === "extra") this.sample = 0;
    this.extraKey = extra ? key : null;
    this.showSamples();
  }

  async showSamples() {
    const { history } = this;
    const tell = () => this.gates.forEach((panel) =>
      panel.showSamples(this.pictures, this.options.extra));
    tell();
    if (!this.gates.length || this.pictures) return;
    const found = await this.connection.samples();
    if (!found || this.history !== history) return;
    const bytes = Uint8Array.from(atob(found.pixels), (sign) => sign.charCodeAt(0));
    const size = bytes.length / found.rows.length;
    this.pictures = {
      ...found, pixels: found.rows.map((_, k) => bytes.subarray(k * size, (k + 1) * size)),
    };
    tell();
    this.touch("gates");
  }

  /** The recorded sample whose maps come while the run trains. */
  mapSample() {
    return typeof this.sample === "number" ? this.sample : 0;
  }

  ended() { return ENDED.has(this.status.state); }

  showSample(sample) {
    this.sample = sample;
    this.connection.sample(this.mapSample());
    this.touch("gates");
    if (this.pinned !== null || this.ended()) {
      this.gates.forEach((panel) => panel.need());
    }
  }

  brought(message) {
    const { history } = this;
    if (message.kind === MAPS) history.maps.add(message);
    else if (message.kind === EXACT) this.answered(message);
    else if (message.kind === COLUMNS) message.profiles.forEach((one) => history.addColumn(one));
    else if (!history.add(message)) this.connection.restart();
    const last = history.lastSteps();
    if (last.length) this.connection.profilesOf(last);
    if (ENDED.has(this.status.state)) history.end();
    if (this.replayable && history.newest) this.replay();
    this.touch();
  }

  // --- What the user does -----------------------------------------------------------------

  pin(step) {
    this.pinned = step;
    if (step !== null && this.cards.profile) this.ask();
    if (step !== null) this.gates.forEach((panel) => panel.need());
    this.touch("profile", "gates", "header");
  }

  /** One question at a time: while one is on its way, only the newest wish is remembered. */
  ask() {
    const { history, pinned } = this;
    if (pinned === null || !history || this.wanted !== null || history.exact.has(pinned)) return;
    this.wanted = pinned;
    this.connection.exactly(pinned);
    clearTimeout(this.patience);
    this.patience = setTimeout(() => { this.wanted = null; this.ask(); }, PATIENCE_MS);
  }

  answered(message) {
    const [profile] = message.profiles;
    this.history.addExact(profile);
    // Where not every step is recorded, the nearest one is the answer to the step asked for.
    if (this.wanted !== null) this.history.exact.set(this.wanted, profile);
    this.wanted = null;
    this.ask();
  }

  showError(error) {
    this.error = error;
    remember("curve", error ? "error" : "loss");
    this.charts.loss.forget();
    this.touch("loss");
  }

  show(quantity) {
    this.quantity = quantity;
    this.charts.profile?.forget();
    this.touch();
  }

  toggle(lane) {
    if (!this.hidden.delete(lane)) this.hidden.add(lane);
    this.style();
    this.touch();
  }

  async replay() {
    this.replayable = false;
    if (this.theme.still) return;
    const { history } = this;
    this.limit = 0;
    await this.ready;
    const began = performance.now();
    const turn = () => {
      if (this.closed || this.history !== history) return;
      const share = (performance.now() - began) / (1000 * this.options.replay_s);
      this.limit = share >= 1 ? Infinity : share * history.step;
      this.touch();
      if (share < 1) setTimeout(turn, REPLAY_EVERY_MS);
    };
    turn();
  }

  style() {
    this.theme = readTheme(this.root);
    this.root.style.setProperty("--sv-card", this.theme.card);
    this.root.style.setProperty("--sv-grid", this.theme.grid);
    this.root.style.setProperty("--sv-muted", this.theme.muted);
    this.root.dataset.theme = this.theme.dark ? "dark" : "light";
    this.lanes = laneStyles(this.history?.tracks ?? [], this.options, this.theme);
    for (const lane of this.lanes) {
      lane.hidden = this.hidden.has(lane.index);
      lane.ink = inkOf(lane.colour, this.theme);
    }
  }

  /** Marks what is to be drawn anew; without names, everything. */
  touch(...names) {
    this.painter.touch(...names);
  }

  close() {
    this.closed = true;
    this.painter.close();
    this.connection?.close();
    this.watcher.disconnect();
    document.removeEventListener("visibilitychange", this.seen);
    clearTimeout(this.patience);
    this.gates.forEach((panel) => panel.close());
    Object.values(this.charts).forEach((chart) => chart.close());
  }
}
