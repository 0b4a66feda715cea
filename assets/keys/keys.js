// The keys of the page's buttons. One that comes while the page is drawn is kept until its button is
// there, and acts once: in the scene and phase in which it was pressed, within KEEP_MS. A button that
// was pressed says so at once, until the server has answered.

import { hasModal, isAnythingOpen } from "./open.js";
import { buttonOf, isOurs, nameOf, shownName } from "./shortcuts.js";
import { say, silence } from "./word.js";

const KEEP_MS = 10_000;
const LOOK_MS = 40; // how often the page is looked at while something is awaited
const STEADY_MS = 150; // so long a page must look ready: it is drawn in pieces
const UNSEEN_MS = 12_000; // after it, an answer so quick that nothing of it was seen is assumed
const NOTHING_MS = 2000; // so long a page without the key's button is idle
const WORD_MS = 300; // a wait that is shorter than this needs no word

/**
 * A key that waits for its button; times in milliseconds since the page began.
 * @typedef {object} Kept
 * @property {string} name
 * @property {string} place  the scene and phase in which it was pressed
 * @property {number} since
 * @property {number | null} steady  since when the page looks ready
 * @property {number | null} idle  since when there has been nothing to press
 */

/**
 * A button that was pressed and awaits the server's answer.
 * @typedef {object} Asked
 * @property {HTMLButtonElement} button
 * @property {number} drawing  of the page, when it was pressed
 * @property {number} since
 * @property {boolean} drawn  was its part of the page drawn since?
 * @property {MutationObserver} change
 */

/** @type {Set<string>} */
let shortcuts = new Set();
let drawing = 0; // the last drawing of the whole page that the server told of
/** @type {Kept | null} */
let kept = null;
/** @type {Asked | null} */
let asked = null;
let wasOpen = false; // something that Esc closes was open when the key went down
let clock = 0;

/**
 * Listens from the first call on; later calls tell of another drawing of the page.
 * @param {string[]} names  as Streamlit's `shortcut=` has them
 * @param {number} number  of the drawing
 */
export function listen(names, number) {
  drawing = number;
  if (shortcuts.size) return;
  shortcuts = new Set(names);
  silenceStreamlit();
  addEventListener("keydown", () => (wasOpen = isAnythingOpen()), true);
  addEventListener("keydown", pressed);
  addEventListener("pointerdown", () => forget("something else was pressed"), true);
  document.addEventListener("click", clicked, true);
  document.documentElement.dataset.skipKeys = "heard"; // for tests: from here on keys are kept
}

/** Streamlit's own listener passes over our keys; what it does with others is its own. */
function silenceStreamlit() {
  const hotkeys = window.hotkeys;
  if (!hotkeys) return;
  const before = hotkeys.filter;
  hotkeys.filter = (event) => !shortcuts.has(nameOf(event)) && (!before || before(event));
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  const name = nameOf(event);
  if (name === "Escape" && wasOpen) return;
  if (!shortcuts.has(name) || event.defaultPrevented || !isOurs(event, name)) {
    if (kept && event.key.length === 1) forget("something else was typed");
    return;
  }
  const button = buttonOf(name);
  if (!isReady(button) && !mayCome(button)) return;
  event.preventDefault();
  if (event.repeat) return; // a held key is one key
  silence();
  if (isReady(button)) {
    kept = null;
    button.click();
  } else {
    kept = { name, place: place(), since: now(), steady: null, idle: null };
    watch();
  }
}

/** The scene and phase that the address names. */
function place() {
  const query = new URLSearchParams(location.search);
  return [location.pathname, query.get("at") ?? "", query.get("phase") ?? "0"].join(" ");
}

/**
 * Is the button there, of this drawing of the page, and able to be pressed?
 * @param {HTMLButtonElement | null} button
 * @returns {button is HTMLButtonElement}
 */
function isReady(button) {
  return button !== null && !button.disabled && !asked && !hasModal() && !isStale(button) &&
    app()?.dataset.testConnectionState === "CONNECTED";
}

/**
 * Will another drawing of the page bring this button, or another state of it?
 * @param {HTMLButtonElement | null} button
 */
function mayCome(button) {
  return Boolean(asked) || ((!button || isStale(button) || !button.disabled) && isBusy());
}

/** @param {Element} element */
function isStale(element) {
  return element.closest('[data-stale="true"]') !== null;
}

/** @returns {HTMLElement | null} */
function app() {
  return document.querySelector('[data-testid="stApp"]');
}

function isBusy() {
  const state = app()?.dataset ?? {};
  return state.testScriptState !== "notRunning" || state.testConnectionState !== "CONNECTED" ||
    document.querySelector('[data-testid="stSkeleton"]') !== null;
}

/** @param {MouseEvent} event */
function clicked({ target }) {
  const button = target instanceof Element && target.closest(
    '[data-testid="stButton"] button, [data-testid="stFormSubmitButton"] button',
  );
  if (!(button instanceof HTMLButtonElement) || button.disabled) return;
  if (asked) heardOf(asked);
  const change = new MutationObserver(() => asked && (asked.drawn = true));
  const box = button.closest('[data-testid="stElementContainer"]') ?? button;
  const attributeFilter = ["data-stale", "disabled"];
  change.observe(box, { attributeFilter, childList: true, characterData: true, subtree: true });
  asked = { button, drawing, since: now(), drawn: false, change };
  button.setAttribute("aria-busy", "true");
  watch();
}

/**
 * The server has answered the pressed button.
 * @param {Asked} answered
 */
function heardOf(answered) {
  answered.change.disconnect();
  answered.button.removeAttribute("aria-busy");
  asked = null;
}

/** Looks at the page until nothing is awaited any more. */
function watch() {
  clock ||= setInterval(() => {
    if (asked && isAnswered(asked)) heardOf(asked);
    if (kept) tryKept(kept);
    if (asked || kept) return;
    clearInterval(clock);
    clock = 0;
  }, LOOK_MS);
}

/**
 * Was the page, or the button's part of it, drawn again since the button was pressed? That the
 * script ran says nothing: parts of a page that follow a clock run it all the time.
 * @param {Asked} waiting
 */
function isAnswered(waiting) {
  const { button, drawn, since } = waiting;
  if (!button.isConnected) return true;
  if (isStale(button)) return false;
  return drawn || waiting.drawing !== drawing || (now() - since > UNSEEN_MS && !isBusy());
}

/** @param {Kept} key */
function tryKept(key) {
  const { name, place: there, since } = key, button = buttonOf(name);
  if (there !== place()) return forget("the page has changed");
  if (now() - since > KEEP_MS) return forget("its button did not come within 10 s");
  if (isReady(button)) {
    key.steady ??= now();
    if (now() - key.steady < STEADY_MS) return;
    kept = null;
    silence();
    return button.click();
  }
  key.steady = null;
  key.idle = button || asked || isBusy() ? null : key.idle ?? now();
  if (key.idle !== null && now() - key.idle > NOTHING_MS) forget("there is nothing to press here");
  else if (now() - since > WORD_MS) say(`${shownName(name)} waits until the page is there`);
}

/** @param {string} why */
function forget(why) {
  if (!kept) return;
  say(`${shownName(kept.name)} was not used: ${why}`, true);
  kept = null;
}

function now() {
  return performance.now();
}
