// Colour scales of the gate maps: the same colour means the same in every map and at every step.

// The colours of cividis, which read the same for most colour-blind eyes and in grey.
const CIVIDIS = [
  [0, 32, 76], [0, 42, 102], [0, 52, 110], [39, 63, 108], [60, 74, 107], [76, 85, 107],
  [91, 95, 109], [104, 106, 112], [117, 117, 117], [131, 129, 120], [146, 140, 120],
  [161, 152, 118], [176, 165, 114], [192, 177, 109], [209, 191, 102], [225, 204, 92],
  [243, 219, 79], [255, 233, 69],
];
const BELOW = { light: [179, 88, 6], dark: [241, 163, 64] };
const ABOVE = { light: [84, 39, 136], dark: [178, 161, 232] };

/**
 * @typedef {object} Scale
 * @property {(value: number) => number} place  of a value, from 0 to 1
 * @property {[place: number, text: string][]} ticks
 */

/**
 * 256 colours between evenly spaced ones, as the words of an ImageData.
 * @param {number[][]} stops
 */
function table(stops) {
  const words = new Uint32Array(256);
  for (let i = 0; i < 256; i += 1) {
    const at = (i / 255) * (stops.length - 1), left = Math.min(stops.length - 2, Math.floor(at));
    const [r, g, b] = stops[left].map((from, k) =>
      Math.round(from + (stops[left + 1][k] - from) * (at - left)));
    words[i] = word(r, g, b);
  }
  return words;
}

/**
 * A colour as it lies in memory: red, green, blue, opaque.
 * @param {number} r
 * @param {number} g
 * @param {number} b
 */
function word(r, g, b) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/**
 * "rgb(1,2,3)", as theme.js makes them, as three numbers.
 * @param {string} colour
 */
export function parts(colour) {
  return (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
}

/** @param {string} colour */
export function wordOf(colour) {
  const [r, g, b] = parts(colour);
  return word(r, g, b);
}

/**
 * Orange through the card's own colour to purple: the middle fades into the background.
 * @param {{dark: boolean, card: string}} theme
 */
export function diverging(theme) {
  const side = theme.dark ? "dark" : "light";
  return table([BELOW[side], parts(theme.card), ABOVE[side]]);
}

export const sequential = table(CIVIDIS);

/** The same colours as CSS writes them, and the evenly spaced ones that they are mixed from. */
export const sequentialCss = Array.from(sequential, (word) =>
  `rgb(${word & 255},${(word >> 8) & 255},${(word >> 16) & 255})`);
export const sequentialStops = CIVIDIS.map((rgb) => `rgb(${rgb.join(",")})`);

/** @typedef {"whole" | "fifth" | "log"} GateScale */

/**
 * T's three fixed scales, and what their buttons say.
 * @type {Record<GateScale, Scale & {button: string}>}
 */
export const GATE_SCALES = {
  whole: {
    button: "0 to 1",
    place: (t) => t,
    ticks: [[0, "0"], [0.5, "0.5"], [1, "1"]],
  },
  fifth: {
    button: "0 to 0.2",
    place: (t) => t / 0.2,
    ticks: [[0, "0"], [0.5, "0.1"], [1, "≥ 0.2"]],
  },
  log: {
    button: "log",
    place: (t) => 1 + Math.log10(Math.max(t, 1e-9)) / 3,
    ticks: [[0, "≤ 0.001"], [1 / 3, "0.01"], [2 / 3, "0.1"], [1, "1"]],
  },
};

/**
 * The next round number that is at least as large as `value`.
 * @param {number} value
 */
export function round(value) {
  const decade = 10 ** Math.floor(Math.log10(value));
  const marks = [1, 1.5, 2, 3, 5, 7].map((mark) => mark * decade);
  return marks.find((mark) => mark >= value * 0.999) ?? 10 * decade;
}

/**
 * A scale around `middle`: as far as `reach` to both sides.
 * @param {number} middle
 * @param {number} reach
 * @returns {Scale}
 */
export function around(middle, reach) {
  const write = (/** @type {number} */ value) => String(Number(value.toPrecision(3))).replace("-", "−");
  return {
    place: (value) => 0.5 + (0.5 * (value - middle)) / reach,
    ticks: [[0, write(middle - reach)], [0.5, write(middle)], [1, write(middle + reach)]],
  };
}

/**
 * Paints values (rows × columns) into words: `order` says which column comes where.
 * @param {Uint32Array} words
 * @param {ArrayLike<number>} values
 * @param {number} columns
 * @param {object} look
 * @param {(value: number) => number} look.place
 * @param {Uint32Array} look.colours
 * @param {number} look.none  the colour of what is no number
 * @param {number[] | null} look.order
 */
export function paint(words, values, columns, { place, colours, none, order }) {
  const rows = values.length / columns;
  for (let row = 0, at = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, at += 1) {
      const value = values[row * columns + (order ? order[column] : column)];
      const share = place(value);
      words[at] = Number.isNaN(share) ? none
        : colours[share <= 0 ? 0 : share >= 1 ? 255 : Math.round(share * 255)];
    }
  }
}
