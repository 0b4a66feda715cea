// A run seen again: how fast, from where, and step by step.

import { strict as assert } from "node:assert";
import test from "node:test";

import { History } from "../../assets/live/history.js";
import { decode } from "../../assets/live/messages.js";
import { Replay, nearest, speeds, speedText, trainedAt } from "../../assets/live/replay.js";
import { bytes, hello } from "./packed.mjs";

/** A replay of 60 steps, what it showed, and a clock that is turned by hand. */
function replaying(context, rate = 10) {
  const history = new History(hello("pair"));
  history.add(decode(bytes("pair", "snapshot"), history.tracks));
  const shown = [];
  let next = null, now = 0;
  globalThis.requestAnimationFrame = (call) => { next = call; return 1; };
  globalThis.cancelAnimationFrame = () => { next = null; };
  context.mock.method(performance, "now", () => now);
  const replay = new Replay({ show: (step) => shown.push(step), change: () => {} });
  replay.of(history, rate);
  const pass = (seconds) => { now += 1000 * seconds; const call = next; next = null; call?.(); };
  return { replay, shown, pass, history };
}

test("it shows the steps of the time that has passed, at a multiple of the run's speed", (context) => {
  const { replay, shown, pass } = replaying(context);
  replay.choose(2);
  replay.play(null);
  for (let frame = 0; frame < 4; frame += 1) pass(0.25);
  assert.deepEqual(shown, [0, 5, 10, 15, 20]);
  pass(60);
  assert.deepEqual([shown.at(-1), replay.playing], [null, false]);
});

test("it goes on from the step on the screen, and from the first once the end is there", (context) => {
  const { replay, shown, pass } = replaying(context);
  replay.choose(1);
  replay.play(30);
  pass(1);
  replay.pause();
  pass(1);
  assert.deepEqual(shown, [30, 40]);
  replay.play(59);
  assert.equal(shown.at(-1), 0);
});

test("one step goes to the recorded neighbour and never past an end", (context) => {
  const { replay, shown } = replaying(context);
  replay.step(-1, null);
  replay.step(1, 7);
  replay.step(1, 59);
  replay.step(-1, 0);
  assert.deepEqual(shown, [58, 8, 59, 0]);
});

test("where curves are thinned a step is one that the run recorded, not one that the curve kept", (context) => {
  const { replay, shown, history } = replaying(context);
  history.steps = history.steps.filter((step) => step % 20 === 0 || step === 59);
  replay.step(1, 20);
  replay.step(-1, 20);
  assert.deepEqual(shown, [21, 19]);
});

test("another run is not played on", (context) => {
  const { replay } = replaying(context);
  replay.play(null);
  replay.of(new History(hello("pair")), 10);
  assert.deepEqual([replay.playing, replay.at, replay.last], [false, 0, -1]);
  replay.play(null);
  assert.equal(replay.playing, false);
});

test("speeds neither end at once nor take for ever, whatever the run took", () => {
  for (const alone of [0.02, 3, 60, 4000, 86400]) {
    const all = speeds(alone);
    assert.ok(all.length >= 1 && all.every((speed) => alone / speed >= 1 && alone / speed <= 900));
  }
  assert.ok(speeds(60).includes(1));
  assert.equal(speeds(1e9).length, 1);
  assert.equal(nearest([1, 2, 4], 3.1), 4);
  assert.deepEqual([0.25, 1, 4096, 1 / 64, 0.63].map(speedText),
    ["¼×", "1×", "4,096×", "1/64×", "0.63×"]);
});

test("a run's speed is that of all of it, else what its status says", () => {
  assert.deepEqual([trainedAt(100, 50, 9), trainedAt(100, 0, 9), trainedAt(0, 0, 0)], [2, 9, 0]);
});
