// Gates and outputs cell by cell: what the browser holds of them, step by step.
//
// Biases and mean T belong to a net, T and outputs to a sample as well. While a run trains, the
// newest come by themselves; all steps of a sample are fetched when somebody begins to scrub.

/** @import { MapsWish } from "./connection.js" */
/** @import { Maps, MapValues } from "./messages.js" */

/**
 * What is held of a lane: by step, and of samples by their number.
 * @typedef {object} LaneMaps
 * @property {Map<number, MapValues>} net
 * @property {Map<number, Map<number, MapValues>>} samples
 * @property {Map<number, number>} whole  up to which step all of a sample is here
 * @property {number} bias  how far biases are from where they began, in any step
 * @property {number} output  the largest output of any step
 * @property {number} version  grows with everything that comes
 */

/** @typedef {{step: number, samples?: number} & MapValues} ShownMaps */

const MOST_SAMPLES = 4; // held at a time: more would fill the memory of a small tablet
const OF_NET = 3, ALL = 15;

export class MapStore {
  /** @param {readonly unknown[]} tracks  one for each lane */
  constructor(tracks) {
    /** @type {LaneMaps[]} */
    this.lanes = tracks.map(() => ({
      net: new Map(), samples: new Map(), whole: new Map(), bias: 0, output: 0, version: 0,
    }));
  }

  /** @param {Omit<Maps, "kind" | "units" | "cells">} maps */
  add({ lane, sample, step, bias, mean, gate, output, biasReach, outputReach }) {
    const held = this.lanes[lane];
    held.bias = Math.max(held.bias, biasReach);
    held.output = Math.max(held.output, outputReach);
    held.version += 1;
    if (bias || mean) held.net.set(step, { bias, mean });
    if (!gate && !output) return;
    let steps = held.samples.get(sample);
    if (!steps) {
      const [oldest] = held.samples.keys();
      if (held.samples.size >= MOST_SAMPLES) this.forget(held, oldest);
      held.samples.set(sample, steps = new Map());
    }
    steps.set(step, { gate, output });
  }

  /**
   * @param {LaneMaps} held
   * @param {number} sample
   */
  forget(held, sample) {
    held.samples.delete(sample);
    held.whole.delete(sample);
  }

  /**
   * The steps that a sample's maps are here for, in order.
   * @param {number} lane
   * @param {number} sample
   */
  steps(lane, sample) {
    return [...(this.lanes[lane].samples.get(sample)?.keys() ?? [])].sort((a, b) => a - b);
  }

  /**
   * The newest maps at or before `step`, or the earliest; null while there are none.
   * @param {number} lane
   * @param {number} sample
   * @param {number} step
   * @returns {ShownMaps | null}
   */
  at(lane, sample, step) {
    const steps = this.steps(lane, sample);
    if (!steps.length) return null;
    const near = steps.filter((one) => one <= step).pop() ?? steps[0];
    const held = this.lanes[lane];
    return { step: near, ...held.net.get(near), ...held.samples.get(sample)?.get(near) };
  }

  /**
   * The newest step of each lane that maps are here for: -1 where there are none.
   * @param {number} sample
   */
  newest(sample) {
    return this.lanes.map((_, lane) => this.steps(lane, sample).pop() ?? -1);
  }

  /**
   * What to ask for so that all steps up to `upTo` are here; null if they are.
   * @param {number} lane
   * @param {number} sample
   * @param {number} upTo
   * @returns {MapsWish | null}
   */
  lack(lane, sample, upTo) {
    const held = this.lanes[lane], from = held.whole.get(sample) ?? -1;
    if (from >= upTo) return null;
    const parts = this.netUpTo(held) >= upTo ? ALL - OF_NET : ALL;
    return { lane, sample, parts, from: from + 1 };
  }

  /**
   * Up to which step biases and mean T are known to be here without a gap.
   * @param {LaneMaps} held
   */
  netUpTo(held) {
    return Math.max(-1, ...held.whole.values());
  }

  /**
   * Everything of a sample up to this step has come.
   * @param {number} lane
   * @param {number} sample
   * @param {number} upTo
   */
  whole(lane, sample, upTo) {
    const held = this.lanes[lane];
    if (held.samples.has(sample)) held.whole.set(sample, upTo);
  }
}
