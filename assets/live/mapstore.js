// Gates and outputs cell by cell: what the browser holds of them, step by step.
//
// Biases and mean T belong to a net, T and outputs to a sample as well. While a run trains, the
// newest come by themselves; all steps of a sample are fetched when somebody begins to scrub.

const MOST_SAMPLES = 4; // held at a time: more would fill the memory of a small tablet
const OF_NET = 3, ALL = 15;

let halves = null;

/** Half-precision numbers as single ones. */
function widen(bits) {
  if (!halves) {
    halves = new Float32Array(65536);
    for (let i = 0; i < 65536; i += 1) {
      const sign = i & 0x8000 ? -1 : 1, power = (i >> 10) & 31, rest = i & 1023;
      if (power === 31) halves[i] = rest ? NaN : sign * Infinity;
      else halves[i] = sign * (power ? (1 + rest / 1024) * 2 ** (power - 15) : rest * 2 ** -24);
    }
  }
  return Float32Array.from(bits, (half) => halves[half]);
}

/** A message of kind MAPS as an object; see skipviz/stream/messages.py. */
export function decodeMaps(buffer, head) {
  const units = head.getUint16(8, true), cells = head.getUint16(10, true);
  const size = units * cells, there = head.getUint8(3);
  const message = {
    kind: head.getUint8(0), lane: head.getUint8(1), sample: head.getUint8(2),
    step: head.getUint32(4, true), units, cells,
    biasReach: head.getFloat32(12, true), outputReach: head.getFloat32(16, true),
  };
  let at = 20;
  if (there & 1) { message.bias = new Float32Array(buffer.slice(at, at + 4 * size)); at += 4 * size; }
  for (const [bit, name] of [[2, "mean"], [4, "gate"], [8, "output"]]) {
    if (!(there & bit)) continue;
    message[name] = widen(new Uint16Array(buffer, at, size));
    at += 2 * size + ((2 * size) % 4);
  }
  return message;
}

export class MapStore {
  constructor(tracks) {
    this.lanes = tracks.map(() => ({
      net: new Map(), samples: new Map(), whole: new Map(), bias: 0, output: 0, version: 0,
    }));
  }

  add({ lane, sample, step, bias, mean, gate, output, biasReach, outputReach }) {
    const held = this.lanes[lane];
    held.bias = Math.max(held.bias, biasReach);
    held.output = Math.max(held.output, outputReach);
    held.version += 1;
    if (bias || mean) held.net.set(step, { bias, mean });
    if (!gate && !output) return;
    if (!held.samples.has(sample)) {
      if (held.samples.size >= MOST_SAMPLES) this.forget(held, held.samples.keys().next().value);
      held.samples.set(sample, new Map());
    }
    held.samples.get(sample).set(step, { gate, output });
  }

  forget(held, sample) {
    held.samples.delete(sample);
    held.whole.delete(sample);
  }

  /** The steps that a sample's maps are here for, in order. */
  steps(lane, sample) {
    return [...(this.lanes[lane].samples.get(sample)?.keys() ?? [])].sort((a, b) => a - b);
  }

  /** The newest maps at or before `step`, or the earliest; null while there are none. */
  at(lane, sample, step) {
    const steps = this.steps(lane, sample);
    if (!steps.length) return null;
    const near = steps.filter((one) => one <= step).pop() ?? steps[0];
    const held = this.lanes[lane];
    return { step: near, ...held.net.get(near), ...held.samples.get(sample).get(near) };
  }

  /** The newest step of each lane that maps are here for: -1 where there are none. */
  newest(sample) {
    return this.lanes.map((_, lane) => this.steps(lane, sample).pop() ?? -1);
  }

  /** What to ask for so that all steps up to now are here; null if they are. */
  lack(lane, sample, upTo) {
    const held = this.lanes[lane], from = held.whole.get(sample) ?? -1;
    if (from >= upTo) return null;
    const parts = this.netUpTo(held) >= upTo ? ALL - OF_NET : ALL;
    return { lane, sample, parts, from: from + 1 };
  }

  /** Up to which step biases and mean T are known to be here without a gap. */
  netUpTo(held) {
    return Math.max(-1, ...held.whole.values());
  }

  /** Everything of a sample up to this step has come. */
  whole(lane, sample, upTo) {
    const held = this.lanes[lane];
    if (held.samples.has(sample)) held.whole.set(sample, upTo);
  }
}
