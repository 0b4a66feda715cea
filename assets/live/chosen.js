// What a viewer chose in the charts of a run, as words of an address.

import { QUANTITIES } from "./words.js";

/** @import { Quantity } from "./messages.js" */
/** @import { View } from "./view.js" */

/** @typedef {Record<string, string>} Words  "step", "quantity", "curve" and "hidden", by name. */

/**
 * What the words say; what is none of it counts as not said.
 * @param {Words} words
 * @returns {{step: number | null, quantity: Quantity | null, error: boolean | null,
 *   hidden: number[]}}
 */
export function chosenIn({ step = "", quantity = "", curve = "", hidden = "" }) {
  const isNumber = (/** @type {string} */ word) => /^\d{1,9}$/.test(word);
  return {
    step: isNumber(step) ? Number(step) : null,
    quantity: Object.hasOwn(QUANTITIES, quantity) ? /** @type {Quantity} */ (quantity) : null,
    error: ["loss", "error"].includes(curve) ? curve === "error" : null,
    hidden: hidden.split(",").filter(isNumber).map(Number),
  };
}

/**
 * What was chosen and is not as usual.
 * @param {Pick<View, "shown" | "quantity" | "options" | "error" | "hidden">} view
 * @returns {Words}
 */
export function wordsOf({ shown, quantity, options, error, hidden }) {
  /** @type {Words} */
  const words = {};
  if (shown !== null) words.step = String(shown);
  if (quantity !== (options.quantity ?? "signal")) words.quantity = quantity;
  if (error) words.curve = "error";
  if (hidden.size) words.hidden = [...hidden].sort((a, b) => a - b).join();
  return words;
}
