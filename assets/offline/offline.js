// A page that needs no server: its live charts, its figures, its question. What they show stands in
// window.skipvizPacked; each chart is drawn when it is seen for the first time, or printed.

import { element } from "../live/cards.js";
import { mount } from "../live/live.js";
import { embedded } from "./embedded.js";
import { askAll } from "./prediction.js";
import { wear, wearShade } from "./shade.js";
import { drawStill } from "./stills.js";
import { packed, unpack, unpackText } from "./unpack.js";

/** @import { Settings } from "../live/live.js" */

const NEAR = "300px"; // below the window: what is drawn there is ready when it comes into sight
const PRINT_AFTER_MS = 1500; // live charts draw before the next pictures

/** @type {Map<string, Promise<ArrayBuffer>>} */
const runs = new Map();

/** @type {Promise<void> | null} */
let plotly = null;

/** plotly.js, where the page holds it packed; else a script has brought it. */
function unpackPlotly() {
  plotly ??= (async () => {
    if (window.Plotly) return;
    if (!packed().plotly) throw new Error("The page is not whole: plotly.js is missing.");
    const script = element("script");
    script.textContent = await unpackText("plotly");
    document.head.append(script);
  })();
  return plotly;
}

/** @param {HTMLElement} place */
async function drawRun(place) {
  /** @type {Settings & {run: string}} */
  const settings = JSON.parse(place.dataset.mount ?? "{}");
  let messages = runs.get(settings.run);
  if (!messages) runs.set(settings.run, messages = unpack(`run:${settings.run}`));
  mount(place, { ...settings, home: document.baseURI, transport: embedded(await messages) });
}

/** @param {HTMLElement} place */
async function draw(place) {
  try {
    await unpackPlotly();
    await (place.dataset.mount ? drawRun(place) : drawStill(place));
  } catch (error) {
    place.textContent = error instanceof Error ? error.message : String(error);
    place.dataset.failed = "true";
  }
}

function begin() {
  /** @type {HTMLElement[]} */
  const places = [...document.querySelectorAll("[data-mount], [data-still]")]
    .filter((place) => place instanceof HTMLElement);
  /** @type {Set<HTMLElement>} */
  const shown = new Set();
  const show = (/** @type {HTMLElement} */ place) => {
    if (shown.has(place)) return;
    shown.add(place);
    draw(place);
  };
  const seen = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
    if (isIntersecting && target instanceof HTMLElement) show(target);
  }), { rootMargin: NEAR });
  places.forEach((place) => seen.observe(place));
  wearShade(() => shown.forEach(draw));
  askAll();
  document.querySelector("[data-print]")?.addEventListener("click", async () => {
    const { theme } = document.documentElement.dataset;
    wear("light"); // paper is white
    await Promise.all(places.filter((place) => place.offsetParent).map((place) => {
      shown.add(place);
      return draw(place);
    }));
    await new Promise((done) => { setTimeout(done, PRINT_AFTER_MS); });
    print();
    wear(theme === "dark" || theme === "light" ? theme : null);
    shown.forEach(draw);
  });
}



if (document.readyState === "loading") addEventListener("DOMContentLoaded", begin);
else begin();
