// What a phone knows of its room after each message, and what it says.

import { strict as assert } from "node:assert";
import test from "node:test";

import { NOTHING, after, letter, mine, sentence, tapped } from "../../assets/vote/ballot.js";

const OPEN = {
  type: "room", number: 1, phase: "open", ballot: "stripes.0", question: "Which?",
  choices: ["this", "that"], counts: null, shown: null,
};
const CLOSED = { ...OPEN, number: 2, phase: "closed", counts: [1, 2] };

function own(choice, ballot = OPEN.ballot) {
  return { type: "vote", ballot, choice };
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
  assert.deepEqual([known.choice, known.wish, mine(known)], [1, 0, 0]);
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
  const known = lived(OPEN, own(null), 1, CLOSED);
  assert.equal(known.wish, null);
  assert.match(sentence(known, "linked"), /closed before yours arrived/);
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
    [lived(CLOSED), "linked", /You did not vote/],
    [lived(CLOSED, own(1)), "linked", /You predicted B: that\.$/],
    [final, "away", /^There is none\.$/],
  ]) assert.match(sentence(known, link), said);
});

test("what is of an unknown kind changes nothing, and choices have the letters of the wall", () => {
  const known = lived(OPEN, own(1));
  assert.equal(after(known, { type: "colour" }), known);
  assert.equal([0, 1, 2].map(letter).join(""), "ABC");
});
