// The phones' page: the question, its choices as buttons or a place to draw, the clock of a talk, the
// result, and what is going on.

import { NOTHING, STEPS, after, isOpen, letter, mine, sentence, tapped } from "./ballot.js";
import { Charts } from "./charts.js";
import { announced, left, shown } from "./clock.js";
import { Line } from "./line.js";
import { Pad } from "./pad.js";
import { scatter } from "./scatter.js";
import { Slider } from "./slider.js";

/** @import { Answer, Known, Link, RoomState } from "./ballot.js" */

/** @param {string} id */
function element(id) {
  const there = document.getElementById(id);
  if (!there) throw new Error(`this page has no ${id}`);
  return there;
}

const step = element("step"), question = element("question"), choices = element("choices");
const paper = element("pad"), result = element("result"), status = element("status");
const slide = element("slide"), picture = element("picture");
const clock = element("clock"), aloud = element("aloud");

let known = NOTHING;
/** @type {Link} */
let link = "connecting";
let drawnBallot = "";
/** @type {Pad | null} */
let pad = null;
/** @type {Slider | null} */
let slider = null;
let drawnPicture = "";
/** @type {number | null} */
let ticked = null;

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

const charts = new Charts({
  root: element("charts"), open: element("open"), back: element("back"), home: line.home,
});

setInterval(tick, 1000);

/** Until it is acknowledged; the server counts an answer that comes twice once. */
function sendWish() {
  const { room, wish } = known;
  if (room && wish !== null) line.vote(room.ballot, room.kind, wish);
}

/** @param {Answer} answer */
function answer(answer) {
  show(tapped(known, answer));
  sendWish();
}

/** @param {Known} now */
function show(now) {
  known = now;
  const { room, final } = known;
  document.body.classList.toggle("refused", final);
  const view = room && !final ? room.view : null;
  say(element("view"), view ? [view.scene, view.page, view.says].filter(Boolean).join(" · ") : "");
  charts.show(view);
  say(step, room && !final ? STEPS[room.phase] : "");
  say(question, final ? "No vote here" : room && room.question || "What do you predict?");
  const sketch = room !== null && room.kind === "sketch" && !final;
  const picks = room !== null && room.kind === "pick" && !final;
  choices.hidden = final || sketch || picks || room !== null && !isOpen(room);
  paper.hidden = !sketch;
  slide.hidden = !picks || room === null || room.tried !== null;
  picture.hidden = !picks || room === null || room.tried === null;
  result.hidden = final || room === null || room.phase !== "reveal";
  if (room) draw(room);
  tick();
  say(status, sentence(known, link));
}

/** @param {RoomState} room */
function draw(room) {
  const ballot = `${room.ballot} ${room.kind}`, own = mine(known);
  if (ballot !== drawnBallot) {
    drawnBallot = ballot;
    fill(choices, room.choices.map(button));
    fill(result, room.choices.map(row));
    slider = room.pick && !room.tried ? new Slider(slide, room.pick, answer) : null;
    pad = room.kind === "sketch" && room.axes ? new Pad(paper, room.axes, answer) : null;
  }
  Array.from(choices.children).forEach((each, i) => {
    each.setAttribute("aria-pressed", String(i === own));
  });
  if (pad) pad.show(Array.isArray(own) ? own : null, isOpen(room));
  if (slider) slider.show(typeof own === "number" ? own : null);
  if (room.phase === "reveal") showResult(room);
  if (room.pick && room.tried) showPicture(room, typeof own === "number" ? own : null);
}

/**
 * The scatter, drawn anew where it is another one.
 * @param {RoomState} room
 * @param {number | null} own
 */
function showPicture({ number, pick, tried }, own) {
  const drawing = `${number} ${own}`;
  if (!pick || !tried || drawing === drawnPicture) return;
  drawnPicture = drawing;
  scatter(picture, pick, tried, own);
}

/** The clock of a talk: seen each second, said aloud a few times. */
function tick() {
  const { room, ahead, final } = known;
  const ends = room && !final && room.phase === "talk" ? room.talk_ends : null;
  clock.hidden = ends === null;
  if (ends === null || known.own === null) {
    ticked = null;
    if (ends === null) say(aloud, "");
    return;
  }
  const seconds = left(ends, ahead, Date.now() / 1000), said = announced(ticked, seconds);
  ticked = seconds;
  say(clock, seconds ? shown(seconds) : "Time is up");
  if (said) say(aloud, said);
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
  made.addEventListener("click", () => answer(choice));
  return made;
}

/**
 * @param {string} text
 * @param {number} choice
 */
function row(text, choice) {
  const made = document.createElement("li"), words = document.createElement("span");
  words.append(named("b", letter(choice)), text);
  made.append(words, named("small", ""));
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

/** @typedef {"counts" | "second_counts" | "seen_counts"} Counted */

/** @type {[Counted, "first" | "second" | "seen", string][]} */
const STAGES = [
  ["counts", "first", "first vote"], ["second_counts", "second", "second vote"],
  ["seen_counts", "seen", "seen"],
];

/**
 * Votes of each choice at each stage, which ones are this phone's, and what the run showed.
 * @param {RoomState} room
 */
function showResult(room) {
  const { own } = known, there = STAGES.filter(([counts]) => room[counts]);
  Array.from(result.children).forEach((each, i) => {
    const small = each.querySelector("small");
    each.className = i === room.shown ? "shown" : "";
    if (small) say(small, i === room.shown ? "✓ what the run showed" : "");
    each.querySelectorAll("p").forEach((old) => old.remove());
    for (const [counts, stage, name] of there) {
      each.append(bar(room[counts] || [], i, name, own !== null && own[stage] === i));
    }
  });
}

/**
 * One stage of a choice: its name, a bar, and how many; whether this phone is among them.
 * @param {number[]} counts
 * @param {number} choice
 * @param {string} name
 * @param {boolean} yours
 */
function bar(counts, choice, name, yours) {
  const total = counts.reduce((sum, count) => sum + count, 0) || 1;
  const made = document.createElement("p"), track = named("u", ""), share = named("i", "");
  share.style.width = `${100 * (counts[choice] || 0) / total}%`;
  track.append(share);
  const many = `${counts[choice] || 0}${yours ? " · yours" : ""}`;
  made.append(named("span", name), track, named("em", many));
  return made;
}
