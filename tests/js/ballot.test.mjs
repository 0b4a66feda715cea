// What a phone knows of its room after each message, and what it says.

import { strict as assert } from "node:assert";
import test from "node:test";

import { NOTHING, after, letter, mine, sentence, tapped } from "../../assets/vote/ballot.js";

const OPEN = {
  type: "room", number: 1, phase: "vote", ballot: "stripes.0", kind: "choice", question: "Which?",
  choices: ["this", "that"], axes: null, talk_ends: null, counts: null, second_counts: null,
  seen_counts: null, shown: null,
};
const AXES = { x: "layer", y: "norm", x_range: [1, 50], y_range: [1e-9, 1], log_y: true };
const TALK = { ...OPEN, phase: "talk", talk_ends: 1000 };
const SECOND = { ...OPEN, phase: "second", ballot: "stripes.0.second" };
const RUN = { ...OPEN, phase: "run", ballot: "stripes.0.run" };
const SEEN = { ...OPEN, phase: "seen", ballot: "stripes.0.seen" };
const REVEAL = { ...OPEN, phase: "reveal", ballot: "stripes.0.reveal", counts: [1, 2] };
const SKETCH = { ...OPEN, kind: "sketch", axes: AXES };

function own(choice, ballot = OPEN.ballot, more = {}) {
  const answers = { curve: null, first: null, second: null, seen: null, now: 100 };
  return { type: "vote", ballot, choice, ...answers, ...more };
}

/** What is known after messages; a number stands for a tap on a choice. */
function lived(...steps) {
  return steps.reduce(
    (known, step) => typeof step === "number" ? tapped(known, step) : after(known, step), NOTHING,
  );
}

test("a vote is on its way until the server says that it counts", () => {
  const sent = lived(OPEN, own(null), 1);
  assert.equal(mine(sent), 1);
  assert.match(sentence(sent, "linked"), /^Sending/);
  const counted = lived(OPEN, own(null), 1, own(1));
  assert.equal(counted.wish, null);
  assert.match(sentence(counted, "linked"), /^Your vote counts/);
});

test("the last of several quick taps is the one that is sent until it counts", () => {
  const known = lived(OPEN, own(0), 1, 0, own(1));
  assert.deepEqual([known.own.choice, known.wish, mine(known)], [1, 0, 0]);
  assert.equal(lived(OPEN, own(0), 1, 0, own(1), own(0)).wish, null);
});

test("a vote outlives a lost connection and is sent when there is one", () => {
  const sent = lived(OPEN, own(null), 1);
  assert.match(sentence(sent, "away"), /is sent as soon as/);
  assert.equal(after(sent, OPEN).wish, 1, "the same question is back");
  assert.equal(after(sent, own(null)).wish, 1, "the server does not have it yet");
  assert.match(sentence(lived(OPEN, own(1)), "away"), /Your vote is kept/);
});

test("another question, and one whose votes were taken back, begin without a vote", () => {
  for (const ballot of ["lesion.0", "stripes.1"]) {
    const known = lived(OPEN, own(1), 0, { ...OPEN, ballot });
    assert.deepEqual([mine(known), known.refusal], [null, ""]);
    assert.equal(mine(after(known, own(1))), null, "an answer that comes late");
  }
});

test("a vote that comes too late is told and not sent any more", () => {
  for (const closed of [TALK, SECOND, RUN]) {
    const known = lived(OPEN, own(null), 1, closed);
    assert.equal(known.wish, null);
    assert.match(sentence(known, "linked"), /closed before yours arrived/);
  }
  const next = lived(OPEN, own(null), 1, { ...OPEN, ballot: "lesion.0" });
  assert.match(sentence(next, "linked"), /^Choose one/, "of another question nothing is said");
  const refused = lived(OPEN, 1, { type: "refusal", message: "It is closed.", final: false });
  assert.deepEqual([refused.wish, sentence(refused, "linked")], [null, "It is closed."]);
  assert.equal(tapped(refused, 0).refusal, "", "a further tap is a further try");
});

test("one sentence says what is going on", () => {
  const waiting = { ...OPEN, phase: "waiting", choices: [], ballot: ".0" };
  const final = lived(OPEN, { type: "refusal", message: "There is none.", final: true });
  for (const [known, link, said] of [
    [NOTHING, "connecting", /^Connecting/],
    [NOTHING, "away", /comes back by itself/],
    [lived(waiting), "linked", /has not begun/],
    [lived(OPEN), "linked", /^Choose one/],
    [lived(TALK), "linked", /neighbour/],
    [lived(SECOND, own(null, SECOND.ballot, { first: 1 })), "linked", /first vote was B/],
    [lived(SECOND), "linked", /now that you have talked/],
    [lived(RUN, own(null, RUN.ballot)), "linked", /closed\. You did not vote/],
    [lived(RUN, own(null, RUN.ballot, { first: 1, seen: 0 })), "linked", /predicted B: that\.$/],
    [lived(SEEN), "linked", /^Tap what the figure showed/],
    [lived(SEEN, own(1, SEEN.ballot)), "linked", /^Counted/],
    [lived(REVEAL, own(null, REVEAL.ballot, { first: 1, second: 0, seen: 2 })), "linked",
      /^You predicted B: that\. After talking, A: this\. You could not tell\.$/],
    [lived(REVEAL, own(null, REVEAL.ballot, { first: 1, second: 1, seen: 0 })), "linked",
      /^You predicted B: that\. You saw A: this\.$/],
    [lived(SKETCH), "linked", /^Draw with a finger/],
    [lived({ ...SKETCH, phase: "curves" }), "linked", /on the wall/],
    [final, "away", /^There is none\.$/],
  ]) assert.match(sentence(known, link), said);
});

test("a curve is on its way until the server holds the very same one", () => {
  const curve = [0, 0.125, 1];
  const sent = tapped(lived(SKETCH, own(null)), curve);
  assert.match(sentence(sent, "linked"), /^Sending your curve/);
  const other = after(sent, own(null, OPEN.ballot, { curve: [0, 0.5, 1] }));
  assert.deepEqual([other.wish, mine(other)], [curve, curve]);
  const counted = after(sent, own(null, OPEN.ballot, { curve: [0, 0.125, 1] }));
  assert.deepEqual([counted.wish, mine(counted)], [null, curve]);
  assert.match(sentence(counted, "linked"), /^Your curve counts/);
});

test("the server's clock is known by each of its answers", () => {
  assert.equal(after(lived(OPEN), own(null), 90).ahead, 10);
  assert.equal(after(after(lived(OPEN), own(null), 90), SECOND).ahead, 10, "another vote keeps it");
});

test("what is of an unknown kind changes nothing, and choices have the letters of the wall", () => {
  const known = lived(OPEN, own(1));
  assert.equal(after(known, { type: "colour" }), known);
  assert.equal([0, 1, 2].map(letter).join(""), "ABC");
});
