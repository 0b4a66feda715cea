// The live charts of one run, in any page: `mount(element, settings)`. What is in between stands in
// a Live, one for each place on a page.

import { element } from "./cards.js";
import { chosenIn, wordsOf } from "./chosen.js";
import { Connection } from "./connection.js";
import { makeFilm } from "./film.js";
import { ENDED, Follower } from "./follower.js";
import { GatesPanel } from "./gates.js";
import { Page } from "./page.js";
import { Painter } from "./painter.js";
import { loadPlotly } from "./plotly.js";
import { Replay, nearest, trainedAt } from "./replay.js";
import { chartButtons, FilmRow, gatesButtons, netsButtons } from "./takeaway.js";
import { readTheme } from "./theme.js";
import { View } from "./view.js";

/** @import { Words } from "./chosen.js" */
/** @import { Listener } from "./connection.js" */
/** @import { FilmKind } from "./film.js" */
/** @import { Link } from "./follower.js" */
/** @import { Hello, Quantity, Track } from "./messages.js" */
/** @import { PanelName } from "./page.js" */
/** @import { PageTheme } from "./theme.js" */
/** @import { Options } from "./view.js" */

/**
 * @typedef {object} Settings
 * @property {string | null} [run]  which one to follow; without it the charts are empty
 * @property {string} [home]  the app's address with a slash at its end; default: where this module
 *   came from
 * @property {"socket" | "poll" | ((listener: Listener) => Link) | null} [transport]  how messages
 *   come: by a socket (the default), by polling alone, or from a function's link, which tells
 *   the listener nothing before the function has returned
 * @property {string} [plotly]  the address of plotly.js, below home
 * @property {PageTheme} [theme]  default: the page's own variables, --sv-text and so on
 * @property {PanelName[]} [panels]  in their order
 * @property {string} [id]  tells the places of a page apart
 * @property {number | null} [height]  of one chart in pixels; default: fitting
 * @property {string} [title]
 * @property {Options} [options]
 * @property {number | null} [step]  that somebody else has chosen: it is shown, also when it comes
 *   again with another `turn`; null: the newest; without it the viewer alone chooses
 * @property {number} [turn]
 * @property {boolean} [films]  are films of the replay offered?
 * @property {(step: number | null) => void} [chosen]  is told what the viewer chooses
 * @property {Words} [words]  what was chosen before in the charts of this run
 * @property {(words: Words) => void} [note]  is told what is chosen in them now
 */

/** @type {PanelName[]} */
const PANELS = ["header", "loss", "profile", "graph", "heat", "gates"];
const PROFILES_AT_ONCE = 120;

/** @type {WeakMap<HTMLElement, Live>} */
const places = new WeakMap();

/**
 * Shows the live charts of a run in an element. Called again for the same element it takes other
 * settings; another run clears the charts, and what has not changed costs nothing.
 * @param {HTMLElement} root
 * @param {Settings} settings
 * @returns {() => void} takes the charts away
 */
export function mount(root, settings) {
  const shape = JSON.stringify([settings.panels, settings.height]);
  let live = places.get(root);
  if (live && live.shape !== shape) { live.close(); live = undefined; }
  if (!live) {
    live = new Live(root, settings, shape);
    places.set(root, live);
  }
  live.apply(settings);
  return () => {
    places.get(root)?.close();
    places.delete(root);
  };
}

/**
 * The replay of a mounted run as a film; it waits until the run is here.
 * @param {HTMLElement} root
 * @param {FilmKind} kind
 * @param {(share: number) => void} progress
 */
export async function film(root, kind, progress) {
  const live = places.get(root);
  if (!live) throw new Error("There are no charts here.");
  await live.ready;
  while (!live.run.history?.newest) {
    if (live.run.status.state === "missing") throw new Error(live.run.status.message);
    await new Promise((again) => { setTimeout(again, 20); });
  }
  return makeFilm(live.painter, kind, { progress });
}

/** A page that brings live.css by itself has it in an element of this id. */
const OWN_STYLE = "sv-style";

/** @type {Promise<unknown> | null} */
let style = null;

function loadStyle() {
  style ??= new Promise((done) => {
    if (document.getElementById(OWN_STYLE)) { done(null); return; }
    const href = new URL("./live.css", import.meta.url).href;
    document.head.append(element("link", { rel: "stylesheet", href, onload: done, onerror: done }));
  });
  return style;
}

/**
 * Sets the CSS variables that the charts' theme is made of.
 * @param {HTMLElement} root
 * @param {PageTheme} theme
 */
function dress(root, theme = {}) {
  for (const [name, value] of Object.entries(theme)) root.style.setProperty(`--sv-${name}`, value);
}

class Live {
  /**
   * @param {HTMLElement} root
   * @param {Settings} settings
   * @param {string} shape  settings that make another page of it
   */
  constructor(root, settings, shape) {
    this.root = root;
    this.shape = shape;
    this.home = settings.home ?? new URL("../../", import.meta.url).href;
    this.settings = settings;
    this.led = ""; // which step somebody else has chosen
    this.applied = ""; // the settings and the theme that stand now
    root.classList.add("sv-live");
    dress(root, settings.theme);
    /** @type {ReturnType<typeof chosenIn> | null} */
    this.before = chosenIn(settings.words ?? {}); // what is to be shown at first
    this.view = new View(root, settings.options ?? {}, this.before);
    this.seek = (/** @type {number | null} */ step) => this.lead(step);
    this.replay = new Replay({
      show: (step) => this.rewind(step),
      change: () => { this.painter.touch("header"); this.note(); },
    });
    this.page = new Page(root, {
      prefix: `sv-${(settings.id ?? "live").replace(/[^\w-]/g, "_")}`,
      panels: settings.panels ?? PANELS, height: settings.height ?? null, view: this.view, on: this,
    });
    const plotlyAt = new URL(settings.plotly ?? "vendor/plotly.min.js", this.home).href;
    this.ready = Promise.all([loadStyle(), loadPlotly(plotlyAt)]);
    this.ready.catch(() => { root.textContent = "plotly.js could not be loaded."; });
    this.painter = new Painter(this.page, this.view, this.ready, this);
    this.addButtons();
    this.run = this.follow(settings);
    this.watcher = new ResizeObserver(() => this.painter.touch());
    this.watcher.observe(root);
    this.onVisible = () => { if (!document.hidden) this.painter.touch(); };
    document.addEventListener("visibilitychange", this.onVisible);
  }

  /** Every figure can be taken away, and the replay of all. */
  addButtons() {
    const { page, painter } = this;
    for (const [name, { box }] of page.allCards()) box.append(chartButtons(painter, name));
    page.graph?.box.append(netsButtons(painter));
    if (!page.headline || !this.settings.films) return;
    page.film = new FilmRow(painter);
    page.root.insertBefore(page.film.box, page.voice);
  }

  // --- What comes in ----------------------------------------------------------------------

  /** @param {Settings} settings */
  apply(settings) {
    // A rerun of the page brings the same again and again: nothing has to be drawn for that.
    dress(this.root, settings.theme);
    this.settings = settings;
    const wanted = JSON.stringify([settings, readTheme(this.root)]);
    if (wanted === this.applied) return;
    this.applied = wanted;
    this.view.options = settings.options ?? {};
    this.page.entitle(settings.title ?? "");
    if ((settings.run ?? null) !== this.run.run) {
      this.run.close();
      this.run = this.follow(settings);
    } else if (this.page.gates.length) {
      this.view.takeExtra();
      this.showSamples();
    }
    this.view.style(this.run.history?.tracks ?? []);
    this.painter.touch();
    this.goAlong(settings);
  }

  /**
   * Shows the step that somebody else has chosen.
   * @param {Settings} settings
   */
  goAlong({ run, step, turn }) {
    const led = JSON.stringify([run, step, turn]);
    if (step === undefined || led === this.led) return;
    this.led = led;
    this.choose(step);
  }

  /**
   * Follows a run; the charts stay where they are, and are empty until it brings something.
   * @param {Settings} settings
   */
  follow({ run = null, transport, options }) {
    const { home, page, painter, root, view } = this;
    view.begin();
    this.replay.of(null, 0);
    page.showGates([]);
    page.allCards().forEach(([, { chart }]) => chart.empty());
    root.dataset.run = run ?? "";
    delete root.dataset.step;
    const columns = page.panels.includes("heat") || options?.replay_s ? PROFILES_AT_ONCE : 1;
    const connect = (/** @type {Listener} */ on) => (typeof transport === "function"
      ? transport(on) : new Connection({ home, run: run ?? "", columns, transport, on }));
    let replayable = false;
    const follower = new Follower(run, connect, {
      sample: () => (page.panels.includes("gates") ? view.mapSample : -1),
      change: (...names) => painter.touch(...names),
      begin: (hello) => {
        replayable = Boolean(view.options.replay_s) && follower.ended && !this.before?.step;
        this.begin(hello);
      },
      news: () => {
        this.replay.of(follower.history, this.rate(follower));
        if (replayable && follower.history?.newest) {
          replayable = false;
          this.replayOnce();
        }
        painter.touch();
      },
    });
    painter.begin(follower);
    return follower;
  }

  /** @param {Hello} hello */
  begin({ tracks, status }) {
    const { before, view } = this;
    this.before = null;
    view.hidden.clear();
    before?.hidden.filter((lane) => lane < tracks.length).forEach((lane) => view.toggle(lane));
    view.style(tracks);
    if (this.page.panels.includes("gates")) this.showGates(tracks);
    const step = before?.step ?? null;
    if (step !== null && step < (status.step ?? 0)) this.rewind(step);
    this.painter.touch();
    this.note();
  }

  /**
   * One panel for each gated lane, with the plain lane of its shape.
   * @param {Track[]} tracks
   */
  showGates(tracks) {
    const { page, run, view } = this;
    const like = (/** @type {Track} */ a, /** @type {Track} */ b) => a.samples === b.samples
      && a.cells === b.cells && a.units.length === b.units.length;
    page.showGates(tracks.flatMap((track, lane) => {
      if (!track.gates.length || !track.cells) return [];
      const twin = tracks.findIndex((one) => !one.gates.length && one.cells && like(one, track));
      const panel = new GatesPanel({
        run, view, lane, twin: twin < 0 ? null : twin, id: `${page.prefix}-gates-${lane}`,
        title: `Gates and stripes: ${track.label}`, height: page.heightOf("gates"),
        on: {
          pin: (step) => this.pin(step), showSample: (sample) => this.showSample(sample),
          redraw: () => this.redraw("gates"),
        },
      });
      panel.box.append(gatesButtons(this.painter, panel));
      return panel;
    }));
    this.showSamples();
  }

  /** The thumbnails, once more when their pictures have come. */
  async showSamples() {
    const { page, run } = this;
    const show = () => page.gates.forEach((panel) => panel.showSamples());
    show();
    if (page.gates.length && await run.fetchPictures()) {
      show();
      this.painter.touch("gates");
    }
  }

  // --- What the user does -----------------------------------------------------------------

  /** @param {number | null} step */
  pin(step) {
    this.choose(step);
    this.settings.chosen?.(step);
  }

  /**
   * A step that the viewer or somebody else has chosen; what came before it stays in sight.
   * @param {number | null} step
   */
  choose(step) {
    this.replay.pause();
    this.view.pinned = step;
    if (step === null) this.view.limit = Infinity;
    if (this.page.cards.profile || this.page.graph) this.run.exactly(step);
    if (step !== null) this.page.gates.forEach((panel) => panel.need());
    if (step === null) this.painter.touch();
    else this.painter.touch("profile", "graph", "gates", "header");
    this.note();
  }

  /**
   * Everything as it was at a step; null: as it is now.
   * @param {number | null} step
   */
  lead(step) {
    this.rewind(step);
    this.settings.chosen?.(step);
  }

  /** @param {number | null} step */
  rewind(step) {
    const { page, run, view } = this;
    view.pinned = null;
    view.limit = step ?? Infinity;
    if (page.cards.profile || page.graph) run.exactly(step);
    if (step !== null) page.gates.forEach((panel) => panel.need());
    this.painter.touch();
    // Colouring costs next to nothing: the nets need not wait until the charts are drawn.
    if (step !== null) page.graph?.draw(run, step);
    this.note();
  }

  /** Tells what is chosen now; a replay under way is told of where it stops. */
  note() {
    if (!this.replay.playing && this.run.history) this.settings.note?.(wordsOf(this.view));
  }

  /** @param {number | "extra"} sample */
  showSample(sample) {
    this.view.sample = sample;
    this.run.mapsOfSample(this.view.mapSample);
    this.painter.touch("gates");
    if (this.view.pinned !== null || this.run.ended) {
      this.page.gates.forEach((panel) => panel.need());
    }
  }

  /** @param {boolean} error */
  showError(error) {
    this.view.showError(error);
    this.page.cards.loss?.chart.forget();
    this.painter.touch("loss");
    this.note();
  }

  /** @param {Quantity} quantity */
  showQuantity(quantity) {
    this.view.quantity = quantity;
    this.page.cards.profile?.chart.forget();
    this.painter.touch();
    this.note();
  }

  /** @param {number} lane */
  toggle(lane) {
    this.view.toggle(lane);
    this.view.style(this.run.history?.tracks ?? []);
    this.painter.touch();
    this.note();
  }

  /** @param {string} card */
  zoom(card) { this.painter.touch(card); }

  /** @param {"gates" | "graph"} panel  another view of it was chosen */
  redraw(panel) { this.painter.touch(panel); }

  /**
   * Steps per second at which a run trained: over all of it, where it was over when it was opened.
   * @param {Follower} run
   */
  rate({ hello, history, status }) {
    const over = hello && ENDED.has(hello.status.state);
    return trainedAt(history?.step ?? 0, over ? hello.took_s ?? 0 : 0, status.steps_per_s ?? 0);
  }

  /** A run that is over is drawn again, within so many seconds as the page says. */
  async replayOnce() {
    const { replay, view } = this, { history } = replay;
    if (view.theme.still) return;
    view.limit = 0;
    await this.ready;
    if (this.painter.closed || replay.history !== history) return;
    replay.choose(nearest(replay.speeds, replay.alone_s / (view.options.replay_s ?? 1)));
    replay.play(null);
  }

  close() {
    this.replay.pause();
    this.painter.close();
    this.run.close();
    this.watcher.disconnect();
    document.removeEventListener("visibilitychange", this.onVisible);
    this.page.close();
  }
}
