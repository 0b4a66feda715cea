// The live charts of one run. `update(root, data, home)` mounts them or takes new data,
// `unmount(root)` ends them. Everything between is in a Live, one for each place on a page.

import { card, element, header, showHeader, showLegend, slider } from "./cards.js";
import { Chart } from "./chart.js";
import { LossFigure, ProfileFigure } from "./curves.js";
import { History } from "./history.js";
import { GatesFigure, HeatFigure } from "./maps.js";
import { inkOf, laneStyles, readTheme } from "./theme.js";
import { Connection, COLUMNS, decode, EXACT, MAPS } from "./wire.js";
import {
  gatesReading, heatReading, lossReading, profileReading, QUANTITIES,
} from "./words.js";

const HEAT_EVERY_MS = 500, GAPS_EVERY_MS = 1000, SPEAK_EVERY_MS = 5000, REPLAY_EVERY_MS = 60;
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
    this.error = false;
    this.charts = {};
    this.dirty = new Set();
    this.closed = false;
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
    this.root.replaceChildren(
      this.title, ...(this.headline ? [this.headline.box] : []), this.legend, this.grid, this.voice);
  }

  addCard(name, panel, title = this.titleOf(panel)) {
    const choices = {
      loss: ["curve", [["loss", "loss"], ["error", "training error"]], "loss",
        (value) => { this.error = value === "error"; this.charts.loss?.forget(); this.touch("loss"); }],
      profile: ["quantity", Object.entries(QUANTITIES).map(([key, words]) => [key, words.button]),
        this.quantity, (value) => this.show(value)],
    }[panel] ?? null;
    const curves = ["loss", "profile"];
    const made = card({
      id: `${this.prefix}-${name}`, panel, title, height: this.heightOf(panel), choices,
      wide: !curves.includes(panel) || this.panels.filter((p) => curves.includes(p)).length === 1,
      empty: this.options.empty ?? "Press Train: the curves are drawn while the nets learn.",
    });
    this.cards[name] = made;
    this.charts[name] = new Chart(made.plot, `${name}`);
    this.charts[name].onZoom = () => this.touch(name);
    this.grid.append(made.box);
    const holder = this.panels.includes("profile") ? "profile" : "gates";
    if (panel === holder && !this.slider.box.isConnected) {
      made.box.insertBefore(this.slider.box, made.reading);
    }
    return made;
  }

  titleOf(panel) {
    return {
      loss: this.error ? "Training error" : "Training loss",
      profile: QUANTITIES[this.quantity].title,
      heat: `${QUANTITIES[this.quantity].title.replace(" per layer", "")} over depth and time`,
      gates: "Gates and stripes",
    }[panel];
  }

  // --- What comes in ----------------------------------------------------------------------

  take(data) {
    this.options = data.options ?? {};
    this.title.textContent = data.title ?? "";
    this.title.hidden = !data.title;
    if (data.run !== this.run) this.attach(data.run);
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
      gates: new GatesFigure(),
    };
    this.root.dataset.run = run ?? "";
    delete this.root.dataset.step;
    Object.values(this.charts).forEach((chart) => chart.forget());
    this.connection = run ? new Connection({
      home: this.home,
      run,
      columns: this.panels.includes("heat") || this.options.replay_s ? 120 : 1,
      transport: this.options.transport ?? new URLSearchParams(location.search).get("transport"),
      on: {
        held: () => this.history?.n ?? 0,
        mapSteps: () => this.history?.mapSteps().join(",") ?? "",
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
      this.status = message.status;
      if (message.type === "hello") this.greet(message);
    }
    this.touch("header");
  }

  /** A hello: the first one, or one after a new connection. */
  greet(hello) {
    const known = this.history;
    if (known && known.tracks.length === hello.tracks.length && known.n <= hello.n) return;
    this.history = new History(hello);
    this.hidden.clear();
    for (const name of Object.keys(this.cards)) if (name.startsWith("gates")) this.dropCard(name);
    if (this.panels.includes("gates")) {
      hello.tracks.forEach((track, i) => { if (track.cells) this.addCard(`gates-${i}`, "gates"); });
    }
    this.replayable = Boolean(this.options.replay_s) && ENDED.has(hello.status.state);
    this.style();
    this.touch();
  }

  dropCard(name) {
    this.charts[name].close();
    if (this.cards[name].box.contains(this.slider.box)) this.slider.box.remove();
    this.cards[name].box.remove();
    delete this.charts[name];
    delete this.cards[name];
  }

  brought(message) {
    const { history } = this;
    if (message.kind === MAPS) history.addMaps(message);
    else if (message.kind === EXACT) this.answered(message);
    else if (message.kind === COLUMNS) message.profiles.forEach((one) => history.addColumn(one));
    else if (!history.add(message)) this.connection.restart();
    if (this.replayable && history.newest) this.replay();
    this.touch();
  }

  // --- What the user does -----------------------------------------------------------------

  pin(step) {
    this.pinned = step;
    if (step !== null) this.ask();
    this.touch("profile", "gates", "header");
  }

  /** One question at a time: while one is on its way, only the newest wish is remembered. */
  ask() {
    const { history, pinned } = this;
    if (pinned === null || !history || this.wanted !== null || history.exact.has(pinned)) return;
    this.wanted = pinned;
    this.connection.exactly(pinned);
    clearTimeout(this.patience);
    this.patience = setTimeout(() => { this.wanted = null; this.ask(); }, 2000);
  }

  answered(message) {
    const [profile] = message.profiles;
    this.history.addExact(profile);
    // Where not every step is recorded, the nearest one is the answer to the step asked for.
    if (this.wanted !== null) this.history.exact.set(this.wanted, profile);
    this.wanted = null;
    this.ask();
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

  // --- Drawing ----------------------------------------------------------------------------

  /** Marks what is to be drawn anew (default: all) and draws before the next picture. */
  touch(...names) {
    const all = ["header", ...Object.keys(this.cards)];
    const wanted = names.length ? names : all;
    for (const name of all) if (wanted.some((one) => name.startsWith(one))) this.dirty.add(name);
    if (this.busy || this.closed) return;
    this.busy = true;
    requestAnimationFrame(() => this.paint());
  }

  async paint() {
    try {
      await this.ready;
      await this.drawAll();
    } catch (error) {
      console.error(error);
    }
    this.busy = false;
    if (!this.closed && this.dirty.size) this.touch(...this.dirty);
  }

  async drawAll() {
    if (this.closed) return;
    const { history, limit } = this;
    const step = history ? Math.min(history.step, limit) : -1;
    const names = [...this.dirty];
    this.dirty.clear();
    this.drawFrame(Math.floor(step));
    for (const name of names) {
      if (this.closed || !this.cards[name]) continue;
      if (name === "heat" && this.tooSoon()) continue;
      if (!(await this.drawCard(name, step))) this.postpone(name, 120);
    }
    if (!this.closed && history?.newest) this.stamp(history, step);
  }

  /** Tells tests and benchmarks which step stands on the screen, once it does. */
  stamp(history, step) {
    requestAnimationFrame(() => {
      this.root.dataset.step = history.countTo(step)
        ? history.steps[history.countTo(step) - 1] : "";
      this.root.dataset.drawnAt = performance.now();
    });
    if (this.cards.heat && performance.now() - (this.gapsAt ?? -1e9) > GAPS_EVERY_MS) {
      this.gapsAt = performance.now();
      const steps = history.gaps();
      if (steps.length) this.connection.profilesOf(steps);
    }
  }

  tooSoon() {
    const wait = HEAT_EVERY_MS - (performance.now() - (this.heatAt ?? -1e9));
    if (wait > 0) this.postpone("heat", wait);
    else this.heatAt = performance.now();
    return wait > 0;
  }

  postpone(name, wait) {
    this.dirty.delete(name);
    this.later ??= new Map();
    if (this.later.has(name)) return;
    this.later.set(name, setTimeout(() => { this.later.delete(name); this.touch(name); }, wait));
  }

  /** Everything but the charts. */
  drawFrame(step) {
    const { history, status, linked } = this;
    this.root.dataset.state = status.state;
    const total = history?.total ?? status.steps ?? 0;
    if (this.headline) showHeader(this.headline, { status, step, total, linked });
    const diverged = history?.diverged ?? [];
    showLegend(this.legend, this.lanes, diverged, (lane) => this.toggle(lane));
    this.slider.show(this.pinned ?? step, step, this.pinned !== null);
    for (const [name, made] of Object.entries(this.cards)) {
      const title = this.titleOf(name.split("-")[0]);
      if (made.heading.textContent !== title) made.heading.textContent = title;
      made.vacant.hidden = Boolean(history?.newest);
      made.plot.style.visibility = history?.newest ? "" : "hidden";
      made.vacant.textContent = status.state === "missing" ? status.message
        : this.run ? "One moment: the first step is on its way." : this.options.empty
          ?? "Press Train: the curves are drawn while the nets learn.";
    }
    if (history?.newest) this.speak(step);
  }

  speak(step) {
    const now = performance.now();
    if (now - (this.spokeAt ?? 0) < SPEAK_EVERY_MS) return;
    this.spokeAt = now;
    const curves = this.history.curves, at = this.history.countTo(step) - 1;
    this.voice.textContent = `step ${step}: ${this.lanes.map((lane) =>
      `${lane.label} loss ${curves[lane.index].loss[at]?.toFixed(2)}`).join(", ")}`;
  }

  async drawCard(name, step) {
    const { history } = this;
    const { plot, reading } = this.cards[name];
    if (!history?.newest || !plot.clientWidth) return true;
    const [panel, lane] = name.split("-");
    const at = this.pinned ?? step;
    const shown = this.lanes.filter((one) => !one.hidden);
    const profile = panel === "heat" ? history.profile(step) : history.profile(at);
    const view = {
      history, lanes: this.lanes, theme: this.theme, limit: this.limit, error: this.error,
      chance: this.options.chance, quantity: this.quantity, profile,
      size: { width: plot.clientWidth, height: this.heightOf(panel), font: this.fontSize(plot) },
    };
    if (panel === "gates") {
      view.lane = this.lanes[Number(lane)];
      view.maps = history.mapsAt(view.lane.index, at);
      if (!view.maps) return true;
    }
    const { traces, layout, values, stuck } = this.figures[panel].draw(view);
    if (!(await this.charts[name].draw(traces, layout))) return false;
    const says = {
      loss: () => lossReading(shown, {
        step: Math.max(0, Math.floor(step)), values, stuck, error: this.error,
        diverged: history.diverged,
      }),
      profile: () => profileReading(shown, profile, this.quantity),
      heat: () => heatReading(shown, profile, this.quantity),
      gates: () => gatesReading(view.lane, view.maps),
    }[panel]();
    if (reading.innerHTML !== says) reading.innerHTML = says;
    plot.setAttribute("aria-label", `${this.titleOf(panel)}. ${reading.textContent}`);
    return true;
  }

  /** The loss stands beside the profile and its slider: both cards end on one line. */
  heightOf(panel) {
    return this.height + (panel === "loss" && this.panels.includes("profile") ? 33 : 0);
  }

  fontSize(plot) {
    return this.theme.size * (plot.clientWidth < 420 ? 0.8 : 0.88);
  }

  close() {
    this.closed = true;
    this.connection?.close();
    this.watcher.disconnect();
    document.removeEventListener("visibilitychange", this.seen);
    this.later?.forEach((timer) => clearTimeout(timer));
    clearTimeout(this.patience);
    Object.values(this.charts).forEach((chart) => chart.close());
  }
}
