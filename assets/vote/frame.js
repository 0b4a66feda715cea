// The live charts (assets/live/) in a frame of their own on the phones' page: what draws them writes
// styles into elements, which the phones' page itself does not allow. It is told what to show, and
// tells how high it is and when the viewer chooses a step.

/** @import { View } from "./ballot.js" */

const root = /** @type {HTMLElement} */ (document.getElementById("charts"));
const { script = "", plotly = "" } = document.body.dataset;
const home = new URL("../../", location.href).href;

/** @param {object} message */
function tell(message) {
  parent.postMessage(message, location.origin);
}

/** @type {View | null} */
let view = null;

async function begin() {
  const { mount } = await import(new URL(script, location.href).href);
  root.textContent = "";
  addEventListener("message", ({ data, origin, source }) => {
    if (origin !== location.origin || source !== parent || !data || !data.view) return;
    /** @type {{ view: View, step: number | null | undefined, turn: number }} */
    const { view: shown, step, turn } = data;
    view = shown;
    mount(root, {
      home, plotly, run: view.run, panels: view.panels, step, turn,
      options: { colours: view.colours, quantity: view.quantity },
      chosen: () => tell({ chosen: true }),
    });
  });
  new ResizeObserver(() => tell({ height: root.scrollHeight })).observe(root);
  tell({ ready: true });
}

begin().catch(() => {
  root.textContent = "The charts could not be loaded: close them and open them again.";
});
