// Colour scales: the same colour means the same in every map and at every step.

import { strict as assert } from "node:assert";
import test from "node:test";

import { around, diverging, GATE_SCALES, paint, parts, round, sequential, wordOf }
  from "../../assets/live/scales.js";

/** A colour's red, green, blue and opacity as they lie in an image. */
function channels(word) {
  return [...new Uint8Array(new Uint32Array([word]).buffer)];
}

test("a colour lies in memory as red, green, blue, opaque", () => {
  assert.deepEqual(parts("rgb(1,2,3)"), [1, 2, 3]);
  assert.deepEqual(channels(wordOf("rgb(10,20,30)")), [10, 20, 30, 255]);
});

test("the sequential scale runs from dark blue to yellow and grows lighter all the way", () => {
  assert.deepEqual(channels(sequential[0]), [0, 32, 76, 255]);
  assert.deepEqual(channels(sequential[255]), [255, 233, 69, 255]);
  const light = Array.from(sequential, (word) => {
    const [r, g, b] = channels(word);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  });
  assert.ok(light.every((value, i) => !i || value >= light[i - 1] - 1));
});

test("the middle of a diverging scale fades into the card, light or dark", () => {
  for (const [dark, card] of [[false, "rgb(250,250,250)"], [true, "rgb(20,22,24)"]]) {
    const scale = diverging({ dark, card });
    channels(scale[127]).slice(0, 3).forEach((value, i) =>
      assert.ok(Math.abs(value - parts(card)[i]) <= 2));
    assert.notDeepEqual(channels(scale[0]), channels(scale[255]));
  }
});

test("the ticks of the gates' scales stand where their values are", () => {
  for (const { place, ticks } of Object.values(GATE_SCALES)) {
    for (const [at, text] of ticks) {
      assert.ok(Math.abs(place(Number(text.replace(/[≤≥ ]/g, ""))) - at) < 1e-9, text);
    }
  }
});

test("a scale around a middle names its ends", () => {
  const { place, ticks } = around(-2, 0.5);
  assert.deepEqual([place(-2.5), place(-2), place(-1.5)], [0, 0.5, 1]);
  assert.deepEqual(ticks.map(([, text]) => text), ["−2.5", "−2", "−1.5"]);
});

test("a reach is rounded up to the next plain number", () => {
  assert.deepEqual([0.2, 0.21, 1, 1.2, 6, 8, 31].map(round).map((value) => Number(value.toFixed(6))),
    [0.2, 0.3, 1, 1.5, 7, 10, 50]);
});

test("every value is painted in its cell, columns in the order asked for, no number in grey", () => {
  const words = new Uint32Array(6), none = wordOf("rgb(9,9,9)");
  const look = { place: (value) => value, colours: sequential, none };
  paint(words, [0, 1, 0.5, -3, 7, NaN], 3, { ...look, order: null });
  const [low, high, half] = [sequential[0], sequential[255], sequential[128]];
  assert.deepEqual([...words], [low, high, half, low, high, none]);
  paint(words, [0, 1, 0.5, -3, 7, NaN], 3, { ...look, order: [2, 0, 1] });
  assert.deepEqual([...words], [half, low, high, none, low, high]);
});
