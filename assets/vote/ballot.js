// What a phone knows of its room, and the one sentence that says what is going on. The messages are
// those of skipviz/core/phone_protocol.py. Written for browsers of 2019.

/**
 * What the room is asked now.
 * @typedef {object} RoomState
 * @property {"room"} type
 * @property {number} number  of this state; equal states have equal ones
 * @property {"waiting" | "open" | "closed"} phase
 * @property {string} ballot  names what is voted on
 * @property {string} question
 * @property {string[]} choices
 * @property {number[] | null} counts  of votes for each choice; null while it is open
 * @property {number | null} shown  the choice that the run showed
 */

/**
 * What the server holds of this phone's vote.
 * @typedef {object} OwnVote
 * @property {"vote"} type
 * @property {string} ballot
 * @property {number | null} choice
 */

/**
 * Why something cannot be.
 * @typedef {object} Refusal
 * @property {"refusal"} type
 * @property {string} message
 * @property {boolean} final  of no use to ask again
 */

/** @typedef {RoomState | OwnVote | Refusal} PhoneMessage */

/** @typedef {"connecting" | "linked" | "away"} Link  Is the server there? */

/**
 * @typedef {object} Known
 * @property {RoomState | null} room
 * @property {number | null} choice  the vote that the server holds
 * @property {number | null} wish  a vote that is not acknowledged yet
 * @property {string} refusal  a sentence; "" for none
 * @property {boolean} final  is the refusal the end?
 */

/** @type {Known} */
export const NOTHING = { room: null, choice: null, wish: null, refusal: "", final: false };

/**
 * What is known after a message.
 * @param {Known} known
 * @param {PhoneMessage} message
 * @returns {Known}
 */
export function after(known, message) {
  const { room } = known;
  if (message.type === "room") {
    const another = !room || room.ballot !== message.ballot;
    if (another) return { ...NOTHING, room: message };
    const late = known.wish !== null && message.phase !== "open";
    const refusal = late ? "The vote was closed before yours arrived." : known.refusal;
    return { ...known, room: message, wish: late ? null : known.wish, refusal };
  }
  if (message.type === "vote") {
    if (!room || room.ballot !== message.ballot) return known;
    const wish = known.wish === message.choice ? null : known.wish;
    return { ...known, choice: message.choice, wish };
  }
  if (message.type === "refusal") {
    return { ...known, wish: null, refusal: message.message, final: message.final };
  }
  return known;
}

/**
 * What is known after a tap on a choice: the vote is on its way.
 * @param {Known} known
 * @param {number} choice
 * @returns {Known}
 */
export function tapped(known, choice) {
  const counted = known.wish === null && choice === known.choice;
  return { ...known, wish: counted ? null : choice, refusal: "" };
}

/**
 * The choice that stands as this phone's, on its way or counted; null for none.
 * @param {Known} known
 */
export function mine(known) {
  return known.wish === null ? known.choice : known.wish;
}

/**
 * One sentence, or two, on what is going on.
 * @param {Known} known
 * @param {Link} link
 */
export function sentence(known, link) {
  const { room, choice, wish, refusal } = known;
  if (known.final) return refusal;
  if (link === "away") {
    if (wish !== null) return "No connection. Your vote is sent as soon as there is one.";
    const kept = choice === null ? "" : " Your vote is kept.";
    return `No connection; this page comes back by itself.${kept}`;
  }
  if (!room) return "Connecting …";
  if (refusal) return refusal;
  if (room.phase === "waiting") {
    return "The lecture has not begun yet; this page follows it by itself.";
  }
  if (room.phase === "open") {
    if (wish !== null) return "Sending your vote …";
    return choice === null ? "Choose one. No name is kept."
      : "Your vote counts. You may change it until the vote is closed.";
  }
  if (choice === null) return "The vote is closed. You did not vote.";
  return `The vote is closed. You predicted ${letter(choice)}: ${room.choices[choice]}.`;
}

/**
 * How a choice is called on the wall: A, B, C, …
 * @param {number} choice
 */
export function letter(choice) {
  return String.fromCharCode(65 + choice);
}
