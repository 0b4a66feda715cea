// The run's messages: how they are unpacked, and the connection that brings them.
// The layout of the packed ones is told in skipviz/stream/messages.py.

import { decodeMaps } from "./mapstore.js";

export const UPDATE = 1, MAPS = 2, EXACT = 3, COLUMNS = 4;

const LOWEST_LOSS = 1e-8, TOP = 65534;
const PROFILES = ["signal", "weight", "activation"];

/** A packed message as an object; `tracks` come with the hello. */
export function decode(buffer, tracks) {
  const head = new DataView(buffer);
  return head.getUint8(0) === MAPS ? decodeMaps(buffer, head) : decodeCurves(buffer, head, tracks);
}

function decodeCurves(buffer, head, tracks) {
  const points = head.getUint32(12, true), columns = head.getUint32(16, true);
  const evaluated = head.getUint16(2, true);
  let at = 20;
  const take = (count, Kind = Float32Array) => {
    at += 4 * count;
    return new Kind(buffer, at - 4 * count, count);
  };
  const message = {
    kind: head.getUint8(0),
    from: head.getUint32(4, true),
    to: head.getUint32(8, true),
    steps: take(points, Uint32Array),
  };
  const halves = (count) => {
    at += 2 * count;
    return new Uint16Array(buffer, at - 2 * count, count);
  };
  message.curves = tracks.map((track) => scores(points, track.seeds, take, halves));
  message.heldSteps = take(evaluated, Uint32Array);
  message.held = evaluated ? tracks.map((track) => scores(evaluated, track.seeds, take, halves))
    : [];
  const steps = take(columns, Uint32Array);
  const lanes = tracks.map((track) => [track.points.length, track.layers.length,
    track.points.length].map((width) => ({ width, values: take(columns * width) })));
  message.profiles = Array.from(steps, (step, i) => ({
    step,
    lanes: lanes.map((parts) => Object.fromEntries(parts.map(({ width, values }, q) =>
      [PROFILES[q], values.slice(i * width, (i + 1) * width)]))),
  }));
  message.diverged = Array.from(take(tracks.length, Int32Array), (at) => (at < 0 ? null : at));
  return message;
}

/** Losses and errors of some steps; of several seeds also the band, and each seed by its number. */
function scores(count, seeds, take, halves) {
  const curve = { loss: take(count), error: take(count) };
  if (seeds === 1) return curve;
  const [low, high] = [take(count), take(count)];
  const places = halves(count * seeds), shares = halves(count * seeds);
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

/**
 * The whole messages of an HTTP answer, each in a buffer of its own, so that its arrays are
 * aligned; and how many bytes they take.
 */
export function split(buffer) {
  const view = new DataView(buffer), found = [];
  let at = 0;
  while (at + 5 <= buffer.byteLength) {
    const size = view.getUint32(at + 1, true);
    if (at + 5 + size > buffer.byteLength) break;
    const body = buffer.slice(at + 5, at + 5 + size);
    found.push(view.getUint8(at) ? body : new TextDecoder().decode(body));
    at += 5 + size;
  }
  return [found, at];
}

const FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 5000, BREATH_MS = 100, SOCKET_AGAIN_MS = 60000;

/**
 * Brings a run's messages, for ever: comes back by itself after the last frame that is held.
 *
 * `on.held()`, `on.mapSteps()` tell what is here; `on.message(textOrBuffer)` takes what comes;
 * `on.link(true | false)` says whether the server is there. Where sockets fail and HTTP works, it
 * polls, and tries a socket again every minute.
 */
export class Connection {
  constructor({ home, run, columns, transport, on }) {
    Object.assign(this, { home, run, columns, on });
    this.onlyPoll = transport === "poll";
    this.failures = 0;
    this.closed = false;
    if (this.onlyPoll) this.poll(Infinity);
    else this.open();
  }

  address(what, query) {
    const path = `api/runs/${encodeURIComponent(this.run)}/${what}`;
    return `${this.home}${path}?${new URLSearchParams(query)}`;
  }

  open() {
    if (this.closed) return;
    const query = { from: this.on.held(), columns: this.columns, sample: this.on.sample() };
    const socket = new WebSocket(this.address("live", query).replace(/^http/, "ws"));
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      if (this.closed || this.socket !== socket) return;
      this.failures = 0;
      this.on.link(true);
      this.on.message(data);
    };
    socket.onclose = () => {
      if (this.closed || this.socket !== socket) return;
      this.socket = null;
      this.failures += 1;
      if (this.failures === 1) this.open();
      else this.fallBack();
    };
  }

  /** Two sockets in a row brought nothing: the server is away, or something bars sockets. */
  async fallBack() {
    this.on.link(false);
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (this.failures - 2), LONGEST_WAIT_MS);
    await pause(wait * (0.75 + Math.random() / 2));
    if (this.closed) return;
    if (await this.pollOnce()) await this.poll(performance.now() + SOCKET_AGAIN_MS);
    this.open();
  }

  async poll(until) {
    let wait = BREATH_MS;
    while (!this.closed && performance.now() < until) {
      wait = (await this.pollOnce()) ? BREATH_MS : Math.min(wait * 2, LONGEST_WAIT_MS);
      await pause(wait);
      if (wait > 1000 && !this.onlyPoll) return;
    }
  }

  async pollOnce() {
    const query = {
      from: this.on.held(), columns: this.columns, sample: this.on.sample(),
      maps: this.on.mapSteps(),
    };
    const found = await this.fetch("poll", query);
    if (!this.closed) this.on.link(found !== null);
    return found !== null;
  }

  /** Asks by HTTP and hands on what comes; null where nothing can be had. */
  async fetch(what, query) {
    try {
      const answer = await fetch(this.address(what, query));
      if (!answer.ok) return null;
      const [found] = split(await answer.arrayBuffer());
      if (!this.closed) found.forEach((message) => this.on.message(message));
      return found;
    } catch {
      return null;
    }
  }

  /** Asks for one step exactly as it was recorded. */
  exactly(step) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ get: step }));
    else this.fetch("frame", { step, as: "bytes" });
  }

  /** From now on the maps of another sample; the newest come at once. */
  sample(sample) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ sample }));
  }

  /** Asks for the maps of all steps and hands each on as it comes; true when all have come. */
  async mapsOf(wanted) {
    try {
      const answer = await fetch(this.address("maps", wanted));
      if (!answer.ok) return false;
      const reader = answer.body.getReader();
      let rest = new Uint8Array(0);
      for (let got = await reader.read(); !got.done; got = await reader.read()) {
        const grown = new Uint8Array(rest.length + got.value.length);
        grown.set(rest);
        grown.set(got.value, rest.length);
        const [found, used] = split(grown.buffer);
        if (!this.closed) found.forEach((message) => this.on.message(message));
        rest = grown.slice(used);
      }
      return !this.closed;
    } catch {
      return false;
    }
  }

  /** The pictures that the maps are recorded for; null where they cannot be had. */
  async samples() {
    try {
      const answer = await fetch(this.address("samples", {}));
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  profilesOf(steps) {
    return this.fetch("columns", { steps: steps.join(",") });
  }

  /** Begins anew from what is held: something was missed. */
  restart() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    if (socket) this.open();
  }

  close() {
    this.closed = true;
    this.socket?.close();
  }
}

function pause(ms) {
  return new Promise((done) => { setTimeout(done, ms); });
}
