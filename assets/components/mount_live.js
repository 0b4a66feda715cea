// Fetches the live charts' module (assets/live/) and mounts it in its place.
/* global homeOf */

/**
 * What was begun at each place of the page, and what undoes it: an unmount comes before or after
 * the module is there.
 * @type {WeakMap<HTMLElement, Promise<(() => void) | void>>}
 */
const going = new WeakMap();

/**
 * @param {object} component  as Streamlit hands it
 * @param {HTMLElement} component.parentElement
 * @param {{base: string, script: string, settings: object}} component.data
 */
export default function ({ parentElement, data }) {
  const home = homeOf(data.base);
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".sv-live"));
  const transport = new URLSearchParams(location.search).get("transport");
  const settings = { home, transport, ...data.settings };
  const go = (going.get(parentElement) ?? Promise.resolve())
    .then(() => import(home + data.script))
    .then(({ mount }) => mount(root, settings))
    .catch((error) => { root.textContent = `The live charts could not be loaded: ${error}`; });
  going.set(parentElement, go);
  return () => { going.get(parentElement)?.then((unmount) => unmount && unmount()); };
}
