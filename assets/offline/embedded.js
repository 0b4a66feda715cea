// What a server would say of a run, where the page holds it: a transport for live.js.

import { EXACT, MAPS, split } from "../live/messages.js";

/** @import { Listener, MapsWish, Samples } from "../live/connection.js" */
/** @import { Link } from "../live/follower.js" */

/** @typedef {{lane: number, sample: number, parts: number, step: number, body: ArrayBuffer}} Held */

const OF_NET = 3; // parts of maps that all samples share

/**
 * Brings the messages of a run that is over.
 * @param {ArrayBuffer} packed  one after another, as an HTTP answer has them: the hello, the samples
 *   of its maps (or null), then packed ones
 * @returns {(listener: Listener) => Link}
 */
export function embedded(packed) {
  const [[hello, pictures, ...bodies]] = split(packed);
  const bytes = bodies.filter((body) => typeof body !== "string");
  const kind = (/** @type {ArrayBuffer} */ body) => new DataView(body).getUint8(0);
  const exact = bytes.filter((body) => kind(body) === EXACT)
    .map((body) => ({ step: new DataView(body).getUint32(20, true), body }));
  const maps = bytes.filter((body) => kind(body) === MAPS).map(readMap);
  const first = [hello, ...bytes.filter((body) => ![EXACT, MAPS].includes(kind(body)))];
  return (listener) => {
    let open = true;
    const send = (/** @type {(string | ArrayBuffer)[]} */ some) => setTimeout(() => {
      if (open) some.forEach((one) => listener.message(one));
    });
    const newest = (/** @type {number} */ sample) => send([...new Set(maps.map(({ lane }) => lane))]
      .flatMap((lane) => {
        const mine = maps.filter((one) => one.lane === lane && of(one, sample));
        const last = Math.max(...mine.map(({ step }) => step));
        return mine.filter(({ step }) => step === last).map(({ body }) => body);
      }));
    send(first);
    if (listener.sample() >= 0) newest(listener.sample());
    return {
      exactly: (step) => { if (exact.length) send([nearest(exact, step)]); },
      sample: newest,
      samples: async () => readSamples(pictures),
      mapsOf: async (wish) => {
        await new Promise((done) => { setTimeout(done); });
        if (open) maps.filter((one) => wanted(one, wish)).forEach((one) => listener.message(one.body));
        return open;
      },
      profilesOf: () => {},
      restart: () => {},
      close: () => { open = false; },
    };
  };
}

/**
 * @param {{step: number, body: ArrayBuffer}[]} exact
 * @param {number} wish
 */
function nearest(exact, wish) {
  const off = (/** @type {{step: number}} */ { step }) => Math.abs(step - wish);
  return exact.reduce((best, one) => (off(one) < off(best) ? one : best)).body;
}

/**
 * @param {ArrayBuffer} body
 * @returns {Held}
 */
function readMap(body) {
  const head = new DataView(body);
  return {
    lane: head.getUint8(1), sample: head.getUint8(2), parts: head.getUint8(3),
    step: head.getUint32(4, true), body,
  };
}

/**
 * Is this the net's own, or of this sample?
 * @param {Held} one
 * @param {number} wished
 */
function of({ parts, sample }, wished) {
  return Boolean(parts & OF_NET) || sample === wished;
}

/**
 * @param {Held} one
 * @param {MapsWish} wish
 */
function wanted(one, { lane, sample, parts, from }) {
  return one.lane === lane && one.step >= from && Boolean(one.parts & parts) && of(one, sample);
}

/**
 * @param {string | ArrayBuffer | undefined} text
 * @returns {Samples | null}
 */
function readSamples(text) {
  return typeof text === "string" ? JSON.parse(text) : null;
}
