// Follows one run: takes its messages, holds what came, and asks for what is lacking.

import { History } from "./history.js";
import { PROFILES, decode, EXACT, isMaps } from "./messages.js";

/** @import { Connection, Listener, MapsWish, Samples } from "./connection.js" */
/** @import { Hello, Maps, Status, TextMessage, Update } from "./messages.js" */

/**
 * What brings a run's messages: a Connection, or whatever else does these.
 * @typedef {Pick<Connection, "exactly" | "sample" | "mapsOf" | "samples" | "profilesOf" | "restart"
 *   | "close">} Link
 */

/**
 * @typedef {object} Events
 * @property {() => number} sample  whose maps are wanted; -1 for none
 * @property {(...names: string[]) => void} change  of what is drawn; without names, everything
 * @property {(hello: Hello) => void} begin  the history begins
 * @property {() => void} news  there are frames, profiles or maps that were not here
 */

/** @typedef {Omit<Samples, "pixels"> & {pixels: Uint8Array[]}} Pictures  Each [C, H, W]. */

export const ENDED = new Set(["finished", "stopped", "interrupted", "failed"]);
const PATIENCE_MS = 2000;
const UNKNOWN = "The server sent a message of a kind that this page does not know:";

export class Follower {
  /**
   * @param {string | null} run  null: there is nothing to follow
   * @param {(listener: Listener) => Link} connect
   * @param {Events} on
   */
  constructor(run, connect, on) {
    this.run = run;
    this.on = on;
    /** @type {Status} */
    this.status = { state: run ? "loading" : "idle" };
    this.linked = true; // is the server there?
    /** @type {History | null} */
    this.history = null;
    /** @type {Pictures | null} */
    this.pictures = null;
    /** @type {number | null} */
    this.wish = null; // the newest step that was asked for
    /** @type {number | null} */
    this.asked = null; // the step whose answer is on its way
    this.patience = 0;
    /** @type {Hello | null} */
    this.hello = null; // the one that began the history
    this.link = run ? connect({
      held: () => this.history?.n ?? 0,
      sample: on.sample,
      mapSteps: () => this.history?.maps.newest(Math.max(0, on.sample())).join(",") ?? "",
      message: (message) => this.onMessage(message),
      link: (linked) => this.onLink(linked),
    }) : null;
  }

  get ended() { return ENDED.has(this.status.state); }

  // --- What comes in ----------------------------------------------------------------------

  /** @param {string | ArrayBuffer} message */
  onMessage(message) {
    if (typeof message === "string") {
      const parsed = parseText(message);
      if (parsed) this.onText(parsed);
      else console.warn(UNKNOWN, message.slice(0, 100));
      return;
    }
    if (!this.history) return;
    const unpacked = decode(message, this.history.tracks);
    if (unpacked) this.onBinary(unpacked);
    else console.warn(UNKNOWN, new Uint8Array(message).slice(0, 1));
  }

  /** @param {boolean} linked */
  onLink(linked) {
    if (linked === this.linked) return;
    this.linked = linked;
    this.on.change("header");
  }

  /** @param {TextMessage} message */
  onText(message) {
    if (message.type === "missing") {
      this.status = { state: "missing", message: message.message };
      this.link?.close();
    } else if (message.type !== "hello" && message.type !== "status") {
      console.warn(UNKNOWN, message);
      return;
    } else {
      const changes = JSON.stringify(this.status.changes);
      this.status = message.status;
      if (JSON.stringify(this.status.changes) !== changes) this.on.change("loss");
      if (message.type === "hello") this.onHello(message);
      const { steps } = this.status, { history } = this;
      if (history && steps && steps !== history.whole) {
        history.lengthen(steps);
        this.on.change();
      }
      if (this.ended) this.history?.end();
    }
    this.on.change("header");
  }

  /**
   * The first hello, or one after a new connection.
   * @param {Hello} hello
   */
  onHello(hello) {
    const held = this.history;
    if (held && held.tracks.length === hello.tracks.length && held.n <= hello.n) return;
    this.hello = hello;
    this.history = new History(hello);
    this.on.begin(hello);
  }

  /** @param {Update | Maps} message */
  onBinary(message) {
    const { history } = this;
    if (!history) return;
    if (isMaps(message)) history.maps.add(message);
    else if (message.kind === EXACT) this.onExact(message);
    else if (message.kind === PROFILES) message.profiles.forEach((one) => history.addColumn(one));
    else if (!history.add(message)) this.link?.restart();
    const last = history.lastSteps();
    if (last.length) this.profilesOf(last);
    if (this.ended) history.end();
    this.on.news();
  }

  /** @param {Update} message */
  onExact(message) {
    const [profile] = message.profiles;
    this.history?.addExact(profile);
    // Where not every step is recorded, the nearest one is the answer to the step asked for.
    if (this.asked !== null) this.history?.exact.set(this.asked, profile);
    this.asked = null;
    this.ask();
  }

  // --- What is asked for ------------------------------------------------------------------

  /**
   * Wishes for one step exactly as it was recorded; null: no more.
   * @param {number | null} step
   */
  exactly(step) {
    this.wish = step;
    this.ask();
  }

  /** One question at a time: while one is on its way, only the newest wish is remembered. */
  ask() {
    const { history, wish } = this;
    if (wish === null || !history || this.asked !== null || history.exact.has(wish)) return;
    this.asked = wish;
    this.link?.exactly(wish);
    clearTimeout(this.patience);
    this.patience = setTimeout(() => { this.asked = null; this.ask(); }, PATIENCE_MS);
  }

  /** @param {number[]} steps */
  profilesOf(steps) { this.link?.profilesOf(steps); }

  /** @param {number} sample */
  mapsOfSample(sample) { this.link?.sample(sample); }

  /**
   * Fetches the maps of all steps up to the newest that are not here yet.
   * @param {number} lane
   * @param {number} sample
   */
  async allMaps(lane, sample) {
    const { history, link } = this;
    if (!history || !link) return;
    const upTo = history.step;
    /** @type {MapsWish | null} */
    const lack = history.maps.lack(lane, sample, upTo);
    if (lack && await link.mapsOf(lack)) history.maps.whole(lane, sample, upTo);
  }

  /** Fetches the pictures that maps are recorded for, once; true when they have come just now. */
  async fetchPictures() {
    const { history } = this;
    const samples = this.pictures ? null : await this.link?.samples() ?? null;
    if (!samples || this.history !== history) return false;
    const bytes = Uint8Array.from(atob(samples.pixels), (sign) => sign.charCodeAt(0));
    const size = bytes.length / samples.rows.length;
    const pixels = samples.rows.map((_, k) => bytes.subarray(k * size, (k + 1) * size));
    this.pictures = { ...samples, pixels };
    return true;
  }

  close() {
    this.link?.close();
    clearTimeout(this.patience);
  }
}

/**
 * A message as an object; null for text that is none.
 * @param {string} text
 * @returns {TextMessage | null}
 */
function parseText(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" ? value : null;
  } catch { return null; }
}
