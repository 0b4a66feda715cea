// Colours and type. They come from CSS variables (--sv-text, --sv-background, …) that the page
// around the charts sets, or whoever mounts them: read again whenever they may have changed.

/** @import { Track } from "./messages.js" */

/**
 * What the page around the charts may set, each as CSS writes it.
 * @typedef {Partial<Record<"text" | "background" | "primary" | "red" | "orange" | "font" | "size",
 *   string>>} PageTheme
 */

/**
 * Colours as CSS writes them, mixed from those of the page.
 * @typedef {object} Theme
 * @property {string} text
 * @property {string} background
 * @property {boolean} dark
 * @property {string} card
 * @property {string} muted
 * @property {string} grid
 * @property {number} size  of the text, in pixels
 * @property {string} family
 * @property {boolean} still  would the viewer rather have nothing move?
 */

/**
 * A lane as it is drawn.
 * @typedef {object} Lane
 * @property {string} label
 * @property {string} colour
 * @property {string} ink  its colour, strong enough for text
 * @property {string} dash
 * @property {Track} track
 * @property {number} index  among all lanes of the run
 * @property {boolean} hidden  by the viewer
 */

/** @typedef {string | [light: string, dark: string]} Colour */

const DASHES = ["solid", "dash", "dot", "dashdot"];

const canvas = pen(document.createElement("canvas"));

/**
 * What draws on a canvas.
 * @param {HTMLCanvasElement} canvas
 */
export function pen(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws on no canvas.");
  return context;
}

/**
 * Any CSS colour as [red, green, blue].
 * @param {string} colour
 */
function rgb(colour) {
  canvas.fillStyle = "#888888";
  canvas.fillStyle = colour;
  const text = canvas.fillStyle;
  if (text.startsWith("#")) return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  return (text.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
}

/**
 * `share` of colour `over` on colour `under`, opaque: an exported picture looks the same.
 * @param {string} over
 * @param {string} under
 * @param {number} share
 */
export function blend(over, under, share) {
  const a = rgb(over), b = rgb(under);
  return `rgb(${a.map((value, i) => Math.round(value * share + b[i] * (1 - share))).join(",")})`;
}

/**
 * @param {string} colour
 * @param {number} share
 */
export function fade(colour, share) {
  return `rgba(${rgb(colour).join(",")},${share})`;
}

/**
 * @param {HTMLElement} root
 * @returns {Theme}
 */
export function readTheme(root) {
  const style = getComputedStyle(root);
  const read = (/** @type {string} */ name, /** @type {string} */ otherwise) =>
    style.getPropertyValue(`--sv-${name}`).trim() || otherwise;
  const text = read("text", "#16202a");
  const background = read("background", "#ffffff");
  const [r, g, b] = rgb(background);
  const size = parseFloat(read("size", "16")) || 16;
  return {
    text,
    background,
    dark: 0.2126 * r + 0.7152 * g + 0.0722 * b < 128,
    card: blend(text, background, 0.025),
    muted: blend(text, background, 0.74),
    grid: blend(text, background, 0.12),
    size,
    family: read("font", style.fontFamily),
    still: matchMedia("(prefers-reduced-motion: reduce)").matches,
  };
}

/**
 * Writes the theme's mixed colours where live.css finds them.
 * @param {HTMLElement} root
 * @param {Theme} theme
 */
export function writeTheme(root, theme) {
  root.style.setProperty("--sv-card", theme.card);
  root.style.setProperty("--sv-grid", theme.grid);
  root.style.setProperty("--sv-muted", theme.muted);
  root.dataset.theme = theme.dark ? "dark" : "light";
}

/**
 * How every lane looks; lanes of one colour differ by their dash.
 * @param {Track[]} tracks
 * @param {{colours?: Colour[] | Record<string, Colour>, dashes?: string[]}} options
 * @param {Theme} theme
 * @param {Set<number>} hidden
 * @returns {Lane[]}
 */
export function laneStyles(tracks, options, theme, hidden) {
  const used = new Map();
  return tracks.map((track, i) => {
    const given = options.colours ?? {};
    const pair = Array.isArray(given) ? given[i] : given[track.family];
    const colour = Array.isArray(pair) ? pair[theme.dark ? 1 : 0] : pair ?? theme.text;
    const again = used.get(colour) ?? 0;
    used.set(colour, again + 1);
    const dash = options.dashes?.[i] ?? DASHES[again % DASHES.length];
    const ink = inkOf(colour, theme);
    return { label: track.label, colour, ink, dash, track, index: i, hidden: hidden.has(i) };
  });
}

/**
 * Text of a coloured lane on the page: strong enough to be read from the last row (WCAG 2.2, 1.4.3
 * asks for a contrast of 4.5).
 * @param {string} colour
 * @param {Theme} theme
 */
function inkOf(colour, theme) {
  const towards = theme.dark ? "#ffffff" : "#000000";
  let share = theme.dark ? 0.88 : 0.82;
  while (share > 0.3 && contrast(blend(colour, towards, share), theme.card) < 4.6) share -= 0.06;
  return blend(colour, towards, share);
}

/**
 * The contrast of two colours, 1 to 21 (WCAG 2.2).
 * @param {string} one
 * @param {string} other
 */
function contrast(one, other) {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** @param {string} colour */
function luminance(colour) {
  const [r, g, b] = rgb(colour).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
