// What comes over the wire from the server, as types, and how packed messages are laid open. Both
// sides say the same: skipviz/core/protocol.py has the kinds and the fields of JSON messages,
// skipviz/stream/messages.py the layout of packed ones.

export const UPDATE = 1, MAPS = 2, EXACT = 3, PROFILES = 4;

const LOWEST_LOSS = 1e-8, TOP = 65534;

/** @typedef {"signal" | "weight" | "activation"} Quantity */

/** @type {Quantity[]} */
const QUANTITIES = ["signal", "weight", "activation"];
/** @type {(Quantity | "gate")[]} */
const PROFILED = [...QUANTITIES, "gate"];

// --- Text messages: JSON --------------------------------------------------------------------

/** @typedef {[name: string, depth: number][]} Axis  Signal points, layers or units, in order. */

/**
 * The axes of one lane.
 * @typedef {object} Track
 * @property {string} label
 * @property {string} family
 * @property {Axis} points  where the signal's gradient and the activations are measured
 * @property {Axis} layers  those that have weights
 * @property {Axis} gates
 * @property {Axis} units  the rows of its maps; none in runs of before there were units
 * @property {number} cells  the columns of its maps: 0 where nothing is drawn
 * @property {number} samples  whose maps are recorded
 * @property {number} averaged  training samples that mean T is taken over
 * @property {number | null} bias  of the gates at init; null where none is learned
 * @property {number} seeds
 * @property {boolean} held_out  is it evaluated on held-out samples?
 */

/**
 * Neighbouring units of a net that differ in nothing but their channels.
 * @typedef {object} NetPart
 * @property {string} title  what one of them is called
 * @property {number} units  how many there are
 * @property {number} point  the place of the first one's signal point; the others' follow
 * @property {number | null} gate  the place of the first one's gates; null: they have none
 * @property {string} joins  the signs of its joins, in order
 * @property {"none" | "identity" | "projection"} shortcut  what leads around its layers
 */

/**
 * How a run is: every field but the state may be missing.
 * @typedef {object} Status
 * @property {string} state  loading, idle, queued, running, finished, stopped, interrupted, failed,
 *   missing
 * @property {string} [message]  one sentence for the viewer
 * @property {number} [step]  the newest one
 * @property {number} [steps]  all that there will be
 * @property {number} [steps_per_s]
 * @property {string} [device]
 * @property {string[]} [engines]
 * @property {boolean} [paused]
 * @property {number} [pace]  steps per second of slow motion; 0 for full speed
 * @property {number} [lr]  the learning rate now
 * @property {{step: number, lr: number}[]} [changes]  of the learning rate, by hand
 * @property {number} [seconds]  the budget; 0 for none
 * @property {number} [spent_s]  seconds of it that are spent
 * @property {number} [began]  when its clock was at 0, in seconds since 1970
 * @property {number} [heard]  the number of the newest order that is obeyed
 * @property {string} [recorded]  the day of a recording
 * @property {string} [machine]  on what it is trained
 */

/**
 * The first message, and the first after a new connection.
 * @typedef {object} Hello
 * @property {"hello"} type
 * @property {string} run
 * @property {number} n  frames that there are
 * @property {number} steps  that the run will have at most
 * @property {number} seconds  its budget; 0 for none
 * @property {number} seed  the first one
 * @property {number} seeds
 * @property {Track[]} tracks
 * @property {number} [took_s]  seconds from its start to its newest frame
 * @property {NetPart[][]} [nets]  each lane's net; none where its experiment cannot be read
 * @property {Status} status
 */

/** @typedef {{type: "status", status: Status}} StatusMessage */
/** @typedef {{type: "missing", message: string}} MissingMessage  There is no such run. */
/** @typedef {Hello | StatusMessage | MissingMessage} TextMessage */

// --- Packed messages ------------------------------------------------------------------------

/**
 * Losses and errors of some steps, by name: loss and error; of several seeds also low and high (of
 * the loss) and, of each seed by its number, loss0, error0, …
 * @template {ArrayLike<number>} Values
 * @typedef {Record<string, Values>} Curve
 */

/**
 * First layer first: log10 of each quantity, and mean T of each gated unit as it is.
 * @typedef {Record<Quantity | "gate", Float32Array>} LaneProfile
 */
/** @typedef {{step: number, lanes: LaneProfile[]}} Profile  One step over depth, of every lane. */

/**
 * Frames (kind UPDATE), one exact frame (EXACT), or profiles that were asked for (PROFILES).
 * @typedef {object} Update
 * @property {number} kind
 * @property {number} from  frames that were sent before these
 * @property {number} to  frames that were sent with these
 * @property {ArrayLike<number>} steps
 * @property {Curve<ArrayLike<number>>[]} curves  of each lane
 * @property {ArrayLike<number>} heldSteps  steps with an evaluation on held-out samples
 * @property {Curve<ArrayLike<number>>[]} held  of each lane; none where nothing was evaluated
 * @property {Profile[]} profiles
 * @property {(number | null)[]} diverged  the step at which each lane did
 */

/** @typedef {"bias" | "mean" | "gate" | "output"} MapName */
/** @typedef {Partial<Record<MapName, Float32Array>>} MapValues  Each units × cells, row by row. */

/**
 * Maps of one lane and sample at one step; biases and mean T are the same for all samples.
 * @typedef {{
 *   kind: number, lane: number, sample: number, step: number, units: number, cells: number,
 *   biasReach: number, outputReach: number,
 * } & MapValues} Maps
 */

/**
 * A packed message as an object; null for one of a kind that is not known here.
 * @param {ArrayBuffer} buffer
 * @param {Track[]} tracks  as they came with the hello
 * @returns {Update | Maps | null}
 */
export function decode(buffer, tracks) {
  const head = new DataView(buffer), kind = buffer.byteLength ? head.getUint8(0) : 0;
  if (kind === MAPS) return decodeMaps(buffer, head);
  return [UPDATE, EXACT, PROFILES].includes(kind) ? decodeCurves(buffer, head, tracks) : null;
}

/**
 * @param {Update | Maps} message
 * @returns {message is Maps}
 */
export function isMaps(message) {
  return message.kind === MAPS;
}

/** Reads arrays from a buffer, one after the other. */
class Reader {
  /**
   * @param {ArrayBuffer} buffer
   * @param {number} at
   */
  constructor(buffer, at) {
    this.buffer = buffer;
    this.at = at;
  }

  /**
   * @param {number} bytes
   * @returns {number} where so many bytes begin
   */
  skip(bytes) {
    this.at += bytes;
    return this.at - bytes;
  }

  /** @param {number} count */
  floats(count) { return new Float32Array(this.buffer, this.skip(4 * count), count); }

  /** @param {number} count */
  words(count) { return new Uint32Array(this.buffer, this.skip(4 * count), count); }

  /** @param {number} count */
  integers(count) { return new Int32Array(this.buffer, this.skip(4 * count), count); }

  /** @param {number} count */
  shorts(count) { return new Uint16Array(this.buffer, this.skip(2 * count), count); }
}

/**
 * @param {ArrayBuffer} buffer
 * @param {DataView} head
 * @param {Track[]} tracks
 * @returns {Update}
 */
function decodeCurves(buffer, head, tracks) {
  const points = head.getUint32(12, true), columns = head.getUint32(16, true);
  const evaluated = head.getUint16(2, true);
  const reader = new Reader(buffer, 20);
  const steps = reader.words(points);
  const curves = tracks.map(({ seeds }) => scores(points, seeds, reader));
  const heldSteps = reader.words(evaluated);
  const held = evaluated ? tracks.map(({ seeds }) => scores(evaluated, seeds, reader)) : [];
  const columnSteps = reader.words(columns);
  const lanes = tracks.map((track) => [track.points.length, track.layers.length,
    track.points.length, track.gates.length].map((width) => ({ width, values: reader.floats(columns * width) })));
  const profiles = Array.from(columnSteps, (step, i) => ({
    step,
    lanes: lanes.map((parts) => /** @type {LaneProfile} */ (Object.fromEntries(
      parts.map(({ width, values }, q) =>
        [PROFILED[q], values.slice(i * width, (i + 1) * width)])))),
  }));
  const diverged = Array.from(reader.integers(tracks.length), (step) => (step < 0 ? null : step));
  return {
    kind: head.getUint8(0), from: head.getUint32(4, true), to: head.getUint32(8, true),
    steps, curves, heldSteps, held, profiles, diverged,
  };
}

/**
 * Losses and errors of some steps; of several seeds also the band, and each seed by its number.
 * @param {number} count
 * @param {number} seeds
 * @param {Reader} reader
 */
function scores(count, seeds, reader) {
  /** @type {Curve<Float32Array>} */
  const curve = { loss: reader.floats(count), error: reader.floats(count) };
  if (seeds === 1) return curve;
  const [low, high] = [reader.floats(count), reader.floats(count)];
  const places = reader.shorts(count * seeds), shares = reader.shorts(count * seeds);
  Object.assign(curve, { low, high });
  for (let seed = 0; seed < seeds; seed += 1) {
    const loss = new Float32Array(count), error = new Float32Array(count);
    for (let row = 0; row < count; row += 1) {
      const place = places[row * seeds + seed], share = shares[row * seeds + seed];
      const [bottom, top] = [low[row], high[row]].map((edge) => Math.max(edge, LOWEST_LOSS));
      loss[row] = place > TOP ? NaN : bottom * (top / bottom) ** (place / TOP);
      error[row] = share > TOP ? NaN : share / TOP;
    }
    curve[`loss${seed}`] = loss;
    curve[`error${seed}`] = error;
  }
  return curve;
}

/** @type {Float32Array | null} */
let halves = null;

/**
 * Half-precision numbers as single ones.
 * @param {Uint16Array} bits
 */
function widen(bits) {
  if (!halves) {
    halves = new Float32Array(65536);
    for (let i = 0; i < 65536; i += 1) {
      const sign = i & 0x8000 ? -1 : 1, power = (i >> 10) & 31, rest = i & 1023;
      if (power === 31) halves[i] = rest ? NaN : sign * Infinity;
      else halves[i] = sign * (power ? (1 + rest / 1024) * 2 ** (power - 15) : rest * 2 ** -24);
    }
  }
  const table = halves;
  return Float32Array.from(bits, (half) => table[half]);
}

/** @type {[number, MapName][]} */
const HALF_MAPS = [[2, "mean"], [4, "gate"], [8, "output"]];

/**
 * @param {ArrayBuffer} buffer
 * @param {DataView} head
 * @returns {Maps}
 */
function decodeMaps(buffer, head) {
  const units = head.getUint16(8, true), cells = head.getUint16(10, true);
  const size = units * cells, parts = head.getUint8(3);
  /** @type {Maps} */
  const message = {
    kind: head.getUint8(0), lane: head.getUint8(1), sample: head.getUint8(2),
    step: head.getUint32(4, true), units, cells,
    biasReach: head.getFloat32(12, true), outputReach: head.getFloat32(16, true),
  };
  const reader = new Reader(buffer, 20);
  if (parts & 1) message.bias = reader.floats(size).slice();
  for (const [bit, name] of HALF_MAPS) {
    if (!(parts & bit)) continue;
    message[name] = widen(reader.shorts(size));
    reader.skip((2 * size) % 4);
  }
  return message;
}

/**
 * The whole messages of an HTTP answer, each in a buffer of its own, so that its arrays are
 * aligned; and how many bytes they take.
 * @param {ArrayBuffer} buffer
 * @returns {[messages: (string | ArrayBuffer)[], bytes: number]}
 */
export function split(buffer) {
  const view = new DataView(buffer);
  /** @type {(string | ArrayBuffer)[]} */
  const messages = [];
  let at = 0;
  while (at + 5 <= buffer.byteLength) {
    const size = view.getUint32(at + 1, true);
    if (at + 5 + size > buffer.byteLength) break;
    const body = buffer.slice(at + 5, at + 5 + size);
    messages.push(view.getUint8(at) ? body : new TextDecoder().decode(body));
    at += 5 + size;
  }
  return [messages, at];
}
