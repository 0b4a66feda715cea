// What came of every number that the room picked, as a picture: this phone's own dots are ringed.

import { dots, outcomeOf, shareOf } from "./pick.js";

/** @import { PickScale, Tried } from "./ballot.js" */

const SVG = "http://www.w3.org/2000/svg", WIDE = 100, HIGH = 75, SMALL = 1.1, LARGE = 2.2;

/**
 * Draws it anew; the words of the status say the same of this phone's number.
 * @param {HTMLElement} root
 * @param {PickScale} scale
 * @param {Tried} tried
 * @param {number | null} own
 */
export function scatter(root, scale, tried, own) {
  const { points, rows, chance, low, high } = dots(scale, tried.outcomes);
  const mine = outcomeOf(own, tried.outcomes), plot = made("svg", {
    viewBox: `-1 -1 ${WIDE + 2} ${HIGH + 2}`, role: "img",
    "aria-label": `${tried.outcomes.length} of ${tried.total} numbers: the training loss after `
      + `${scale.steps} steps over the ${scale.label}, from ${scale.low} to ${scale.high}`,
  });
  plot.append(made("rect", { width: String(WIDE), height: String(HIGH), class: "ground" }));
  plot.append(...level(chance, "guessing", true));
  if (points.some(({ dead }) => dead)) plot.append(...level(rows, "diverged", false));
  if (own !== null) {
    const x = String(WIDE * shareOf(own, scale));
    plot.append(made("line", { x1: x, x2: x, y1: "0", y2: String(HIGH), class: "own" }));
  }
  const ordered = points
    .map((point) => ({ ...point, own: mine !== null && point.number === mine[0] }))
    .sort((one, other) => Number(one.own) - Number(other.own));
  for (const { x, y, lane, dead, own: ring } of ordered) {
    plot.append(mark(WIDE * x, HIGH * (1 - y), lane, dead, ring, scale.families[lane]));
  }
  const words = document.createElement("p"), legend = document.createElement("p");
  words.className = "word";
  legend.className = "legend";
  words.textContent = `Training loss, ${short(low)} to ${short(high)}, upwards; ${scale.label} `
    + `${scale.low} to ${scale.high}, to the right${scale.log ? " (logarithmic)" : ""}.`;
  scale.lanes.forEach((name, lane) => {
    const each = document.createElement("span"), sign = made("svg", { viewBox: "-3 -3 6 6" });
    sign.append(mark(0, 0, lane, false, false, scale.families[lane], LARGE));
    sign.setAttribute("aria-hidden", "true");
    each.append(sign, name);
    legend.append(each);
  });
  root.textContent = "";
  root.append(legend, plot, words);
}

/**
 * A quiet line with its word.
 * @param {number} y
 * @param {string} word
 * @param {boolean} below  whether the word stands below it
 */
function level(y, word, below) {
  const at = String(HIGH * (1 - y));
  const base = HIGH * (1 - y) + (below ? 4 : -0.8);
  const text = made("text", { x: String(WIDE - 1), y: String(base), "text-anchor": "end" });
  text.textContent = word;
  return [made("line", { x1: "0", x2: String(WIDE), y1: at, y2: at, class: "level" }), text];
}

/**
 * A dot, a diamond or a square for each net, a cross where it diverged; ringed where it is one's own.
 * @param {number} x
 * @param {number} y
 * @param {number} lane
 * @param {boolean} dead
 * @param {boolean} ring
 * @param {string} family  whose colour it has
 */
function mark(x, y, lane, dead, ring, family, size = ring ? LARGE : SMALL) {
  const s = size, t = 1.3 * size, shapes = [
    `M${-s} 0A${s} ${s} 0 1 0 ${s} 0A${s} ${s} 0 1 0 ${-s} 0Z`, `M0 ${-t}L${t} 0L0 ${t}L${-t} 0Z`,
    `M${-s} ${-s}H${s}V${s}H${-s}Z`, `M0 ${-s}L${s} ${s}H${-s}Z`,
  ];
  const d = dead ? `M${-s} ${-s}L${s} ${s}M${s} ${-s}L${-s} ${s}` : shapes[lane % shapes.length];
  return made("path", {
    d, transform: `translate(${x.toFixed(2)} ${y.toFixed(2)})`,
    class: `${family}${dead ? " dead" : ""}${ring ? " ring" : ""}`,
  });
}

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 */
function made(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const name of Object.keys(attributes)) element.setAttribute(name, attributes[name]);
  return element;
}

/** @param {number} value */
function short(value) {
  return String(Number(value.toPrecision(2)));
}
