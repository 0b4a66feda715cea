// What the browser holds of a run: thinned curves, one profile for each bar of the heat map,
// the exact profiles that were asked for, and gate maps.

import { MapStore } from "./mapstore.js";
import { fateText } from "./words.js";

/** @import { Curve, Hello, Profile, Update } from "./messages.js" */

const MOST_POINTS = 2400, KEPT_POINTS = 1600, MOST_BINS = 120, MOST_KEPT = 60,
  FIRST_TOTAL = 100;

/**
 * What one run has sent so far, as its panels draw it.
 *
 *     whole, total   steps of the run; steps that the axis has room for
 *     n              frames that are here: the next update begins with this one
 *     steps, curves  the steps of the thinned losses, and the losses of each track
 *     columns        one profile for each bin of the axis, for heat maps over time
 *     exact          profiles that were asked for by their step, the newest MOST_KEPT
 *     alive          each lane's newest profile that is all numbers
 */
export class History {
  /** @param {Pick<Hello, "steps" | "seconds" | "tracks" | "nets"> & {seed?: number}} hello */
  constructor(hello) {
    this.tracks = hello.tracks;
    this.nets = hello.nets ?? [];
    this.whole = Math.max(1, hello.steps);
    // Nobody knows how many steps fit into so many seconds: the axis grows with the run.
    this.timed = hello.seconds > 0;
    this.total = this.timed ? Math.min(this.whole, FIRST_TOTAL) : this.whole;
    this.seed = hello.seed ?? 0;
    this.bins = Math.min(MOST_BINS, this.total);
    this.n = 0;
    /** @type {number[]} */
    this.steps = [];
    this.curves = this.tracks.map(({ seeds }) => emptyCurve(seeds));
    /** @type {number[]} */
    this.heldSteps = [];
    this.held = this.tracks.map(({ seeds }) => emptyCurve(seeds));
    /** @type {Profile[]} */
    this.columns = new Array(this.bins);
    /** @type {Set<number>} */
    this.asked = new Set();
    /** @type {Profile | null} */
    this.newest = null;
    /** @type {Map<number, Profile>} */
    this.exact = new Map();
    this.maps = new MapStore(this.tracks);
    /** @type {(number | null)[]} */
    this.diverged = this.tracks.map(() => null);
    /** @type {(Profile | null)[]} */
    this.alive = this.tracks.map(() => null); // each lane's newest profile that is all numbers
    /** @type {Set<number>} */
    this.lastAsked = new Set();
  }

  get seeds() {
    return this.tracks[0]?.seeds ?? 1;
  }

  /** Is the run evaluated on held-out samples? */
  get evaluated() {
    return this.tracks.some((track) => track.held_out);
  }

  get step() {
    return this.steps.length ? this.steps[this.steps.length - 1] : -1;
  }

  /**
   * Appends an update; false if frames between are missing. Frames that are here are no news.
   * @param {Omit<Update, "kind">} update
   */
  add(update) {
    if (update.to <= this.n) return true;
    if (update.from !== this.n) return false;
    this.n = update.to;
    append(this.steps, update.steps);
    update.curves.forEach((curve, i) => appendCurve(this.curves[i], curve));
    append(this.heldSteps, update.heldSteps);
    update.held.forEach((curve, i) => appendCurve(this.held[i], curve));
    this.diverged = update.diverged;
    update.profiles.forEach((profile) => this.addColumn(profile));
    this.newest = update.profiles[update.profiles.length - 1] ?? this.newest;
    if (this.step >= this.total) this.stretch(niceAbove(this.step));
    if (this.steps.length > MOST_POINTS) this.thin();
    if (this.heldSteps.length > MOST_POINTS) this.thinHeld();
    return true;
  }

  /**
   * Another number of steps on the axis; every profile moves to the bar where it belongs now.
   * @param {number} total
   */
  stretch(total) {
    this.total = Math.min(this.whole, total);
    this.bins = Math.min(MOST_BINS, this.total);
    const held = this.columns.filter(Boolean);
    this.columns = new Array(this.bins);
    this.asked.clear();
    held.forEach((profile) => this.addColumn(profile));
  }

  /**
   * The run is trained for longer: so many steps in all, and no seconds that end it before.
   * @param {number} steps
   */
  lengthen(steps) {
    this.whole = steps;
    this.timed = false;
    this.stretch(steps);
  }

  /** The run is over: what its seconds left of the axis empty is taken away. */
  end() {
    if (this.timed && this.step >= 0 && this.total > this.step + 1) this.stretch(this.step + 1);
  }

  /**
   * How many of a lane's seeds have diverged: their newest loss is no number.
   * @param {number} lane
   */
  dead(lane) {
    const { seeds } = this.tracks[lane];
    if (this.diverged[lane] === null || seeds === 1) return this.diverged[lane] === null ? 0 : 1;
    const gone = Array.from({ length: seeds }, (_, seed) => this.curves[lane][`loss${seed}`])
      .filter((values) => values.length && !Number.isFinite(values[values.length - 1]));
    return Math.max(1, gone.length);
  }

  /**
   * The step at which a lane of which no seed lives any more diverged; null while one does.
   * @param {number} lane
   */
  ended(lane) {
    return this.dead(lane) === this.tracks[lane].seeds ? this.diverged[lane] : null;
  }

  /**
   * What is said of a lane of which a seed has diverged; "" while all live.
   * @param {number} lane
   */
  fate(lane) {
    return fateText(this.diverged[lane], this.dead(lane), this.tracks[lane].seeds);
  }

  /** The last steps of lanes that have diverged, each named once: what is drawn of them. */
  lastSteps() {
    return this.diverged.flatMap((at, lane) => {
      if (at === null || at < 1 || this.lastAsked.has(lane)) return [];
      this.lastAsked.add(lane);
      return [at - 1];
    });
  }

  /**
   * A diverged lane's gradient stays on the chart: its last one.
   * @param {Profile} profile
   */
  keepAlive(profile) {
    this.alive.forEach((known, lane) => {
      const newer = !known || known.step < profile.step;
      if (newer && profile.lanes[lane].signal.every((value) => value < Infinity)) {
        this.alive[lane] = profile;
      }
    });
  }

  /** @param {Profile} profile */
  addColumn(profile) {
    this.keepAlive(profile);
    const bin = this.bin(profile.step);
    const held = this.columns[bin];
    if (!held || held.step <= profile.step) this.columns[bin] = profile;
  }

  /** @param {Profile} profile */
  addExact(profile) {
    keep(this.exact, profile.step, profile);
  }

  /** @param {number} step */
  bin(step) {
    return Math.min(this.bins - 1, Math.floor((step * this.bins) / this.total));
  }

  /** Steps of bars that were skipped, each named once: what the heat map still lacks. */
  gaps() {
    const steps = [];
    for (let bin = 0; bin < this.bin(Math.max(0, this.step)); bin += 1) {
      if (this.columns[bin] || this.asked.has(bin)) continue;
      this.asked.add(bin);
      steps.push(Math.round(((bin + 0.5) * this.total) / this.bins));
    }
    return steps;
  }

  /**
   * The profile at `step`: exact if it is here, else the nearest of the heat map's bars.
   * @param {number} step
   */
  profile(step) {
    if (step >= this.step && this.newest) return this.newest;
    const exact = this.exact.get(step);
    if (exact) return exact;
    const near = [...this.columns.filter(Boolean), ...this.exact.values()].concat(this.newest ?? []);
    return near.reduce((best, one) =>
      (!best || Math.abs(one.step - step) < Math.abs(best.step - step) ? one : best),
    /** @type {Profile | null} */ (null));
  }

  /**
   * How many points (or evaluations: `steps` is `heldSteps`) lie at or before `step`.
   * @param {number} step
   */
  countTo(step, steps = this.steps) {
    let low = 0, high = steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle] <= step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Keeps first and last, and of every stretch the rows where a curve is lowest and highest. All
   * stretches have as many steps: what was thinned often is not thinner than what is new.
   */
  thin() {
    const n = this.steps.length, first = this.steps[0], length = this.step + 1 - first;
    const stretches = Math.floor(KEPT_POINTS / (2 * this.curves.length));
    const rows = new Set([0, n - 1]);
    let start = 0;
    while (start < n) {
      const stretch = Math.floor(((this.steps[start] - first) * stretches) / length);
      const end = first + ((stretch + 1) * length) / stretches;
      let stop = start + 1;
      while (stop < n && this.steps[stop] < end) stop += 1;
      for (const { loss } of this.curves) {
        let low = start, high = start;
        for (let row = start; row < stop; row += 1) {
          if (loss[row] < loss[low]) low = row;
          if (loss[row] > loss[high]) high = row;
        }
        rows.add(low).add(high);
      }
      start = stop;
    }
    const kept = [...rows].sort((a, b) => a - b);
    this.steps = kept.map((row) => this.steps[row]);
    this.curves = this.curves.map((curve) => pick(curve, kept));
  }

  /** Half of the evaluations, evenly along the run, the first and the newest among them. */
  thinHeld() {
    const first = this.heldSteps[0], newest = this.heldSteps.length - 1, most = MOST_POINTS / 2;
    const stride = (this.heldSteps[newest] - first) / most;
    let stretch = -1;
    const kept = this.heldSteps.flatMap((step, row) => {
      const before = stretch;
      stretch = Math.floor((step - first) / stride);
      return row === newest || stretch > before ? [row] : [];
    });
    this.heldSteps = kept.map((row) => this.heldSteps[row]);
    this.held = this.held.map((curve) => pick(curve, kept));
  }
}

/**
 * The next of 1, 2, 5, 10, … hundred steps above a step.
 * @param {number} step
 */
function niceAbove(step) {
  let total = FIRST_TOTAL;
  for (let turn = 0; total <= step * 1.02; turn += 1) total *= turn % 3 === 1 ? 2.5 : 2;
  return total;
}

/**
 * @param {number} seeds
 * @returns {Curve<number[]>}
 */
function emptyCurve(seeds) {
  const names = ["loss", "error"];
  if (seeds > 1) names.push("low", "high");
  for (let seed = 0; seeds > 1 && seed < seeds; seed += 1) names.push(`loss${seed}`, `error${seed}`);
  return Object.fromEntries(names.map((name) => [name, []]));
}

/**
 * @param {Curve<number[]>} curve
 * @param {number[]} rows
 * @returns {Curve<number[]>}
 */
function pick(curve, rows) {
  return Object.fromEntries(Object.entries(curve).map(
    ([name, values]) => [name, rows.map((row) => values[row])]));
}

/**
 * @param {number[]} held
 * @param {ArrayLike<number>} values
 */
function append(held, values) {
  for (let i = 0; i < values.length; i += 1) held.push(values[i]);
}

/**
 * @param {Curve<number[]>} held
 * @param {Curve<ArrayLike<number>>} curve
 */
function appendCurve(held, curve) {
  for (const [name, values] of Object.entries(curve)) append(held[name], values);
}

/**
 * @param {Map<number, Profile>} held
 * @param {number} step
 * @param {Profile} profile
 */
function keep(held, step, profile) {
  held.delete(step);
  held.set(step, profile);
  const [oldest] = held.keys();
  if (held.size > MOST_KEPT) held.delete(oldest);
}
