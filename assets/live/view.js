// What the viewer chose and how the lanes look: everything that draws reads it.

import { laneStyles, readTheme, writeTheme } from "./theme.js";

/** @import { chosenIn } from "./chosen.js" */
/** @import { MapName, Quantity, Track } from "./messages.js" */
/** @import { Colour, Lane } from "./theme.js" */

/**
 * A sample that was asked for by its number, measured by a probe; lists are [layers][cells].
 * @typedef {object} ExtraSample
 * @property {number} lane
 * @property {number} row
 * @property {number} step
 * @property {string} name  of its class
 * @property {[number, number, number]} shape
 * @property {number[]} pixels
 * @property {ExtraMaps | null} [now]
 * @property {ExtraMaps | null} [init]
 * @property {ExtraMaps | null} [twin]
 */

/**
 * @typedef {{step: number, samples?: number} & Partial<Record<MapName, (number | null)[][] | null>>}
 *   ExtraMaps
 */

/**
 * @typedef {object} Options
 * @property {Colour[] | Record<string, Colour>} [colours]  of each lane, or of each family
 * @property {string[]} [dashes]  of each lane, as plotly.js names them
 * @property {number} [chance]  the loss of guessing
 * @property {Quantity} [quantity]  the profile shown at first
 * @property {string} [empty]  the sentence that stands in empty charts
 * @property {string} [note]  a sentence after the one under the losses of a run that is evaluated
 * @property {ExtraSample | null} [extra]  a sample for the gates
 * @property {number} [replay_s]  a run that is over is drawn again within so many seconds
 */

export class View {
  /**
   * @param {HTMLElement} root  whose CSS variables are the theme
   * @param {Options} options
   * @param {Pick<ReturnType<typeof chosenIn>, "quantity" | "error">} chosen  before, by a viewer
   */
  constructor(root, options, chosen) {
    this.root = root;
    this.options = options;
    this.theme = readTheme(root);
    this.quantity = chosen.quantity ?? options.quantity ?? "signal";
    this.error = chosen.error ?? remembered("curve") === "error";
    /** @type {Set<number>} */
    this.hidden = new Set();
    /** @type {Lane[]} */
    this.lanes = [];
    /** @type {number | null} */
    this.pinned = null; // the step that was chosen; null: the newest
    this.limit = Infinity; // the newest step that is shown: a replay moves it
    /** @type {number | "extra"} */
    this.sample = 0; // whose maps are shown
    /** @type {string | null} */
    this.extra = null; // which extra sample was seen last
  }

  /** The step that is shown; null: the newest. */
  get shown() {
    return this.pinned ?? (this.limit < Infinity ? this.limit : null);
  }

  /** Another run: what was chosen of a step or an extra sample is no more. */
  begin() {
    this.pinned = null;
    this.limit = Infinity;
    if (this.sample === "extra") this.sample = 0;
  }

  /**
   * Reads the theme and gives every lane its looks.
   * @param {Track[]} tracks
   */
  style(tracks) {
    this.theme = readTheme(this.root);
    writeTheme(this.root, this.theme);
    this.lanes = laneStyles(tracks, this.options, this.theme, this.hidden);
  }

  /** @param {number} lane */
  toggle(lane) {
    if (!this.hidden.delete(lane)) this.hidden.add(lane);
  }

  /** @param {boolean} error */
  showError(error) {
    this.error = error;
    remember("curve", error ? "error" : "loss");
  }

  /** A sample that was asked for by its number came with new options, or went. */
  takeExtra() {
    const { extra } = this.options;
    const key = extra ? JSON.stringify([extra.lane, extra.row, extra.step]) : null;
    if (key && key !== this.extra) this.sample = "extra";
    if (!key && this.sample === "extra") this.sample = 0;
    this.extra = key;
  }

  /** The recorded sample whose maps come while the run trains. */
  get mapSample() {
    return typeof this.sample === "number" ? this.sample : 0;
  }
}

/**
 * A viewer's choice, kept by the browser where it may.
 * @param {string} what
 * @param {string} value
 */
function remember(what, value) {
  try { localStorage.setItem(`skipviz.${what}`, value); } catch { /* private: for this page only */ }
}

/** @param {string} what */
function remembered(what) {
  try { return localStorage.getItem(`skipviz.${what}`); } catch { return null; }
}
