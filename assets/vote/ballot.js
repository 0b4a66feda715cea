// What a phone knows of its room, and the one sentence that says what is going on. The messages are
// those of skipviz/core/phone_protocol.py. Written for browsers of 2019.

import { outcome } from "./pick.js";

/**
 * The axes on which a curve is drawn; ranges in the figure's own units.
 * @typedef {object} SketchAxes
 * @property {string} x
 * @property {string} y
 * @property {[number, number]} x_range
 * @property {[number, number]} y_range
 * @property {boolean} log_y
 */

/**
 * What a phone picks: a number, of two digits where the scale is logarithmic, else a multiple of
 * step; and the nets that are trained with it.
 * @typedef {object} PickScale
 * @property {string} label
 * @property {number} low
 * @property {number} high
 * @property {boolean} log
 * @property {number} step
 * @property {string[]} lanes
 * @property {string[]} families
 * @property {number} steps  that each net makes
 * @property {number} chance  the loss of guessing
 */

/**
 * What the wall shows.
 * @typedef {object} View
 * @property {string} scene  its title
 * @property {string} page
 * @property {string} says  what to look at
 * @property {string} run  whose live charts may be opened; "": none
 * @property {string[]} panels  of the charts
 * @property {string} quantity  of the profiles
 * @property {[string, string][]} colours  of each lane, on a light and on a dark page
 * @property {number | null} step  that the lecturer has chosen; null: the newest
 */

/** @typedef {[number, (number | null)[], (number | null)[]]} Outcome  A number, the final loss of
 * each net or null where it diverged, and the step at which it did. */

/**
 * What came of the numbers that were picked.
 * @typedef {object} Tried
 * @property {number} total
 * @property {"running" | "finished" | "stopped" | "failed"} state
 * @property {Outcome[]} outcomes
 */

/** @typedef {"waiting" | "vote" | "talk" | "second" | "curves" | "run" | "seen" | "reveal" | "pick"
 *   | "picked"} Phase */

/**
 * What the room is asked now.
 * @typedef {object} RoomState
 * @property {"room"} type
 * @property {number} number  of this state; equal states have equal ones
 * @property {Phase} phase
 * @property {string} ballot  names what is answered
 * @property {"choice" | "sketch" | "pick"} kind  of the answer
 * @property {string} question
 * @property {string[]} choices
 * @property {SketchAxes | null} axes
 * @property {PickScale | null} pick
 * @property {Tried | null} tried  what came of the numbers; null while they are picked
 * @property {number | null} talk_ends  in seconds of the server's clock
 * @property {number[] | null} counts  of the first vote for each choice; null before the reveal
 * @property {number[] | null} second_counts
 * @property {number[] | null} seen_counts  with a last one more, of those who could not tell
 * @property {View | null} view  what the wall shows
 * @property {number | null} shown  the choice that the run showed
 */

/**
 * What the server holds of this phone.
 * @typedef {object} OwnVote
 * @property {"vote"} type
 * @property {string} ballot
 * @property {number | null} choice  the answer to this ballot
 * @property {number[] | null} curve  the answer to this ballot, where it is one
 * @property {number | null} pick  the number that this phone picked
 * @property {number | null} first  this phone's choices so far
 * @property {number | null} second
 * @property {number | null} seen
 * @property {number} now  the server's clock, in seconds
 */

/**
 * Why something cannot be.
 * @typedef {object} Refusal
 * @property {"refusal"} type
 * @property {string} message
 * @property {boolean} final  of no use to ask again
 */

/** @typedef {RoomState | OwnVote | Refusal} PhoneMessage */

/** @typedef {number | number[]} Answer  A choice or a picked number, or the heights of a curve. */

/** @typedef {"connecting" | "linked" | "away"} Link  Is the server there? */

/**
 * @typedef {object} Known
 * @property {RoomState | null} room
 * @property {OwnVote | null} own
 * @property {Answer | null} wish  an answer that is not acknowledged yet
 * @property {number} ahead  by how many seconds the server's clock is ahead of this phone's
 * @property {string} refusal  a sentence; "" for none
 * @property {boolean} final  is the refusal the end?
 */

/** @type {Known} */
export const NOTHING = {
  room: null, own: null, wish: null, ahead: 0, refusal: "", final: false,
};

const LATE = "The vote was closed before yours arrived.";

/**
 * What is known after a message.
 * @param {Known} known
 * @param {PhoneMessage} message
 * @param {number} now  this phone's clock, in seconds
 * @returns {Known}
 */
export function after(known, message, now = Date.now() / 1000) {
  const { room, wish } = known;
  if (message.type === "room") {
    const another = !room || room.ballot !== message.ballot || room.kind !== message.kind;
    const same = room !== null && question(room.ballot) === question(message.ballot);
    const late = wish !== null && same && (another || !isOpen(message));
    const refusal = late ? LATE : another ? "" : known.refusal;
    const kept = another ? { ...NOTHING, ahead: known.ahead } : known;
    return { ...kept, room: message, wish: late ? null : kept.wish, refusal };
  }
  if (message.type === "vote") {
    if (!room || room.ballot !== message.ballot) return known;
    const held = answered(message, room);
    return {
      ...known, own: message, ahead: message.now - now, wish: equal(wish, held) ? null : wish,
    };
  }
  if (message.type === "refusal") {
    return { ...known, wish: null, refusal: message.message, final: message.final };
  }
  return known;
}

/**
 * The scene and round that a ballot belongs to, whichever of its votes it is.
 * @param {string} ballot
 */
function question(ballot) {
  return ballot.split(".").slice(0, 2).join(".");
}

/**
 * @param {Answer | null} one
 * @param {Answer | null} other
 */
function equal(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * Is something answered now?
 * @param {RoomState} room
 */
export function isOpen(room) {
  return ["vote", "second", "seen", "pick"].indexOf(room.phase) >= 0;
}

/**
 * What is known after a tap on a choice, or a curve that is sent: the answer is on its way.
 * @param {Known} known
 * @param {Answer} answer
 * @returns {Known}
 */
export function tapped(known, answer) {
  const counted = known.wish === null && equal(answer, counts(known));
  return { ...known, wish: counted ? null : answer, refusal: "" };
}

/**
 * The answer that the server holds; null for none.
 * @param {Known} known
 */
function counts({ own, room }) {
  return own && room ? answered(own, room) : null;
}

/**
 * What the server holds of the answer that is asked for.
 * @param {OwnVote} own
 * @param {RoomState} room
 */
function answered(own, room) {
  return room.kind === "pick" ? own.pick : own.curve || own.choice;
}

/**
 * The answer that stands as this phone's, on its way or counted; null for none.
 * @param {Known} known
 */
export function mine(known) {
  return known.wish === null ? counts(known) : known.wish;
}

/** What stands above the question. */
export const STEPS = {
  waiting: "", vote: "Vote", talk: "Talk to your neighbour", second: "Second vote",
  curves: "What was drawn", run: "Watch the wall", seen: "What did you see?", reveal: "The result",
  pick: "Everybody picks one", picked: "What came of it",
};

/**
 * One sentence, or two, on what is going on.
 * @param {Known} known
 * @param {Link} link
 */
export function sentence(known, link) {
  const { room, wish, refusal } = known;
  if (known.final) return refusal;
  if (link === "away") {
    if (wish !== null) return "No connection. Your vote is sent as soon as there is one.";
    const kept = counts(known) === null ? "" : " Your vote is kept.";
    return `No connection; this page comes back by itself.${kept}`;
  }
  if (!room) return "Connecting …";
  if (refusal) return refusal;
  return isOpen(room) ? asked(known, room) : followed(known, room);
}

/**
 * What is to be done while something is answered.
 * @param {Known} known
 * @param {RoomState} room
 */
function asked(known, room) {
  const noun = { sketch: "curve", pick: "number", choice: "vote" }[room.kind];
  if (known.wish !== null) return `Sending your ${noun} …`;
  if (room.kind === "pick") return picking(known.own);
  if (counts(known) !== null) {
    if (room.phase === "seen") return "Counted. You may change it until the numbers come.";
    return `Your ${noun} counts. You may change it until the vote is closed.`;
  }
  if (room.phase === "seen") return "Tap what the figure showed, before the numbers come.";
  const again = room.phase === "second";
  if (room.kind === "sketch") {
    return `Draw ${again ? "again" : "with a finger"}, then send it. No name is kept.`;
  }
  const first = known.own ? known.own.first : null;
  if (again && first !== null) return `Choose again. Your first vote was ${letter(first)}.`;
  return `Choose one${again ? ", now that you have talked" : ""}. No name is kept.`;
}

/** @param {OwnVote | null} own */
function picking(own) {
  if (!own || own.pick === null) return "Pick a number, then send it. No name is kept.";
  return `Your ${own.pick} is in. You may change it until the numbers are tried.`;
}

/**
 * What is going on while nothing is answered.
 * @param {Known} known
 * @param {RoomState} room
 */
function followed(known, room) {
  if (room.phase === "waiting") {
    return "The lecture has not begun yet; this page follows it by itself.";
  }
  if (room.phase === "talk") {
    return "The first vote is closed. Say to your neighbour why you answered so; then vote again.";
  }
  if (room.phase === "picked") return outcome(known.own ? known.own.pick : null, room);
  if (room.phase === "curves") return "All curves are on the wall.";
  const said = predicted(known, room);
  return room.phase === "run" ? `The vote is closed. ${said}` : said;
}

/**
 * What this phone predicted, before and after its owner talked, and saw.
 * @param {Known} known
 * @param {RoomState} room
 */
function predicted({ own }, room) {
  /** @param {number} i */
  const name = (i) => `${letter(i)}: ${room.choices[i]}`;
  const { first, second, seen } = own || { first: null, second: null, seen: null };
  const parts = [];
  if (first !== null) parts.push(`You predicted ${name(first)}.`);
  if (second !== null && second !== first) {
    parts.push(`${first === null ? "You predicted" : "After talking,"} ${name(second)}.`);
  }
  if (seen !== null && room.phase === "reveal") {
    parts.push(seen < room.choices.length ? `You saw ${name(seen)}.` : "You could not tell.");
  }
  if (parts.length) return parts.join(" ");
  return room.kind === "sketch" ? "Watch for your curve." : "You did not vote.";
}

/**
 * How a choice is called on the wall: A, B, C, …
 * @param {number} choice
 */
export function letter(choice) {
  return String.fromCharCode(65 + choice);
}
