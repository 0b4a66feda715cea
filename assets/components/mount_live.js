// Fetches the live charts' module (assets/live/) and mounts it in its place.
/* global chosenWords, homeOf, keepInAddress */

/**
 * What was begun at each place of the page, and what undoes it: an unmount comes before or after
 * the module is there.
 * @type {WeakMap<HTMLElement, Promise<(() => void) | void>>}
 */
const going = new WeakMap();

const TELL_EVERY_MS = 200;

/**
 * Tells the server which step is chosen, now and then while a slider is drawn, and where it stops.
 * @param {string} address
 * @param {string} run
 */
function teller(address, run) {
  /** @type {number | null} */
  let newest = null;
  let waits = false;
  return (/** @type {number | null} */ step) => {
    newest = step;
    if (waits) return;
    waits = true;
    setTimeout(() => {
      waits = false;
      const body = JSON.stringify({ run, step: newest });
      fetch(address, { method: "POST", body }).catch(() => undefined); // who follows stays behind
    }, TELL_EVERY_MS);
  };
}

/**
 * @param {object} component  as Streamlit hands it
 * @param {HTMLElement} component.parentElement
 * @param {{base: string, script: string, tell: string, words: Record<string, string> | null,
 *   settings: {run: string}}} component.data  words: what the address says of the charts, where
 *   it keeps what is chosen in them
 */
export default function ({ parentElement, data }) {
  const home = homeOf(data.base);
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".sv-live"));
  const transport = new URLSearchParams(location.search).get("transport");
  const chosen = data.tell ? teller(home + data.tell, data.settings.run) : undefined;
  const { run } = data.settings, of = data.words && {
    words: chosenWords.get(run) ?? data.words,
    note: (/** @type {Record<string, string>} */ words) => keepInAddress(run, words),
  };
  if (of) root.dataset.kept = run;
  const settings = { home, transport, chosen, films: true, ...of, ...data.settings };
  const go = (going.get(parentElement) ?? Promise.resolve())
    .then(() => import(home + data.script))
    .then(({ mount }) => mount(root, settings))
    .catch((error) => { root.textContent = `The live charts could not be loaded: ${error}`; });
  going.set(parentElement, go);
  return () => { going.get(parentElement)?.then((unmount) => unmount && unmount()); };
}
