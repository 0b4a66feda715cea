// One line at the foot of the window: that a key waits, or why it was not used.

const STAYS_MS = 4000;
let line = null;
let ends = 0;

/** Shows a sentence, until `silence` or, where it is the last word, for a while. */
export function say(sentence, isLast = false) {
  if (!line?.isConnected) {
    line = Object.assign(document.createElement("div"), { className: "skip-key-word" });
    line.setAttribute("role", "status");
    document.body.append(line);
  }
  if (line.textContent !== sentence) line.textContent = sentence;
  clearTimeout(ends);
  if (isLast) ends = setTimeout(silence, STAYS_MS);
}

/** Takes the sentence away. */
export function silence() {
  clearTimeout(ends);
  if (line) line.textContent = "";
}
