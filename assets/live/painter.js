// Draws what came of a run: not more often than the screen shows, nothing that stands there already.

import { showHeader, showLegend } from "./cards.js";
import { HeatFigure } from "./heat.js";
import { LossFigure } from "./loss.js";
import { PRESS_TRAIN } from "./page.js";
import { ProfileFigure } from "./profile.js";
import { heatReading, lossReading, profileReading } from "./words.js";

/** @import { CardName } from "./cards.js" */
/** @import { FigureView, Layout, Size } from "./chart.js" */
/** @import { Follower } from "./follower.js" */
/** @import { History } from "./history.js" */
/** @import { Page } from "./page.js" */
/** @import { View } from "./view.js" */

const REST = 0.6; // of the time that drawing took
/** @type {Record<string, number>} */
const EVERY_MS = { heat: 1000, loss: 250 }; // the larger a chart, the seldomer
const GAPS_EVERY_MS = 1000, SPEAK_EVERY_MS = 5000, AGAIN_MS = 120;

export class Painter {
  /**
   * @param {Page} page
   * @param {View} view
   * @param {Promise<unknown>} ready  style and plotly.js are here
   * @param {{toggle: (lane: number) => void}} on
   */
  constructor(page, view, ready, on) {
    this.page = page;
    this.view = view;
    this.ready = ready;
    this.on = on;
    /** @type {Follower | null} */
    this.run = null;
    this.figures = newFigures();
    /** @type {Set<string>} */
    this.dirty = new Set();
    /** @type {Map<string, number>} */
    this.later = new Map();
    /** @type {Record<string, number>} */
    this.drawnAt = {};
    this.gapsAt = -Infinity;
    this.spokeAt = 0;
    this.restUntil = 0;
    this.busy = false;
    this.closed = false;
  }

  /**
   * From now on this run is drawn; its axes begin anew.
   * @param {Follower} run
   */
  begin(run) {
    this.run = run;
    this.figures = newFigures();
    this.page.graph?.begin();
  }

  /**
   * Marks what is to be drawn anew (default: all) and draws before the next picture.
   * @param {string[]} names
   */
  touch(...names) {
    const all = ["header", "gates", "graph", ...Object.keys(this.page.cards)];
    for (const name of all) if (!names.length || names.includes(name)) this.dirty.add(name);
    if (this.busy || this.closed) return;
    this.busy = true;
    const rest = this.restUntil - performance.now();
    const next = () => requestAnimationFrame(() => this.paint());
    if (rest > 0) setTimeout(next, rest);
    else next();
  }

  async paint() {
    let began = performance.now();
    try {
      await this.ready;
      began = performance.now();
      await this.drawAll();
    } catch (error) {
      console.error(error);
    }
    // A share of what drawing took is left to whoever clicks and types: a slow or busy machine
    // shows fewer pictures, and stays in hand.
    const now = performance.now();
    this.restUntil = now + REST * (now - began);
    this.busy = false;
    if (!this.closed && this.dirty.size) this.touch(...this.dirty);
  }

  async drawAll() {
    const { run } = this;
    if (this.closed || !run) return;
    const { history } = run;
    const step = history ? Math.min(history.step, this.view.limit) : -1;
    const names = [...this.dirty];
    this.dirty.clear();
    this.drawFrame(run, Math.floor(step));
    if (names.includes("gates")) this.drawGates(history);
    if (names.includes("graph")) this.page.graph?.draw(run, step);
    const cards = this.page.allCards().filter(([name]) => names.includes(name));
    await Promise.all(cards.map(async ([name]) => {
      if (this.tooSoon(name)) return;
      if (!(await this.drawCard(name, run, step))) this.postpone(name, AGAIN_MS);
    }));
    if (!this.closed && history?.newest) this.stamp(run, history, step);
  }

  /**
   * Tells tests and benchmarks which step stands on the screen, once it was painted.
   * @param {Follower} run
   * @param {History} history
   * @param {number} step
   */
  stamp(run, history, step) {
    const { root, cards } = this.page;
    const count = history.countTo(step), newest = count ? history.steps[count - 1] : "";
    requestAnimationFrame(() => setTimeout(() => {
      if (this.run !== run || run.history !== history) return;
      root.dataset.step = String(newest);
      root.dataset.drawnAt = String(performance.now());
    }));
    if (!cards.heat || performance.now() - this.gapsAt < GAPS_EVERY_MS) return;
    this.gapsAt = performance.now();
    const steps = history.gaps();
    if (steps.length) run.profilesOf(steps);
  }

  /** @param {string} name */
  tooSoon(name) {
    const wait = (EVERY_MS[name] ?? 0) - (performance.now() - (this.drawnAt[name] ?? -Infinity));
    if (wait > 0) this.postpone(name, wait);
    return wait > 0;
  }

  /**
   * @param {string} name
   * @param {number} wait
   */
  postpone(name, wait) {
    this.dirty.delete(name);
    if (this.later.has(name)) return;
    this.later.set(name, setTimeout(() => { this.later.delete(name); this.touch(name); }, wait));
  }

  /**
   * Everything but the charts.
   * @param {Follower} run
   * @param {number} step
   */
  drawFrame(run, step) {
    const { page, view } = this, { root, headline } = page;
    const { history, status, linked } = run;
    const total = history?.whole ?? status.steps ?? 0;
    root.dataset.state = status.state;
    root.dataset.paused = String(Boolean(status.paused));
    const seeds = history?.seeds ?? 1, { replay } = page.replay;
    const replayed = replay.playing || view.limit < Infinity ? replay : null;
    if (headline) showHeader(headline, { status, step, total, linked, seeds, replayed });
    page.replay.show(view.shown === null);
    page.film?.show(replay.last > 0);
    const fates = view.lanes.map((lane) => history?.fate(lane.index) ?? "");
    showLegend(page.legend, view.lanes, fates, (lane) => this.on.toggle(lane));
    page.slider.show(view.pinned ?? step, history?.step ?? -1, view.pinned !== null);
    const vacant = status.state === "missing" ? status.message ?? ""
      : run.run ? "One moment: the first step is on its way."
        : view.options.empty ?? PRESS_TRAIN;
    for (const [name, made] of page.allCards()) {
      const title = page.titleOf(name, Boolean(history?.evaluated));
      if (made.heading.textContent !== title) made.heading.textContent = title;
      made.vacant.hidden = Boolean(history?.newest);
      if (made.vacant.textContent !== vacant) made.vacant.textContent = vacant;
      if (!history?.newest) made.reading.textContent = "";
    }
    const { graph } = page;
    if (graph && graph.vacant.textContent !== vacant) graph.vacant.textContent = vacant;
    if (history?.newest) this.speak(history, step);
  }

  /**
   * For those who hear the page: seldom, and in few words.
   * @param {History} history
   * @param {number} step
   */
  speak(history, step) {
    const now = performance.now();
    if (now - this.spokeAt < SPEAK_EVERY_MS) return;
    this.spokeAt = now;
    const at = history.countTo(step) - 1;
    this.page.voice.textContent = `step ${step}: ${this.view.lanes.map((lane) =>
      `${lane.label} loss ${history.curves[lane.index].loss[at]?.toFixed(2)}`).join(", ")}`;
  }

  /** @param {History | null} history */
  drawGates(history) {
    for (const panel of this.page.gates) {
      panel.vacant.textContent = history?.newest ? "One moment: the first maps are on their way."
        : PRESS_TRAIN;
      panel.draw();
    }
  }

  /**
   * Draws one chart and what it says; false if it must wait for the user's hand.
   * @param {CardName} name
   * @param {Follower} run
   * @param {number} step
   */
  async drawCard(name, run, step) {
    const made = this.page.cards[name];
    const view = made && this.figureView(name, run, made.plot.clientWidth, step);
    if (!made || !view || !view.size.width) return true;
    if (name === "profile" && made.chart.isDrawn(profileParts(view))) return true;
    this.drawnAt[name] = performance.now();
    const { traces, layout, says } = this.figure(name, view, Math.max(0, Math.floor(step)));
    if (!(await made.chart.draw(traces, layout))) {
      made.chart.shows = null;
      return false;
    }
    if (this.closed) return true;
    const { plot, reading } = made, title = this.page.titleOf(name, view.history.evaluated);
    if (reading.innerHTML !== says) reading.innerHTML = says;
    plot.setAttribute("aria-label", `${title}. ${reading.textContent}`);
    return true;
  }

  /**
   * A figure for another place than its card.
   * @param {CardName} name
   * @param {Size} size
   * @param {number | null} step  as it was then; null: as it stands on the screen
   */
  drawn(name, size, step) {
    const { run } = this, newest = run?.history?.step ?? -1;
    const at = Math.floor(step ?? Math.min(newest, this.view.limit));
    const view = run && this.figureView(name, run, size.width, at);
    if (!view) return null;
    const then = step === null || !run?.history ? {}
      : { limit: step, profile: run.history.profile(step) ?? view.profile };
    return this.figure(name, { ...view, size, ...then }, Math.max(0, at));
  }

  /**
   * All that a figure is made of; null while there is nothing to draw.
   * @param {CardName} name
   * @param {Follower} run
   * @param {number} width
   * @param {number} step
   * @returns {FigureView | null}
   */
  figureView(name, { history, status }, width, step) {
    const { lanes, theme, limit, error, options, quantity, pinned } = this.view;
    const profile = history?.newest && history.profile(name === "heat" ? step : pinned ?? step);
    if (!history || !profile) return null;
    const font = theme.size * (width < 420 ? 0.8 : 0.88);
    const size = { width, height: this.page.heightOf(name), font };
    return {
      history, lanes, theme, limit, error, quantity, size, profile,
      chance: options.chance, changes: status.changes ?? [],
    };
  }

  /**
   * A figure, and the sentence under it.
   * @param {CardName} name
   * @param {FigureView} view
   * @param {number} step
   * @returns {{traces: Layout[], layout: Layout, says: string}}
   */
  figure(name, view, step) {
    const { history, profile, quantity } = view;
    if (name === "loss") {
      const { traces, layout, ...facts } = this.figures.loss.draw(view);
      const note = history.evaluated ? this.view.options.note ?? "" : "";
      const shown = view.lanes.filter((lane) => !lane.hidden);
      const sentence = lossReading(shown, { ...facts, step, error: view.error, history });
      return { traces, layout, says: `${sentence} ${note}`.trim() };
    }
    if (name === "profile") {
      const { traces, layout, lanes } = this.figures.profile.draw(view);
      const shown = lanes.filter((lane) => !lane.hidden);
      return { traces, layout, says: profileReading(shown, quantity) };
    }
    const shown = view.lanes.filter((lane) => !lane.hidden);
    return { ...this.figures.heat.draw(view), says: heatReading(shown, profile, quantity) };
  }

  close() {
    this.closed = true;
    this.later.forEach((timer) => clearTimeout(timer));
  }
}

/** What can draw each chart: axes only grow while they live. */
function newFigures() {
  return { loss: new LossFigure(), profile: new ProfileFigure(), heat: new HeatFigure() };
}

/**
 * What a profile on the screen depends on.
 * @param {FigureView} view
 */
function profileParts({ history, profile, quantity, theme, size }) {
  return [profile, quantity, theme, size.width, size.height, ...history.alive];
}
