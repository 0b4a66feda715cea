// Whose a replay's key is, where a page has several places with live charts: that of the place which
// has the focus, else of the first one that is seen.

/** @import { ReplayBar } from "./replaybar.js" */

/** @type {Map<HTMLElement, ReplayBar>} */
const bars = new Map();

/** @param {KeyboardEvent} event */
function pressed(event) {
  const seen = [...bars].filter(([root]) => root.isConnected && root.checkVisibility());
  const focused = seen.find(([root]) => root.contains(document.activeElement));
  for (const [, bar] of focused ? [focused] : seen) {
    if (bar.box.hidden) continue;
    if (bar.key(event)) event.preventDefault();
    return;
  }
}

/**
 * From now on a bar's keys are heard.
 * @param {HTMLElement} root
 * @param {ReplayBar} bar
 */
export function hear(root, bar) {
  if (!bars.size) addEventListener("keydown", pressed);
  bars.set(root, bar);
}

/** @param {HTMLElement} root */
export function forget(root) {
  bars.delete(root);
  if (!bars.size) removeEventListener("keydown", pressed);
}
