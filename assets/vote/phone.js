// The phones' page: the question, its choices as buttons, the result, and what is going on.

import { NOTHING, after, letter, mine, sentence, tapped } from "./ballot.js";
import { Line } from "./line.js";

/** @import { Known, Link } from "./ballot.js" */

/** @param {string} id */
function element(id) {
  const there = document.getElementById(id);
  if (!there) throw new Error(`this page has no ${id}`);
  return there;
}

const question = element("question"), choices = element("choices");
const result = element("result"), status = element("status");

let known = NOTHING;
/** @type {Link} */
let link = "connecting";
let drawnBallot = "";

const line = new Line(location.origin + location.pathname.replace(/\/+$/, ""), {
  number: () => known.room ? known.room.number : 0,
  message(message) {
    show(after(known, message));
    if (known.final) line.close();
    else if (message.type === "vote") sendWish();
  },
  link(now) {
    link = now;
    show(known);
  },
});

/** Until it is acknowledged; the server counts a vote that comes twice once. */
function sendWish() {
  if (known.room && known.wish !== null) line.vote(known.room.ballot, known.wish);
}

/** @param {Known} now */
function show(now) {
  known = now;
  const { room } = known;
  const closed = room !== null && room.phase === "closed";
  document.body.className = known.final ? "refused" : "";
  say(question, room && room.question || "What do you predict?");
  choices.hidden = closed || known.final;
  result.hidden = !closed || known.final;
  if (room && room.ballot !== drawnBallot) {
    drawnBallot = room.ballot;
    fill(choices, room.choices.map(button));
    fill(result, room.choices.map(row));
  }
  Array.from(choices.children).forEach((each, i) => {
    each.setAttribute("aria-pressed", String(i === mine(known)));
  });
  if (closed) showResult();
  say(status, sentence(known, link));
}

/**
 * @param {HTMLElement} where
 * @param {HTMLElement[]} parts
 */
function fill(where, parts) {
  where.textContent = "";
  where.append(...parts);
}

/**
 * Changes a text only where it is another one: a screen reader reads what is written.
 * @param {HTMLElement} where
 * @param {string} text
 */
function say(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

/**
 * @param {string} text
 * @param {number} choice
 */
function button(text, choice) {
  const made = document.createElement("button");
  made.type = "button";
  made.append(named("b", letter(choice)), text);
  made.addEventListener("click", () => {
    show(tapped(known, choice));
    sendWish();
  });
  return made;
}

/**
 * @param {string} text
 * @param {number} choice
 */
function row(text, choice) {
  const made = document.createElement("li"), words = document.createElement("span");
  words.append(named("b", letter(choice)), text, named("em", ""));
  made.append(named("i", ""), words, named("small", ""));
  return made;
}

/**
 * @param {string} tag
 * @param {string} text
 */
function named(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** Votes of each choice, which one is this phone's, and which one the run showed. */
function showResult() {
  const { room, choice } = known;
  if (!room) return;
  const counts = room.counts || [];
  const total = counts.reduce((sum, count) => sum + count, 0) || 1;
  Array.from(result.children).forEach((each, i) => {
    const bar = each.querySelector("i"), count = each.querySelector("em");
    const small = each.querySelector("small");
    if (!bar || !count || !small) return;
    bar.style.width = `${100 * (counts[i] || 0) / total}%`;
    say(count, String(counts[i] || 0));
    each.className = i === room.shown ? "shown" : "";
    const notes = [i === choice && "your vote", i === room.shown && "✓ what the run showed"];
    say(small, notes.filter(Boolean).join(" · "));
  });
}
