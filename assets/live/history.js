// What the browser holds of a run: thinned curves, one profile for each bar of the heat map,
// the exact profiles that were asked for, and gate maps.

const MOST_POINTS = 2400, KEPT_POINTS = 1600, MOST_BINS = 120, MOST_KEPT = 60;

export class History {
  constructor(hello) {
    this.run = hello.run;
    this.tracks = hello.tracks;
    this.total = Math.max(1, hello.steps);
    this.bins = Math.min(MOST_BINS, this.total);
    this.n = 0;
    this.steps = [];
    this.curves = this.tracks.map(() => ({ loss: [], low: [], high: [], error: [] }));
    this.columns = new Array(this.bins);
    this.asked = new Set();
    this.newest = null;
    this.exact = new Map();
    this.maps = this.tracks.map(() => new Map());
    this.diverged = this.tracks.map(() => null);
  }

  get step() {
    return this.steps.length ? this.steps[this.steps.length - 1] : -1;
  }

  /** Appends an update; false if frames between are missing. Frames that are here are no news. */
  add(update) {
    if (update.to <= this.n) return true;
    if (update.from !== this.n) return false;
    this.n = update.to;
    for (const step of update.steps) this.steps.push(step);
    update.curves.forEach((curve, i) => {
      for (const [name, values] of Object.entries(curve)) {
        if (values) for (const value of values) this.curves[i][name].push(value);
      }
    });
    this.diverged = update.diverged;
    update.profiles.forEach((profile) => this.addColumn(profile));
    this.newest = update.profiles[update.profiles.length - 1] ?? this.newest;
    if (this.steps.length > MOST_POINTS) this.thin();
    return true;
  }

  addColumn(profile) {
    const bin = this.bin(profile.step);
    const held = this.columns[bin];
    if (!held || held.step <= profile.step) this.columns[bin] = profile;
  }

  addExact(profile) {
    keep(this.exact, profile.step, profile);
  }

  addMaps(maps) {
    keep(this.maps[maps.lane], maps.step, maps);
  }

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

  /** The profile at `step`: exact if it is here, else the nearest of the heat map's bars. */
  profile(step) {
    if (step >= this.step && this.newest) return this.newest;
    if (this.exact.has(step)) return this.exact.get(step);
    const near = this.columns.filter(Boolean).concat(this.newest ?? []);
    return near.reduce((best, one) =>
      (!best || Math.abs(one.step - step) < Math.abs(best.step - step) ? one : best), null);
  }

  /** The newest maps of a lane at or before `step`; the earliest there are, if all are later. */
  mapsAt(lane, step) {
    const held = [...this.maps[lane].values()].sort((a, b) => a.step - b.step);
    return held.filter((one) => one.step <= step).pop() ?? held[0] ?? null;
  }

  mapSteps() {
    return this.maps.map((held) => Math.max(-1, ...held.keys()));
  }

  /** How many points lie at or before `step`. */
  countTo(step) {
    let low = 0, high = this.steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.steps[middle] <= step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Keeps first and last, and of every stretch the rows where a curve is lowest and highest. */
  thin() {
    const n = this.steps.length;
    const stretches = Math.floor(KEPT_POINTS / (2 * this.curves.length));
    const rows = new Set([0, n - 1]);
    for (let s = 0; s < stretches; s += 1) {
      const start = Math.floor((s * n) / stretches), stop = Math.floor(((s + 1) * n) / stretches);
      for (const { loss } of this.curves) {
        let low = start, high = start;
        for (let row = start; row < stop; row += 1) {
          if (loss[row] < loss[low]) low = row;
          if (loss[row] > loss[high]) high = row;
        }
        rows.add(low).add(high);
      }
    }
    const kept = [...rows].sort((a, b) => a - b);
    this.steps = kept.map((row) => this.steps[row]);
    this.curves = this.curves.map((curve) => Object.fromEntries(Object.entries(curve).map(
      ([name, values]) => [name, values.length ? kept.map((row) => values[row]) : []])));
  }
}

function keep(held, key, value) {
  held.delete(key);
  held.set(key, value);
  if (held.size > MOST_KEPT) held.delete(held.keys().next().value);
}
