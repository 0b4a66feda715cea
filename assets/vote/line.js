// The line between a phone and its room: a socket, or asking again and again where sockets are
// barred. It comes back by itself after sleep, a lost network or a restart of the server.

/** @import { Answer, RoomState, Link, PhoneMessage } from "./ballot.js" */

const FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 8000, BREATH_MS = 250, SOCKET_AGAIN_MS = 300000;
const LOOK_MS = 20000, SILENCE_MS = 10000, LONGEST_ANSWER_MS = 30000, ASLEEP_MS = 5000;

/**
 * @typedef {object} Listener
 * @property {() => number} number  of the state that is here; 0: none
 * @property {(message: PhoneMessage) => void} message
 * @property {(link: Link) => void} link
 */

/** What one phone says and hears. */
export class Line {
  /**
   * @param {string} home  the page's own address, without a slash at its end
   * @param {Listener} on
   */
  constructor(home, on) {
    this.home = home;
    this.on = on;
    this.failures = 0;
    this.closed = false;
    /** Grows with every new try; what belongs to an older one is not heard. */
    this.turn = 0;
    this.hiddenAt = 0;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {number | undefined} */
    this.silence = undefined;
    document.addEventListener("visibilitychange", () => this.slept());
    window.addEventListener("pageshow", (event) => { if (event.persisted) this.again(); });
    window.addEventListener("online", () => this.again());
    window.addEventListener("offline", () => this.lost());
    setInterval(() => this.look(), LOOK_MS);
    this.open();
  }

  open() {
    if (this.closed) return;
    const turn = this.turn += 1;
    const socket = this.socket = new WebSocket(`${this.home.replace(/^http/, "ws")}/live`);
    socket.onmessage = ({ data }) => {
      if (turn !== this.turn) return;
      const message = parseText(data);
      if (message) this.heard([message]);
    };
    socket.onclose = () => { if (turn === this.turn) this.fails(); };
    this.expect();
  }

  /** @param {PhoneMessage[]} messages */
  heard(messages) {
    clearTimeout(this.silence);
    this.failures = 0;
    this.on.link("linked");
    messages.forEach((message) => this.on.message(message));
  }

  /** Something is to come now; where nothing does, the line is dead although it looks open. */
  expect() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lost(), SILENCE_MS);
  }

  /** Drops the line and makes a new one after a while. */
  lost() {
    if (this.closed) return;
    this.drop();
    this.fails();
  }

  /** Makes a new line at once. */
  again() {
    if (this.closed) return;
    this.drop();
    this.failures = 0;
    this.open();
  }

  drop() {
    clearTimeout(this.silence);
    this.turn += 1;
    if (this.socket) this.socket.close();
    this.socket = null;
  }

  /** Two sockets in a row brought nothing: the server is away, or something bars sockets. */
  async fails() {
    const turn = this.turn += 1;
    this.socket = null;
    clearTimeout(this.silence);
    this.failures += 1;
    if (this.failures > 1 || !navigator.onLine) this.on.link("away");
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (this.failures - 1), LONGEST_WAIT_MS);
    await pause(wait * (0.5 + Math.random()));
    if (turn !== this.turn || this.closed) return;
    if (this.failures > 1) {
      const until = Date.now() + SOCKET_AGAIN_MS;
      while (turn === this.turn && !this.closed && Date.now() < until) {
        if (!await this.ask(`state?after=${this.on.number()}`, undefined, turn)) break;
        await pause(BREATH_MS);
      }
      if (turn !== this.turn || this.closed) return;
      this.failures = Math.max(this.failures, 1); // the next socket that fails is no surprise
    }
    this.open();
  }

  /**
   * Asks by HTTP and hands on what comes; false where nothing can be had.
   * @param {string} what
   * @param {string | undefined} body  to be posted
   * @param {number} turn
   */
  async ask(what, body, turn) {
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), LONGEST_ANSWER_MS);
    try {
      const method = body === undefined ? "GET" : "POST";
      const answer = await fetch(`${this.home}/${what}`, { method, body, signal: stop.signal });
      const messages = await answer.json();
      if (turn === this.turn && !this.closed) this.heard(messages);
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(late);
    }
  }

  /**
   * Sends an answer; where it gets lost, the caller sees no acknowledgement and sends it again.
   * @param {string} ballot
   * @param {RoomState["kind"]} kind
   * @param {Answer} answer
   */
  vote(ballot, kind, answer) {
    const body = kind === "sketch" ? JSON.stringify({ ballot, curve: answer })
      : kind === "pick" ? JSON.stringify({ ballot, pick: answer })
        : JSON.stringify({ ballot, choice: answer });
    if (this.socket && this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(body);
      this.expect();
    } else if (!this.socket) this.ask("vote", body, this.turn);
  }

  /** Asks whether what is here is still so; no answer, no line. */
  look() {
    if (!this.socket || this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify({ number: this.on.number() }));
    this.expect();
  }

  /** A phone that slept does not know whether its line is dead. */
  slept() {
    if (document.hidden) this.hiddenAt = Date.now();
    else if (Date.now() - this.hiddenAt > ASLEEP_MS) this.again();
  }

  /** No further try. */
  close() {
    this.closed = true;
    this.drop();
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((done) => { setTimeout(done, ms); });
}

/**
 * A message; null for text that is none: nothing was heard then, and silence ends the line.
 * @param {string} text
 * @returns {PhoneMessage | null}
 */
function parseText(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" ? value : null;
  } catch { return null; }
}
