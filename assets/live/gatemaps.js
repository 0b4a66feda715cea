// Gate maps as arrays: which there are, their rows, what a probe brings, an order of their cells.

/** @import { ShownMaps } from "./mapstore.js" */
/** @import { Axis, MapName, Track } from "./messages.js" */
/** @import { ExtraMaps } from "./view.js" */

/** @type {MapName[]} */
export const MAPS = ["bias", "mean", "gate", "output"];

/**
 * The rows of a lane's maps.
 * @param {Track} track
 * @returns {Axis}
 */
export function rowsOf(track) {
  return track.units.length ? track.units : track.gates;
}

/**
 * What a probe measured as maps are kept.
 * @param {ExtraMaps} measured
 * @returns {ShownMaps}
 */
export function fromProbe(measured) {
  const maps = Object.fromEntries(MAPS.flatMap((name) => {
    const rows = measured[name];
    return rows?.length ? [[name, Float32Array.from(rows.flat(), (value) => value ?? NaN)]] : [];
  }));
  return { step: measured.step, samples: measured.samples, ...maps };
}

/**
 * The cells in the order of their mean over all layers, the largest first; cells that have no
 * number come last.
 * @param {Float32Array} values  units × cells
 * @param {number} cells
 */
export function openestFirst(values, cells) {
  const means = Array.from({ length: cells }, (_, cell) => {
    let sum = 0, count = 0;
    for (let at = cell; at < values.length; at += cells) {
      if (!Number.isNaN(values[at])) { sum += values[at]; count += 1; }
    }
    return count ? sum / count : -1;
  });
  return means.map((_, cell) => cell).sort((a, b) => means[b] - means[a]);
}
