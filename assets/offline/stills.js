// Figures that were drawn by Python, in the colours of the page.

import { shade } from "./shade.js";
import { unpackText } from "./unpack.js";

/** @typedef {{data: object[], layout: Record<string, any>}} Still  As plotly.js reads it. */
/** @typedef {Record<string, {light: Still, dark: Still}>} Stills  By their name. */

const CONFIG = {
  displaylogo: false, showSendToCloud: false, plotlyServerURL: "", responsive: true,
  displayModeBar: "hover", modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  toImageButtonOptions: { format: "png", scale: 3, filename: "skipviz" },
};
const NARROW_PX = 560, MANY_WORDS = 6;
const LEAST_WIDTH = "38rem"; // of a figure with many parts: its place scrolls where that is too much

/** @type {Map<string, Promise<Stills>>} */
const packs = new Map();

/**
 * Draws the figure that an element names ("PACK/NAME").
 * @param {HTMLElement} place
 */
export async function drawStill(place) {
  const [pack, name] = (place.dataset.still ?? "/").split("/");
  let stills = packs.get(pack);
  if (!stills) {
    stills = unpackText(`figures:${pack}`).then((text) => JSON.parse(text));
    packs.set(pack, stills);
  }
  const still = (await stills)[name]?.[shade()];
  if (!still) throw new Error(`The page is not whole: figure ${name} is missing.`);
  const { xaxis, xaxis2 } = still.layout;
  const crowded = Boolean(xaxis2) || (xaxis?.tickvals?.length ?? 0) > MANY_WORDS;
  place.style.minWidth = crowded ? LEAST_WIDTH : "";
  const narrow = (place.parentElement ?? place).clientWidth < NARROW_PX;
  const font = { ...still.layout.font, family: getComputedStyle(place).fontFamily };
  if (narrow) font.size = 12;
  const layout = { ...still.layout, font, autosize: true, width: undefined };
  await window.Plotly.react(place, still.data, layout, CONFIG);
  place.dataset.drawn = shade();
}
