// What was chosen in a run's charts, kept in the page's address. A script, not a module: it stands
// before the text of the component that shows them.

const OF_CHARTS = ["step", "quantity", "curve", "hidden"], NOTE_EVERY_MS = 300;

/**
 * What was chosen last, by run: Streamlit writes addresses without it.
 * @type {Map<string, Record<string, string>>}
 */
const chosenWords = new Map();

/** @type {ReturnType<typeof setTimeout> | undefined} */
let addressLater;

/** Writes it into the address of the page that keeps it, a few times a second at most. */
function addressSoon() {
  clearTimeout(addressLater);
  addressLater = setTimeout(() => {
    const address = new URL(location.href), run = address.searchParams.get("run") ?? "";
    const words = chosenWords.get(run);
    if (!words || !document.querySelector(`.sv-live[data-kept="${CSS.escape(run)}"]`)) return;
    for (const name of OF_CHARTS) {
      if (words[name]) address.searchParams.set(name, words[name]);
      else address.searchParams.delete(name);
    }
    if (address.href === location.href) return;
    History.prototype.replaceState.call(history, history.state, "", address); // wakes nobody
  }, NOTE_EVERY_MS);
}

/**
 * @param {string} run
 * @param {Record<string, string>} words
 */
// eslint-disable-next-line no-unused-vars
function keepInAddress(run, words) {
  if (!chosenWords.size) watchAddress();
  chosenWords.set(run, words);
  addressSoon();
}

/** Looks at the address after whoever wrote it: Streamlit writes its own at any time. */
function watchAddress() {
  for (const name of /** @type {const} */ (["pushState", "replaceState"])) {
    const write = history[name].bind(history);
    history[name] = (...address) => {
      write(...address);
      addressSoon();
    };
  }
}
