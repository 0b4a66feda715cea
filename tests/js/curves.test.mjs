// The numbers behind a chart of losses.

import { strict as assert } from "node:assert";
import test from "node:test";

import { decadeTicks, drawn, nice, runningMean } from "../../assets/live/curves.js";
import { near } from "./packed.mjs";

test("a loss of zero is drawn at the foot of the axis, an error in per cent", () => {
  const curve = { loss: [0, 2, 3], error: [0.5, 0.25, 1] };
  assert.deepEqual(drawn(curve, false, 2), { y: [1e-8, 2], seeds: [] });
  assert.deepEqual(drawn(curve, true, 3).y, [50, 25, 100]);
});

test("the band of several seeds reaches over those that have a number", () => {
  const curve = { loss: [2, NaN], error: [], loss0: [1, NaN], loss1: [NaN, NaN], loss2: [4, NaN] };
  const { low, high, seeds } = drawn(curve, false, 2);
  assert.equal(seeds.length, 3);
  near(low, [1, NaN]);
  near(high, [4, NaN]);
});

test("the running mean of a constant is that constant, and what was drawn does not change", () => {
  near(runningMean([0, 1, 2], [3, 3, 3], 10, true), [3, 3, 3]);
  const values = [4, 1, 2, 8, 0.5], steps = [0, 1, 2, 3, 4];
  near(runningMean(steps, values, 5, true).slice(0, 3),
    runningMean(steps.slice(0, 3), values.slice(0, 3), 5, true));
});

test("the running mean is exponential in steps, of losses by their logarithm", () => {
  const share = 1 - Math.exp(-1 / 2);
  near(runningMean([0, 1], [1, 100], 2, false), [1, 1 + share * 99]);
  near(runningMean([0, 1], [1, 100], 2, true), [1, 100 ** share]);
  near(runningMean([0, 1, 2], [1, NaN, 1], 2, true), [1, NaN, 1]);
});

test("an axis ends at a plain number on either side", () => {
  const ends = [0.9, 2, 2.1, 7].flatMap((value) => [nice(value, false), nice(value, true)]);
  near(ends.map((exponent) => 10 ** exponent), [0.5, 1, 2, 2, 2, 3, 5, 10]);
});

test("ticks are few and plain, and guessing takes the place of those beside it", () => {
  assert.deepEqual(decadeTicks([-4, 0], undefined).ticktext.slice(0, 3),
    ["10<sup>−4</sup>", "0.001", "0.01"]);
  const { tickvals, ticktext } = decadeTicks([-1, 1], 2.1);
  assert.equal(tickvals[ticktext.indexOf("guessing")], 2.1);
  assert.ok(!tickvals.includes(2) && tickvals.includes(5));
});
