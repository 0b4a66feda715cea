// Small pictures of the samples that gate maps are recorded for, each a button.

import { element } from "./cards.js";
import { pen } from "./theme.js";

/** @import { Pictures } from "./follower.js" */
/** @import { ExtraSample } from "./view.js" */

/**
 * One button for each recorded sample, and one for a sample that was asked for by its number.
 * @param {number} count
 * @param {Pictures | null} pictures  once they have come
 * @param {ExtraSample | null} extra
 * @param {(sample: number | "extra") => void} pick
 */
export function thumbnails(count, pictures, extra, pick) {
  const buttons = Array.from({ length: count }, (_, k) => (pictures
    ? thumbnail(k, `class ${pictures.names[k]}, sample ${pictures.rows[k]}`,
      picture(pictures.pixels[k], pictures.shape), pick)
    : thumbnail(k, `sample ${k + 1}`, String(k + 1), pick)));
  if (extra) {
    buttons.push(thumbnail("extra", `class ${extra.name}, sample ${extra.row}`,
      picture(extra.pixels, extra.shape), pick));
  }
  return buttons;
}

/**
 * @param {number | "extra"} sample
 * @param {string} label
 * @param {Node | string} content
 * @param {(sample: number | "extra") => void} pick
 */
function thumbnail(sample, label, content, pick) {
  return element("button", {
    type: "button", title: label, "aria-label": label, "data-sample": sample,
    onclick: () => pick(sample),
  }, content);
}

/**
 * A small picture of a sample.
 * @param {ArrayLike<number>} bytes  [C, H, W]
 * @param {[channels: number, height: number, width: number]} shape
 */
function picture(bytes, [channels, height, width]) {
  const canvas = element("canvas", { width, height });
  const image = new ImageData(width, height), size = height * width;
  const top = Array.from(bytes).reduce((most, value) => Math.max(most, value), 1);
  const bright = top > 32 ? 255 : top; // digits are counted from 0 to 16
  for (let at = 0; at < size; at += 1) {
    for (let k = 0; k < 3; k += 1) {
      image.data[4 * at + k] = (255 * bytes[(channels === 3 ? k : 0) * size + at]) / bright;
    }
    image.data[4 * at + 3] = 255;
  }
  pen(canvas).putImageData(image, 0, 0);
  return canvas;
}
