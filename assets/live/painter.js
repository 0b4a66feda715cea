// Draws what a Live holds: not more often than the screen shows, nothing that stands there already.

import { showHeader, showLegend } from "./cards.js";
import { heatReading, lossReading, profileReading } from "./words.js";

const REST = 0.6; // of the time that drawing took
const EVERY_MS = { heat: 1000, loss: 250 }; // the larger a chart, the seldomer
const GAPS_EVERY_MS = 1000, SPEAK_EVERY_MS = 5000, AGAIN_MS = 120;
export const PRESS_TRAIN = "Press Train: the curves are drawn while the nets learn.";

export class Painter {
  constructor(live) {
    Object.assign(this, { live, dirty: new Set(), later: new Map(), drawnAt: {}, closed: false });
  }

  /** Marks what is to be drawn anew (default: all) and draws before the next picture. */
  touch(...names) {
    const all = ["header", "gates", ...Object.keys(this.live.cards)];
    const wanted = names.length ? names : all;
    for (const name of all) if (wanted.some((one) => name.startsWith(one))) this.dirty.add(name);
    if (this.busy || this.closed) return;
    this.busy = true;
    const rest = (this.restUntil ?? 0) - performance.now();
    const next = () => requestAnimationFrame(() => this.paint());
    if (rest > 0) setTimeout(next, rest);
    else next();
  }

  async paint() {
    let began = performance.now();
    try {
      await this.live.ready;
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
    if (this.closed) return;
    const { history, limit } = this.live;
    const step = history ? Math.min(history.step, limit) : -1;
    const names = [...this.dirty];
    this.dirty.clear();
    this.drawFrame(Math.floor(step));
    if (names.includes("gates")) this.drawGates();
    await Promise.all(names.map(async (name) => {
      if (!this.live.cards[name] || this.tooSoon(name)) return;
      if (!(await this.drawCard(name, step))) this.postpone(name, AGAIN_MS);
    }));
    if (!this.closed && history?.newest) this.stamp(history, step);
  }

  /** Tells tests and benchmarks which step stands on the screen, once it was painted. */
  stamp(history, step) {
    const { root, cards, connection } = this.live;
    const count = history.countTo(step), newest = count ? history.steps[count - 1] : "";
    requestAnimationFrame(() => setTimeout(() => {
      if (this.live.history !== history) return;
      root.dataset.step = newest;
      root.dataset.drawnAt = performance.now();
    }));
    if (!cards.heat || performance.now() - (this.gapsAt ?? -1e9) < GAPS_EVERY_MS) return;
    this.gapsAt = performance.now();
    const steps = history.gaps();
    if (steps.length) connection.profilesOf(steps);
  }

  tooSoon(name) {
    const wait = (EVERY_MS[name] ?? 0) - (performance.now() - (this.drawnAt[name] ?? -1e9));
    if (wait > 0) this.postpone(name, wait);
    return wait > 0;
  }

  postpone(name, wait) {
    this.dirty.delete(name);
    if (this.later.has(name)) return;
    this.later.set(name, setTimeout(() => { this.later.delete(name); this.touch(name); }, wait));
  }

  /** Everything but the charts. */
  drawFrame(step) {
    const { live } = this;
    const { history, status, linked, root } = live;
    const total = history?.whole ?? status.steps ?? 0;
    root.dataset.state = status.state;
    root.dataset.paused = Boolean(status.paused);
    const seeds = history?.seeds, replays = live.limit < Infinity;
    if (live.headline) showHeader(live.headline, { status, step, total, linked, seeds, replays });
    const fates = live.lanes.map((lane) => history?.fate(lane.index) ?? "");
    showLegend(live.legend, live.lanes, fates, (lane) => live.toggle(lane));
    live.slider.show(live.pinned ?? step, step, live.pinned !== null);
    const vacant = status.state === "missing" ? status.message
      : live.run ? "One moment: the first step is on its way."
        : live.options.empty ?? PRESS_TRAIN;
    for (const [name, made] of Object.entries(live.cards)) {
      const title = live.titleOf(name.split("-")[0]);
      if (made.heading.textContent !== title) made.heading.textContent = title;
      made.vacant.hidden = Boolean(history?.newest);
      if (made.vacant.textContent !== vacant) made.vacant.textContent = vacant;
      if (!history?.newest) made.reading.textContent = "";
    }
    if (history?.newest) this.speak(step);
  }

  /** For those who hear the page: seldom, and in few words. */
  speak(step) {
    const now = performance.now();
    if (now - (this.spokeAt ?? 0) < SPEAK_EVERY_MS) return;
    this.spokeAt = now;
    const { history, lanes, voice } = this.live;
    const at = history.countTo(step) - 1;
    voice.textContent = `step ${step}: ${lanes.map((lane) =>
      `${lane.label} loss ${history.curves[lane.index].loss[at]?.toFixed(2)}`).join(", ")}`;
  }

  drawGates() {
    const { gates, history } = this.live;
    for (const panel of gates) {
      panel.vacant.textContent = history?.newest ? "One moment: the first maps are on their way."
        : PRESS_TRAIN;
      panel.draw();
    }
  }

  /** Draws one chart and what it says; false if it must wait for the user's hand. */
  async drawCard(name, step) {
    const { live } = this;
    const { plot, reading } = live.cards[name];
    if (!live.history?.newest || !plot.clientWidth) return true;
    const panel = name;
    const view = this.view(panel, plot, step);
    if (this.isDrawn(name, panel, view)) return true;
    this.drawnAt[name] = performance.now();
    const { traces, layout, ...more } = live.figures[panel].draw(view);
    if (!(await live.charts[name].draw(traces, layout))) {
      live.charts[name].shows = null;
      return false;
    }
    if (this.closed || !live.cards[name]) return true;
    const says = this.says(panel, { ...view, ...more, step: Math.max(0, Math.floor(step)) });
    if (reading.innerHTML !== says) reading.innerHTML = says;
    plot.setAttribute("aria-label", `${live.titleOf(panel)}. ${reading.textContent}`);
    return true;
  }

  /** All that a figure is made of. */
  view(panel, plot, step) {
    const { history, lanes, theme, limit, error, options, quantity, pinned } = this.live;
    const at = panel === "heat" ? step : pinned ?? step;
    const size = {
      width: plot.clientWidth,
      height: this.live.heightOf(panel),
      font: theme.size * (plot.clientWidth < 420 ? 0.8 : 0.88),
    };
    return {
      history, lanes, theme, limit, error, quantity, size,
      chance: options.chance, profile: history.profile(at), changes: this.live.status.changes ?? [],
    };
  }

  says(panel, view) {
    const { history, lanes, profile, quantity } = view;
    const shown = lanes.filter((one) => !one.hidden);
    if (panel === "loss") {
      const note = history.evaluated ? this.live.options.note ?? "" : "";
      return `${lossReading(shown, view)} ${note}`.trim();
    }
    if (panel === "profile") return profileReading(shown, quantity);
    return heatReading(shown, profile, quantity);
  }

  /** A profile that stands on the screen already, in this theme and size? */
  isDrawn(name, panel, { history, profile, quantity, theme, size }) {
    if (panel !== "profile") return false;
    const now = [profile, quantity, theme, size.width, size.height, ...history.alive];
    const chart = this.live.charts[name];
    const same = chart.shows?.every((part, i) => part === now[i]);
    if (!same) chart.shows = now;
    return same;
  }

  close() {
    this.closed = true;
    this.later.forEach((timer) => clearTimeout(timer));
  }
}
