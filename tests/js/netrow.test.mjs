// Where the units of a net stand in the live graph, and what a box says of its units.

import { strict as assert } from "node:assert";
import test from "node:test";

import { deepest, netRow, rangeOf } from "../../assets/live/netrow.js";
import { hello } from "./packed.mjs";

const axis = (layers) => layers.map((depth) => [`unit ${depth}`, depth]);

/** A net of some units of two layers between a stem and a head. */
function residual(units) {
  const points = axis([1, ...Array.from({ length: units }, (_, i) => 3 + 2 * i)]);
  const track = { points, layers: axis(Array.from({ length: 2 * units + 2 }, (_, i) => i + 1)) };
  const stem = { title: "stem", units: 1, point: 0, gate: null, joins: "", shortcut: "none" };
  return [track, [stem,
    { title: "residual unit", units, point: 1, gate: 0, joins: "+", shortcut: "identity" }]];
}

test("every unit has a box as wide as its layers, and the last one ends before the head", () => {
  const [track, parts] = residual(4);
  const { boxes, most, end } = netRow(track, parts, { left: 10, width: 500, depth: 10 });
  assert.equal(most, 1);
  assert.deepEqual(boxes.map(({ from, to }) => [from, to]), [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]);
  assert.equal(end, 10 + 50 * 9);
  boxes.slice(1).forEach(({ left, width, join, around, radius }, i) => {
    const start = 60 + 100 * i;
    assert.ok(left >= start && left + width <= join - radius && join + radius <= start + 100);
    assert.deepEqual(around, [start, join]);
  });
  assert.deepEqual([boxes[0].join, boxes[0].around], [null, null]);
});

test("the same layer stands at the same place in nets of other depth", () => {
  const space = { left: 0, width: 840, depth: 42 };
  const [short, long] = [residual(4), residual(20)].map(([track, parts]) => netRow(track, parts, space));
  short.boxes.forEach(({ left, width }, i) =>
    assert.deepEqual([left, width], [long.boxes[i].left, long.boxes[i].width]));
  assert.equal(deepest([residual(4)[0], residual(20)[0]]), 42);
});

test("units without room stand together, none is left out, and no box is of two kinds", () => {
  const [track, parts] = residual(600);
  const { boxes, most } = netRow(track, parts, { left: 0, width: 1000, depth: 1202 });
  assert.ok(most > 1 && boxes.length < 200);
  boxes.forEach(({ from, to, width }, i) => {
    assert.equal(from, i ? boxes[i - 1].to : 0);
    assert.ok(to > from && width > 0);
  });
  assert.equal(boxes.at(-1).to, 601);
  assert.deepEqual([boxes[0].part.title, boxes[1].part.title], ["stem", "residual unit"]);
  assert.ok(boxes.slice(1).every(({ part, around }) => part.title === "residual unit" && !around));
});

test("a box says the lowest and the highest of its units, of gates by their own places", () => {
  const [, [, part]] = residual(3), box = { from: 1, to: 4, part };
  assert.deepEqual(rangeOf(Float32Array.from([9, -3, -1, -2]), box, "unit"), [-3, -1]);
  assert.deepEqual(rangeOf(Float32Array.from([0.5, 0.25, 0.125]), box, "gate"), [0.125, 0.5]);
  assert.equal(rangeOf([], { from: 0, to: 1, part: { ...part, gate: null } }, "gate"), null);
  assert.deepEqual(rangeOf(Float32Array.from([0, 1, NaN, 2]), box, "unit"), [NaN, NaN]);
  assert.deepEqual(rangeOf([0, -Infinity, -1, -2], box, "unit"), [-Infinity, -1]);
});

test("a run whose experiment cannot be read is drawn from its signal points alone", () => {
  const [track] = hello("pair").tracks;
  assert.deepEqual(hello("pair").nets, []);
  const { boxes } = netRow(track, undefined, { left: 0, width: 800, depth: 20 });
  assert.equal(boxes.length, 20);
  assert.ok(boxes.every(({ join, around }) => join === null && around === null));
});
