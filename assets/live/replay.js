// A run seen again: which step stands on the screen, at which speed it moves on. Draws nothing.

/** @import { History } from "./history.js" */

const SLOWEST = -6, FASTEST = 16, SHORTEST_S = 1, LONGEST_S = 900, GOOD_S = 10;

/**
 * @typedef {object} ReplayActions
 * @property {(step: number | null) => void} show  the run as it was at this step; null: as it is
 * @property {() => void} change  it plays, stands still, or goes at another speed
 */

/**
 * Steps per second at which a run was trained; 0 where nobody knows.
 * @param {number} last  its newest step
 * @param {number} seconds  that all of it took; 0 where that is not known
 * @param {number} now  the speed that its status tells
 */
export function trainedAt(last, seconds, now) {
  return last > 0 && seconds > 0 ? last / seconds : now;
}

/**
 * Speeds at which a replay is neither over at once nor endless, as multiples of the run's own.
 * @param {number} alone_s  how long it takes at the run's own speed
 */
export function speeds(alone_s) {
  const all = Array.from({ length: FASTEST - SLOWEST + 1 }, (_, i) => 2 ** (i + SLOWEST));
  const fits = all.filter((speed) => alone_s / speed >= SHORTEST_S && alone_s / speed <= LONGEST_S);
  return fits.length ? fits : [nearest(all, alone_s / GOOD_S)];
}

/**
 * The one nearest to a number, by their ratio.
 * @param {number[]} all
 * @param {number} wanted
 */
export function nearest(all, wanted) {
  return all.reduce((best, one) =>
    (Math.abs(Math.log(one / wanted)) < Math.abs(Math.log(best / wanted)) ? one : best));
}

/**
 * "4×", "¼×".
 * @param {number} speed
 */
export function speedText(speed) {
  const parts = /** @type {Record<string, string>} */ ({ 0.5: "½", 0.25: "¼", 0.125: "⅛" });
  const whole = speed < 1 && Number.isInteger(1 / speed);
  return `${parts[speed] ?? (whole ? `1/${1 / speed}` : speed.toLocaleString("en"))}×`;
}

export class Replay {
  /** @param {ReplayActions} on */
  constructor(on) {
    this.on = on;
    /** @type {History | null} */
    this.history = null;
    this.rate = 0; // steps per second at the run's own speed
    this.chosen = 0; // the multiple of it that was chosen; 0: none
    this.at = 0; // the step that is shown, with what is past it
    this.playing = false;
    this.drawing = 0;
    this.ticked = 0;
  }

  /**
   * Another run, or the same with more steps.
   * @param {History | null} history
   * @param {number} rate
   */
  of(history, rate) {
    if (history !== this.history) {
      this.pause();
      this.chosen = this.at = 0;
    }
    this.history = history;
    this.rate = rate;
  }

  get last() { return this.history?.step ?? -1; }

  /** How long the whole run takes at its own speed; where nobody knows that, a good while. */
  get alone_s() { return this.rate > 0 ? Math.max(this.last, 1) / this.rate : GOOD_S; }

  get speeds() { return speeds(this.alone_s); }

  get speed() { return this.chosen || nearest(this.speeds, this.alone_s / GOOD_S); }

  /** @param {number} speed */
  choose(speed) {
    this.chosen = speed;
    this.on.change();
  }

  /** @param {1 | -1} way  to the next faster or slower speed */
  shift(way) {
    const all = this.speeds, at = all.indexOf(nearest(all, this.speed)) + way;
    this.choose(all[Math.max(0, Math.min(all.length - 1, at))]);
  }

  /**
   * From the step that is shown; from the first where the end is shown.
   * @param {number | null} from  the step that is shown; null: the newest
   */
  play(from) {
    if (!this.history || this.last < 1) return;
    this.at = from === null || from >= this.last ? 0 : from;
    this.playing = true;
    this.ticked = performance.now();
    this.on.show(Math.floor(this.at));
    this.on.change();
    cancelAnimationFrame(this.drawing);
    this.drawing = requestAnimationFrame(() => this.tick());
  }

  tick() {
    if (!this.playing) return;
    const now = performance.now(), before = Math.floor(this.at);
    this.at += ((now - this.ticked) / 1000) * this.speed * (this.last / this.alone_s);
    this.ticked = now;
    if (this.at >= this.last) { this.end(); return; }
    if (Math.floor(this.at) !== before) this.on.show(Math.floor(this.at));
    this.drawing = requestAnimationFrame(() => this.tick());
  }

  /** The newest step again, and whatever comes after it. */
  end() {
    this.pause();
    this.on.show(null);
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.drawing);
    this.on.change();
  }

  /**
   * To the recorded step before or behind this one.
   * @param {1 | -1} way
   * @param {number | null} from  the step that is shown; null: the newest
   */
  step(way, from) {
    const { history } = this;
    if (!history || this.last < 1) return;
    this.pause();
    const here = from ?? this.last, place = history.countTo(here) - 1;
    const next = way > 0 ? history.steps[place + 1]
      : history.steps[history.steps[place] < here ? place : place - 1];
    // What the curves keep is thinned; every step can be asked for.
    const far = history.n > history.steps.length ? Math.max(1, Math.round(this.last / history.n)) : 0;
    const to = far ? here + way * far : next ?? (way > 0 ? this.last : 0);
    this.on.show(Math.max(0, Math.min(this.last, to)));
  }
}
