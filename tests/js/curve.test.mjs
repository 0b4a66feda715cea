// A sketched curve: strokes, gaps, numbers that are typed, and how axes name values.

import { strict as assert } from "node:assert";
import test from "node:test";

import {
  PLACES, drawn, empty, filled, height, label, typed, valueAt,
} from "../../assets/vote/curve.js";

const LOG = { x: "layer", y: "norm", x_range: [1, 50], y_range: [1e-16, 1], log_y: true };
const LINEAR = { ...LOG, y_range: [0, 4], log_y: false };

test("a stroke sets every place that it passes, in either direction, and no other", () => {
  const half = drawn(empty(), { x: 0, y: 0 }, { x: 0.5, y: 1 });
  assert.deepEqual([half[0], half[8], half[16], half[17]], [0, 0.5, 1, null]);
  const back = drawn(half, { x: 0.5, y: 0 }, { x: 0.25, y: 0 });
  assert.deepEqual([back[4], back[8], back[16]], [0.25, 0, 0]);
  const dot = drawn(empty(), { x: 0.51, y: 0.4 }, { x: 0.51, y: 0.4 });
  assert.deepEqual(dot.filter((each) => each !== null), [0.4]);
  const out = drawn(empty(), { x: 0, y: -0.5 }, { x: 1, y: 1.5 });
  assert.deepEqual([out[0], out[PLACES - 1]], [0, 1], "outside of the axes is their edge");
});

test("gaps are bridged, ends go on level, and nothing drawn is no curve", () => {
  assert.equal(filled(empty()), null);
  const heights = [null, 0.2, null, null, 0.8, null];
  assert.deepEqual(filled(heights), [0.2, 0.2, 0.4, 0.6, 0.8, 0.8]);
});

test("numbers that are typed become the heights that show them again", () => {
  const values = [1, 1e-4, 1e-8, 1e-12, 1e-16];
  const heights = typed(values, LOG);
  assert.deepEqual(heights, [1, 0.75, 0.5, 0.25, 0]);
  values.forEach((value, i) => {
    assert.ok(Math.abs(Math.log10(valueAt(heights, i / 4, LOG) / value)) < 1e-6);
  });
  assert.equal(valueAt(typed([0, 4], LINEAR), 0.25, LINEAR), 1);
  assert.equal(height(0, LOG), 0, "a logarithmic axis has no 0");
  assert.equal(height(99, LINEAR), 1);
});

test("values are named as axes name them", () => {
  assert.deepEqual(
    [0, 1, 25.5, 2.30258, 1e-16, 3e-9, 200, 0.001].map(label),
    ["0", "1", "25.5", "2.3", "10⁻¹⁶", "3·10⁻⁹", "200", "0.001"],
  );
});
