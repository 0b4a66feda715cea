// What the browser holds of a run while it grows: nothing missing, nothing twice, bounded.

import { strict as assert } from "node:assert";
import test from "node:test";

import { History } from "../../assets/live/history.js";
import { decode } from "../../assets/live/messages.js";
import { bytes, frames, hello, near } from "./packed.mjs";

function historyOf(log, ...names) {
  const history = new History(hello(log));
  for (const name of names) assert.ok(history.add(decode(bytes(log, name), history.tracks)));
  return history;
}

/** An update of one lane, made by hand: losses of steps from `from` on, a profile of the last. */
function update(from, losses, more = {}) {
  const steps = losses.map((_, i) => from + i), last = steps[steps.length - 1];
  return {
    from, to: last + 1, steps, curves: [{ loss: losses, error: losses }], heldSteps: [], held: [],
    profiles: [{ step: last, lanes: [{ signal: [0], weight: [0], activation: [0] }] }],
    diverged: [null], ...more,
  };
}

function single(steps, more = {}) {
  return new History({ steps, seconds: 0, tracks: [{ seeds: 1, points: [], layers: [] }], ...more });
}

test("a snapshot and a delta together are the run", () => {
  const history = historyOf("pair", "first", "delta"), recorded = frames("pair");
  assert.deepEqual([history.n, history.step, history.total], [60, 59, 400]);
  const kept = history.steps.map((step) => recorded[step].lanes[1].loss);
  near(history.curves[1].loss, kept);
});

test("frames that are here are no news, and a gap is noticed", () => {
  const history = single(100);
  assert.ok(history.add(update(0, [3, 2, 1])));
  assert.ok(history.add(update(0, [3, 2])));
  assert.deepEqual(history.curves[0].loss, [3, 2, 1]);
  assert.equal(history.add(update(5, [1])), false);
  assert.equal(history.n, 3);
});

test("a curve of many points keeps its first, its last, and its extremes", () => {
  const history = single(20000);
  const losses = Array.from({ length: 5000 }, (_, step) =>
    (step === 1234 ? 99 : step === 3210 ? -9 : 1 + (step % 7) / 100));
  history.add(update(0, losses));
  const { steps, curves: [{ loss }] } = history;
  assert.ok(steps.length <= 2400);
  assert.deepEqual([steps[0], steps.at(-1)], [0, 4999]);
  assert.deepEqual([loss[steps.indexOf(1234)], loss[steps.indexOf(3210)]], [99, -9]);
  assert.deepEqual(steps, [...new Set(steps)].sort((a, b) => a - b));
});

/** The most steps between two neighbours. */
function widest(steps) {
  return Math.max(...steps.slice(1).map((step, i) => step - steps[i]));
}

test("of a run of a million steps no part is forgotten, however often it was thinned", () => {
  const history = single(1000000), chunk = 500;
  for (let from = 0; from < 1000000; from += chunk * 25) { // 20 points of each, as deltas bring
    const losses = Array.from({ length: chunk }, (_, i) => (from === 250000 && i === 7 ? 99 : 1));
    const more = { to: from + chunk * 25, heldSteps: [from, from + 9999],
      held: [{ loss: [1, 1], error: [1, 1] }] };
    assert.ok(history.add(update(from, losses, more)));
  }
  assert.ok(history.steps.length <= 2400 && history.heldSteps.length <= 2400);
  assert.ok(widest(history.steps) < 40000, `${widest(history.steps)} steps without a point`);
  assert.equal(history.curves[0].loss[history.steps.indexOf(250007)], 99);
});

test("evaluations are thinned evenly along the run", () => {
  const history = single(1000000), count = 600;
  for (let from = 0; from < 1000000; from += 20000) {
    const heldSteps = Array.from({ length: count }, (_, i) => from + i * 33);
    const losses = heldSteps.map((step) => step / 2);
    history.add(update(from, [1, 1], { to: from + 20000, heldSteps,
      held: [{ loss: losses, error: losses }] }));
  }
  const { heldSteps, held: [{ loss }] } = history;
  assert.ok(heldSteps.length <= 2400);
  assert.ok(widest(heldSteps) < 3000, `${widest(heldSteps)} steps without an evaluation`);
  assert.deepEqual([heldSteps[0], heldSteps.at(-1)], [0, 980000 + 599 * 33]);
  assert.deepEqual(loss, heldSteps.map((step) => step / 2));
});

test("evaluations are counted up to a step", () => {
  const history = historyOf("gated", "snapshot");
  assert.ok(history.evaluated);
  assert.deepEqual(history.heldSteps, [0, 10, 20, 30, 40]);
  assert.deepEqual([-1, 0, 9, 10, 99].map((step) => history.countTo(step, history.heldSteps)),
    [0, 1, 1, 2, 5]);
});

test("the profile of a step is the exact one where it is here, else the nearest", () => {
  const history = historyOf("pair", "first", "delta");
  assert.equal(history.profile(59), history.newest);
  assert.equal(history.profile(20).step, 0);
  assert.equal(history.profile(40).step, 59);
  const [exact] = decode(bytes("pair", "exact"), history.tracks).profiles;
  history.addExact(exact);
  assert.equal(history.profile(29), exact);
});

test("bars of the heat map that were skipped are asked for once", () => {
  const history = historyOf("pair", "first", "delta");
  const gaps = history.gaps();
  assert.ok(gaps.length > 10 && gaps.every((step) => step > 0 && step < 59));
  assert.deepEqual(history.gaps(), []);
});

test("the axis of a run with a budget in seconds grows with it and ends with it", () => {
  const history = single(100000, { seconds: 5 });
  history.add(update(0, new Array(60).fill(1)));
  assert.equal(history.total, 100);
  history.add(update(60, new Array(90).fill(1)));
  assert.equal(history.total, 200);
  assert.equal(history.columns.filter(Boolean).length, 2);
  history.end();
  assert.equal(history.total, 150);
});

test("of several seeds those that diverged are counted, and a lane ends with its last", () => {
  const first = historyOf("seeds", "first");
  assert.deepEqual([first.dead(0), first.ended(0)], [1, null]);
  assert.equal(first.fate(0), "1 of 3 seeds diverged at step 1");
  const [curve] = first.curves;
  for (const seed of [0, 1, 2]) curve[`loss${seed}`].push(NaN);
  assert.deepEqual([first.dead(0), first.ended(0)], [3, 1]);
  assert.equal(first.fate(0), "3 of 3 seeds diverged, the first at step 1");
});

test("the last profile of a lane that diverged stays, and is asked for once", () => {
  const history = single(100);
  history.add(update(0, [2, 2]));
  const alive = history.newest;
  const broken = [{ step: 4, lanes: [{ signal: [NaN], weight: [0], activation: [0] }] }];
  history.add(update(2, [NaN, NaN, NaN], { profiles: broken, diverged: [2] }));
  assert.equal(history.alive[0], alive);
  assert.deepEqual([history.lastSteps(), history.lastSteps()], [[1], []]);
});

test("a run that is trained for longer gets its axis, also one that had a budget in seconds", () => {
  const history = single(10, { seconds: 5 });
  history.add(update(0, [3, 2, 1]));
  history.end();
  assert.equal(history.total, 3);
  history.lengthen(8);
  assert.deepEqual([history.whole, history.total, history.timed], [8, 8, false]);
  history.add(update(3, [1, 1, 1, 1, 1]));
  history.end();
  assert.deepEqual([history.total, history.step, history.n], [8, 7, 8]);
  assert.equal(history.columns.filter(Boolean).length, 2);
});
