// How much of a talk is left, and when a screen reader says so.

import { strict as assert } from "node:assert";
import test from "node:test";

import { announced, left, shown } from "../../assets/vote/clock.js";

test("what is left is counted by the server's clock, and ends at 0", () => {
  assert.equal(left(1000, 0, 880), 120);
  assert.equal(left(1000, 50, 880), 70, "this phone's clock is 50 s behind");
  assert.equal(left(1000, 0, 999.2), 1);
  assert.equal(left(1000, 0, 2000), 0);
  assert.deepEqual([120, 65, 9, 0].map(shown), ["2:00", "1:05", "0:09", "0:00"]);
});

test("it is said at the start, at a minute, half a minute, ten seconds and the end, each once", () => {
  let before = null;
  const said = [];
  for (let now = 90; now >= 0; now -= 1) {
    const sentence = announced(before, now);
    if (sentence) said.push(`${now}: ${sentence}`);
    before = now;
  }
  assert.deepEqual(said, [
    "90: 1 minute 30 seconds left.", "60: 1 minute left.", "30: 30 seconds left.",
    "10: 10 seconds left.", "0: Time is up: the second vote comes.",
  ]);
  assert.equal(announced(0, 0), "");
  assert.equal(announced(70, 25), "25 seconds left.", "a phone that slept is told at once");
  assert.equal(announced(null, 1), "1 second left.");
});
