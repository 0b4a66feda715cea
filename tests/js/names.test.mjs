// Names beside curves: in order, apart, and never on the line of guessing.

import { strict as assert } from "node:assert";
import test from "node:test";

import { endNames, heightOf, lines, startNames, widest } from "../../assets/live/names.js";

const SIZE = { height: 300, top: 30, bottom: 40, font: 14, width: 500 };

function ends(...heights) {
  return heights.map((y, i) => ({
    lane: { label: `net ${i}`, ink: "#123456" }, x: 9, y, text: `net ${i}`,
  }));
}

/** Ends of curves that run level. */
function level(...heights) {
  return ends(...heights).map((end) => ({ ...end, low: end.y, high: end.y }));
}

/** How far a name stands above the bottom of the plot, in pixels. */
function pixels({ y: [value] }, range, log) {
  const at = log ? Math.log10(value) : value;
  return ((at - range[0]) / (range[1] - range[0])) * heightOf(SIZE);
}

test("a long name stands in two lines, a short one in one", () => {
  assert.deepEqual(lines("ResNet-20"), ["ResNet-20"]);
  assert.deepEqual(lines("Highway network 20"), ["Highway network", "20"]);
  assert.deepEqual(lines("Averylongnamewithoutspace"), ["Averylongnamewithoutspace"]);
  assert.equal(widest([{ label: "a" }, { label: "Highway network 20" }]), 15);
});

test("names that would lie on one another are moved apart and keep their order", () => {
  const range = [0, 100];
  const names = endNames(ends(50, 50.5, 51), range, SIZE, { log: false, chance: 0 });
  const places = names.map((name) => pixels(name, range, false));
  for (const [under, over] of [[0, 1], [1, 2]]) {
    assert.ok(places[over] - places[under] >= 1.2 * SIZE.font, `${places}`);
  }
  assert.deepEqual(names.map(({ text: [text] }) => text.replace(/<[^>]*>/g, "").trim()),
    ["net 0", "net 1", "net 2"]);
});

test("names that have room stay at their curves", () => {
  const range = [-2, 1];
  const names = endNames(ends(-1.5, 0.5), range, SIZE, { log: true, chance: 0 });
  assert.ok(Math.abs(Math.log10(names[0].y[0]) + 1.5) < 1e-9);
  assert.ok(Math.abs(Math.log10(names[1].y[0]) - 0.5) < 1e-9);
});

test("a name beside the line of guessing stands above it, on whichever side its curve is", () => {
  const range = [-2, 1], chance = 2.3, line = Math.log10(chance);
  for (const y of [line - 0.02, line + 0.02]) {
    const [name] = endNames(ends(y), range, SIZE, { log: true, chance });
    const above = pixels(name, range, true) - pixels({ y: [chance] }, range, true);
    assert.ok(above > 0.7 * SIZE.font && above < 2 * SIZE.font, `${above}`);
  }
});

test("names under the begins of curves stand below them, from top to bottom", () => {
  const range = [-10, 0];
  const names = startNames(level(-5, -5.1, -1), range, SIZE);
  const places = names.map((name) => pixels(name, range, true));
  assert.deepEqual(names.map(({ text: [text] }) => text), ["<b>net 2</b>", "<b>net 0</b>",
    "<b>net 1</b>"]);
  assert.ok(places[0] < pixels({ y: [10 ** -1] }, range, true));
  assert.ok(places[1] - places[2] >= 1.2 * SIZE.font);
});

test("a name goes under every curve that runs through its room", () => {
  const range = [-10, 0];
  const [top, middle, low] = level(-1, -1.3, -1.6);
  middle.low = -3;
  const names = startNames([top, middle, low, ...level(-8)], range, SIZE);
  const places = names.map((name) => pixels(name, range, true));
  const under = pixels({ y: [10 ** -3] }, range, true);
  assert.deepEqual(names.map(({ text: [text] }) => text),
    ["<b>net 0</b>", "<b>net 1</b>", "<b>net 2</b>", "<b>net 0</b>"]);
  for (const at of places) assert.ok(at < under);
  places.slice(1).forEach((at, i) => assert.ok(places[i] - at >= 1.2 * SIZE.font));
});
