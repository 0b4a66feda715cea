// The connection that brings a run's messages: a socket, or polling where sockets are barred.

import { split } from "./messages.js";

const FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 5000, BREATH_MS = 100, SOCKET_AGAIN_MS = 60000;

/**
 * What a connection asks of whoever follows the run, and what it tells.
 * @typedef {object} Listener
 * @property {() => number} held  how many frames are here
 * @property {() => number} sample  whose maps are wanted; -1 for none
 * @property {() => string} mapSteps  the newest step of each lane that maps are here for
 * @property {(message: string | ArrayBuffer) => void} message
 * @property {(linked: boolean) => void} link  is the server there?
 */

/** @typedef {{lane: number, sample: number, parts: number, from: number}} MapsWish */

/**
 * The pictures that maps are recorded for.
 * @typedef {object} Samples
 * @property {number[]} rows  of the training split
 * @property {number[]} labels
 * @property {string[]} names  of their classes
 * @property {[channels: number, height: number, width: number]} shape
 * @property {string} pixels  base64 of uint8 [samples, channels, height, width]
 */

/**
 * Brings a run's messages, for ever: comes back by itself after the last frame that is held. Where
 * sockets fail and HTTP works, it polls, and tries a socket again every minute.
 */
export class Connection {
  /**
   * @param {object} way
   * @param {string} way.home  the app's address, with a slash at its end
   * @param {string} way.run
   * @param {number} way.columns  profiles wanted at once
   * @param {string | null} [way.transport]  "poll": never opens a socket
   * @param {Listener} way.on
   */
  constructor({ home, run, columns, transport, on }) {
    this.home = home;
    this.run = run;
    this.columns = columns;
    this.on = on;
    this.onlyPoll = transport === "poll";
    this.failures = 0;
    this.closed = false;
    /** @type {WebSocket | null} */
    this.socket = null;
    if (this.onlyPoll) this.poll(Infinity);
    else this.open();
  }

  /**
   * @param {string} what
   * @param {Record<string, string | number>} query
   */
  address(what, query) {
    const path = `api/runs/${encodeURIComponent(this.run)}/${what}`;
    const words = Object.entries(query).map(([name, value]) => [name, String(value)]);
    return `${this.home}${path}?${new URLSearchParams(words)}`;
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

  /** @param {number} until  in milliseconds since the page began */
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
    const answered = await this.fetch("poll", query);
    if (!this.closed) this.on.link(answered);
    return answered;
  }

  /**
   * Asks by HTTP and hands on what comes; false where nothing can be had.
   * @param {string} what
   * @param {Record<string, string | number>} query
   */
  async fetch(what, query) {
    try {
      const answer = await fetch(this.address(what, query));
      if (!answer.ok) return false;
      const [messages] = split(await answer.arrayBuffer());
      if (!this.closed) messages.forEach((message) => this.on.message(message));
      return true;
    } catch {
      return false;
    }
  }

  /** @param {object} wish */
  send(wish) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(wish));
    return true;
  }

  /**
   * Asks for one step exactly as it was recorded.
   * @param {number} step
   */
  exactly(step) {
    if (!this.send({ get: step })) this.fetch("frame", { step, as: "bytes" });
  }

  /**
   * From now on the maps of another sample; the newest come at once.
   * @param {number} sample
   */
  sample(sample) {
    this.send({ sample });
  }

  /**
   * Asks for the maps of all steps and hands each on as it comes; true when all have come.
   * @param {MapsWish} wish
   */
  async mapsOf(wish) {
    try {
      const answer = await fetch(this.address("maps", wish));
      if (!answer.ok || !answer.body) return false;
      const reader = answer.body.getReader();
      let rest = new Uint8Array(0);
      for (let got = await reader.read(); !got.done; got = await reader.read()) {
        const grown = new Uint8Array(rest.length + got.value.length);
        grown.set(rest);
        grown.set(got.value, rest.length);
        const [messages, used] = split(grown.buffer);
        if (!this.closed) messages.forEach((message) => this.on.message(message));
        rest = grown.slice(used);
      }
      return !this.closed;
    } catch {
      return false;
    }
  }

  /**
   * The pictures that the maps are recorded for; null where they cannot be had.
   * @returns {Promise<Samples | null>}
   */
  async samples() {
    try {
      const answer = await fetch(this.address("samples", {}));
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  /**
   * Asks for the profiles of some steps.
   * @param {number[]} steps
   */
  profilesOf(steps) {
    this.fetch("profiles", { steps: steps.join(",") });
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

/** @param {number} ms */
function pause(ms) {
  return new Promise((done) => { setTimeout(done, ms); });
}
