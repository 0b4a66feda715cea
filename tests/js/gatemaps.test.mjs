// Gate maps as arrays.

import { strict as assert } from "node:assert";
import test from "node:test";

import { fromProbe, openestFirst, rowsOf } from "../../assets/live/gatemaps.js";
import { hello } from "./packed.mjs";

test("the most open cells come first, over all layers, and cells without a number last", () => {
  const values = Float32Array.from([0.1, 0.9, NaN, 0.5, 0.3, 0.7, NaN, NaN]);
  assert.deepEqual(openestFirst(values, 4), [1, 3, 0, 2]);
});

test("what a probe measured is laid out row by row; null is no number", () => {
  const maps = fromProbe({ step: 7, samples: 3, bias: null, gate: [[0.5, null], [1, 0]], output: [] });
  assert.deepEqual({ ...maps, gate: [...maps.gate] },
    { step: 7, samples: 3, gate: [0.5, NaN, 1, 0] });
});

test("rows are a lane's units, or its gates where it has no units", () => {
  const [track] = hello("gated").tracks;
  assert.equal(rowsOf(track), track.units);
  assert.equal(rowsOf({ ...track, units: [] }), track.gates);
});
