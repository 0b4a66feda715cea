// What a viewer chose in the charts, as words of an address.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chosenIn, wordsOf } from "../../assets/live/chosen.js";

/** A view as it begins, with these choices. */
const view = (chosen = {}) => ({
  shown: null, quantity: "signal", options: {}, error: false, hidden: new Set(), ...chosen,
});

test("a view as it begins needs no words", () => {
  assert.deepEqual(wordsOf(view()), {});
  assert.deepEqual(wordsOf(view({ quantity: "weight", options: { quantity: "weight" } })), {});
});

test("what was chosen is read back from its words", () => {
  const words = wordsOf(view({
    shown: 0, quantity: "activation", error: true, hidden: new Set([2, 0]),
  }));
  assert.deepEqual(words, { step: "0", quantity: "activation", curve: "error", hidden: "0,2" });
  assert.deepEqual(chosenIn(words),
    { step: 0, quantity: "activation", error: true, hidden: [0, 2] });
});

test("what is no choice counts as not said", () => {
  const nothing = { step: null, quantity: null, error: null, hidden: [] };
  assert.deepEqual(chosenIn({}), nothing);
  for (const step of ["-1", "1.5", "1e3", "NaN", "9".repeat(10), " 3"]) {
    assert.deepEqual(chosenIn({ step }), nothing, step);
  }
  assert.deepEqual(chosenIn({ quantity: "toString", curve: "both", hidden: ",x,-1" }), nothing);
});
