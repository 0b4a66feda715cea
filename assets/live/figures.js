// Figures that the server drew leave as pictures, too: two buttons under each, PNG and SVG.

import { loadPlotly } from "./plotly.js";

/** @import { PictureKind } from "./slides.js" */

/** @typedef {HTMLElement & {data: object[], layout: Record<string, any>}} Graph  Plotly's. */

/** @type {PictureKind[]} */
const KINDS = ["png", "svg"];
const LEAST_PX = 720; // a picture is drawn so wide at least: the narrower, the larger its type
const PNG_PX = 1920; // a PNG is as wide
const EDGE_PX = 12; // more at the left and at the bottom than a figure has
const TITLE = { size: 20, line: 26, letter: 11 }; // of a bold title, in pixels

/** @type {string} */
let home = "";

/**
 * Gives every figure its buttons, now and when more are drawn.
 * @param {string} boxes  the selector of what a figure stands in
 * @param {string} plotly  the address of plotly.js
 */
export function watch(boxes, plotly) {
  if (home) return;
  home = plotly;
  const look = () => document.querySelectorAll(boxes).forEach((box) => {
    const graph = box.querySelector(".js-plotly-plot");
    if (graph) offer(/** @type {HTMLElement} */ (box), /** @type {Graph} */ (graph));
  });
  let due = 0; // live charts change the page all the time: once a picture is enough
  const changed = () => { due ||= requestAnimationFrame(() => { due = 0; look(); }); };
  new MutationObserver(changed).observe(document.body, { childList: true, subtree: true });
  look();
}

/**
 * Puts the buttons under a figure; of a figure that was drawn anew they get the new name.
 * @param {HTMLElement} box
 * @param {Graph} graph
 */
function offer(box, graph) {
  let row = box.querySelector(":scope > .skip-take");
  if (!row) {
    row = Object.assign(document.createElement("div"), { className: "skip-take" });
    row.append(...KINDS.map((kind) => buttonOf(box, kind)));
    box.append(row);
  }
  KINDS.forEach((kind, i) => {
    const name = `${kind.toUpperCase()} of ${titleOf(box, graph)}`;
    const button = /** @type {Element} */ (row.children[i]);
    if (button.getAttribute("aria-label") !== name) button.setAttribute("aria-label", name);
  });
}

/**
 * @param {HTMLElement} box
 * @param {PictureKind} kind
 */
function buttonOf(box, kind) {
  const text = kind.toUpperCase();
  const button = Object.assign(document.createElement("button"), {
    type: "button", textContent: text, title: `For slides: large type, as ${text}`,
  });
  button.onclick = async () => {
    button.disabled = true;
    await take(box, kind).catch(console.error);
    button.disabled = false;
  };
  return button;
}

/**
 * Its own title, else the words for those who do not see it, else the page's.
 * @param {HTMLElement} box
 * @param {Graph} graph
 */
function titleOf(box, graph) {
  const own = String(graph.layout?.title?.text ?? "").replace(/<[^>]*>/g, "");
  return own || box.getAttribute("aria-label") || document.querySelector("h1")?.textContent ||
    document.title;
}

/**
 * Draws a figure as a picture and hands it over.
 * @param {HTMLElement} box
 * @param {PictureKind} kind
 */
async function take(box, kind) {
  const graph = /** @type {Graph} */ (box.querySelector(".js-plotly-plot"));
  const [{ SLIDE, blobOf, save }] = await Promise.all([import("./slides.js"), loadPlotly(home)]);
  const height = graph.clientHeight, most = Math.max(SLIDE.width, (height * 16) / 9);
  const width = Math.min(Math.max(graph.clientWidth, LEAST_PX), most);
  const title = titleOf(box, graph), figure = pictured(graph, title, { width, height });
  const picture = await window.Plotly.toImage(figure, {
    format: kind, width, height: figure.layout.height, scale: kind === "png" ? PNG_PX / width : 1,
  });
  const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60);
  save(blobOf(picture), `skipviz-${name}.${kind}`);
}

/**
 * A copy of a figure, on the page's ground and under its title; higher by what the title takes.
 * @param {Graph} graph
 * @param {string} title
 * @param {{width: number, height: number}} size
 */
function pictured(graph, title, { width, height }) {
  const data = structuredClone(graph.data), layout = structuredClone(graph.layout);
  const lines = wrapped(title, Math.floor(width / TITLE.letter));
  const had = layout.title?.text ? 1 : 0;
  const more = had ? (lines.length - 1) * TITLE.line : lines.length * TITLE.line + TITLE.size;
  layout.title = {
    text: lines.map((line) => `<b>${line}</b>`).join("<br>"), x: 0, xref: "container",
    xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: 14, l: 14 },
    font: { size: TITLE.size },
  };
  const { t = 100, l = 80, b = 80 } = layout.margin ?? {}; // what Plotly takes where none is said
  layout.margin = { ...layout.margin, t: t + more, l: l + EDGE_PX, b: b + EDGE_PX };
  return { data, layout: {
    ...layout, width, height: height + more + EDGE_PX, autosize: false,
    paper_bgcolor: groundOf(graph),
  } };
}

/**
 * A sentence in lines of so many letters.
 * @param {string} sentence
 * @param {number} letters
 */
function wrapped(sentence, letters) {
  return sentence.split(" ").reduce((lines, word) => {
    const line = `${lines.at(-1)} ${word}`.trim();
    return line.length > letters ? [...lines, word] : [...lines.slice(0, -1), line];
  }, [""]);
}

/**
 * The first colour behind an element.
 * @param {Element | null} element
 */
function groundOf(element) {
  for (let behind = element; behind; behind = behind.parentElement) {
    const { backgroundColor } = getComputedStyle(behind);
    if (!/^(transparent|rgba\(.*, 0\))$/.test(backgroundColor)) return backgroundColor;
  }
  return "#ffffff";
}
