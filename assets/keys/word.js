// One line at the foot of the window: that a key waits, or why it was not used.

const STAYS_MS = 4000;
/** @type {HTMLElement | null} */
let line = null;
let ends = 0;

/**
 * Shows a sentence, until `silence` or, where it is the last word, for a while.
 * @param {string} sentence
 */
export function say(sentence, isLast = false) {
  line = line?.isConnected ? line : newLine();
  if (line.textContent !== sentence) line.textContent = sentence;
  clearTimeout(ends);
  if (isLast) ends = setTimeout(silence, STAYS_MS);
}

function newLine() {
  const made = Object.assign(document.createElement("div"), { className: "skip-key-word" });
  made.setAttribute("role", "status");
  document.body.append(made);
  return made;
}

/** Takes the sentence away. */
export function silence() {
  clearTimeout(ends);
  if (line) line.textContent = "";
}
