// A picked number: rounded as the server rounds it, its place on the slider, what came of it.

import { strict as assert } from "node:assert";
import test from "node:test";

import { after, isOpen, mine, NOTHING, sentence, tapped } from "../../assets/vote/ballot.js";
import {
  dots, numberAt, outcome, outcomeOf, places, rounded, shareOf,
} from "../../assets/vote/pick.js";

const RATE = {
  label: "learning rate", low: 0.0003, high: 3, log: true, step: 1, steps: 200, chance: 2.3026,
  lanes: ["Plain-20", "ResNet-20"], families: ["plain", "resnet"],
};
const BIAS = { ...RATE, label: "gate bias", low: -10, high: 4, log: false, step: 0.5 };
const OUTCOMES = [
  [0.001, [0.59, 1.88], [null, null]],
  [0.41, [null, 2.34], [12, null]],
];
const ROOM = {
  type: "room", number: 1, phase: "pick", ballot: "convergence.0.pick", kind: "pick",
  question: "Pick one.", choices: [], axes: null, pick: RATE, tried: null, talk_ends: null,
  counts: null, second_counts: null, seen_counts: null, shown: null,
};
const TRIED = {
  ...ROOM, phase: "picked", ballot: "convergence.0.picked",
  tried: { total: 3, state: "running", outcomes: OUTCOMES },
};

function own(pick, ballot = ROOM.ballot) {
  const answers = { choice: null, curve: null, first: null, second: null, seen: null, now: 100 };
  return { type: "vote", ballot, pick, ...answers };
}

test("a number is rounded to its scale, and none is out of bounds", () => {
  assert.deepEqual([0.0123, 0.0003, 3].map((v) => rounded(v, RATE)), [0.012, 0.0003, 3]);
  assert.deepEqual([-10, -1.3, -0.1, 3.9].map((v) => rounded(v, BIAS)), [-10, -1.5, 0, 4]);
  for (const wrong of [0, 3.01, NaN, Infinity]) assert.equal(rounded(wrong, RATE), null);
});

test("every place of the slider is a number of the scale, and back", () => {
  for (const scale of [RATE, BIAS]) {
    const numbers = Array.from({ length: places(scale) + 1 }, (_, i) => numberAt(i, scale));
    assert.deepEqual([numbers[0], numbers[numbers.length - 1]], [scale.low, scale.high]);
    numbers.forEach((number, i) => {
      assert.equal(rounded(number, scale), number);
      assert.ok(Math.abs(shareOf(number, scale) * places(scale) - i) < 1.5);
    });
  }
  assert.equal(places(BIAS), 28);
});

test("what came of a number is said net by net, a diverged one with its step", () => {
  assert.equal(outcomeOf(0.41, OUTCOMES), OUTCOMES[1]);
  assert.equal(outcomeOf(0.4, OUTCOMES), null);
  assert.match(outcome(0.41, TRIED), /^Your 0.41: Plain-20 diverged at step 12; ResNet-20 ends/);
  assert.match(outcome(0.02, TRIED), /it comes. 2 of 3 numbers/);
  assert.match(outcome(null, TRIED), /^You did not pick/);
  const stopped = { ...TRIED, tried: { ...TRIED.tried, state: "stopped" } };
  assert.match(outcome(0.02, stopped), /broke off before your 0.02/);
});

test("diverged nets stand above all others, and the lowest loss lowest", () => {
  const { points, rows, chance } = dots(RATE, OUTCOMES);
  assert.equal(points.length, 4);
  for (const { dead, x, y } of points) {
    assert.ok(x >= 0 && x <= 1 && y > 0 && y < 1 && dead === y > rows);
  }
  const [low, , , guess] = points;
  assert.ok(low.y < chance && chance <= guess.y && guess.y < rows);
});

test("a number is on its way until the server holds it", () => {
  const asked = [ROOM, own(null)].reduce((known, message) => after(known, message), NOTHING);
  assert.ok(isOpen(ROOM) && mine(asked) === null);
  assert.match(sentence(asked, "linked"), /^Pick a number/);
  const sent = tapped(asked, 0.05);
  assert.match(sentence(sent, "linked"), /^Sending your number/);
  const kept = after(sent, own(0.05));
  assert.deepEqual([kept.wish, mine(kept)], [null, 0.05]);
  assert.match(sentence(kept, "linked"), /^Your 0.05 is in/);
  const late = after(sent, TRIED);
  assert.match(sentence(late, "linked"), /closed before yours/);
  const shown = after(after(kept, TRIED), own(0.41, TRIED.ballot));
  assert.match(sentence(shown, "linked"), /Plain-20 diverged/);
});
