// Pictures as an MP4: the browser's own encoder (WebCodecs) packs them, and what it gives is put
// into the boxes of ISO/IEC 14496-12 (files), -15 (H.264 in them) and the VP9 binding.

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

/**
 * One coded picture.
 * @typedef {object} Chunk
 * @property {Bytes} data
 * @property {number} at  when it is shown, in µs
 * @property {boolean} key  can it be decoded alone?
 */

/**
 * @typedef {object} Track
 * @property {number} width
 * @property {number} height  in pixels
 * @property {string} codec  as WebCodecs names it: avc1.… or vp09.…
 * @property {Bytes} [description]  of H.264: its configuration record
 * @property {VideoColorSpaceInit} [colours]
 * @property {Chunk[]} chunks  in the order in which they are decoded; the first is shown at 0
 * @property {number} lasts  all of it, in µs
 */

const PER_S = 1e6, KEY_EVERY_S = 1, MOST_WAITING = 4, BITS_PER_S = 4e6;
/** High, main, baseline profile of level 3.1, then VP9 of level 3.1: 1280 × 720, 30 pictures/s. */
const CODECS = ["avc1.64001f", "avc1.4d001f", "avc1.42001f", "vp09.00.31.08"];
const UPRIGHT = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000];
const UNSPECIFIED = 2;
/** @type {Record<string, number>} */
const PRIMARIES = { bt709: 1, bt470bg: 5, smpte170m: 6, bt2020: 9, smpte432: 12 };
/** @type {Record<string, number>} */
const TRANSFERS = { bt709: 1, smpte170m: 6, linear: 8, "iec61966-2-1": 13, pq: 16, hlg: 18 };
/** @type {Record<string, number>} */
const MATRICES = { rgb: 0, bt709: 1, bt470bg: 5, smpte170m: 6, "bt2020-ncl": 9 };

/** @param {number[]} numbers  each as two bytes, the high one first */
const u16 = (...numbers) => Uint8Array.from(numbers.flatMap((n) => [n >> 8, n]));

/** @param {number[]} numbers  each as four bytes, the high one first */
const u32 = (...numbers) => Uint8Array.from(numbers.flatMap((n) => [n >> 24, n >> 16, n >> 8, n]));

/** @param {string} text */
const ascii = (text) => Uint8Array.from(text, (sign) => sign.charCodeAt(0));

/** @param {Bytes[]} parts */
function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * @param {string} type  four letters
 * @param {Bytes[]} parts
 */
function box(type, ...parts) {
  const body = joined(parts);
  return joined([u32(body.length + 8), ascii(type), body]);
}

/**
 * A box with a version and flags.
 * @param {string} type
 * @param {number} head  version × 2²⁴ + flags
 * @param {Bytes[]} parts
 */
function full(type, head, ...parts) { return box(type, u32(head), ...parts); }

/**
 * A whole file: what players need to begin stands before the pictures.
 * @param {Track} track
 */
export function mp4File(track) {
  const { chunks, codec } = track, data = chunks.map((chunk) => chunk.data);
  const brand = codec.startsWith("avc1") ? "avc1" : "mp41";
  const begin = box("ftyp", ascii("isom"), u32(512), ascii(`isomiso4${brand}`));
  const offset = begin.length + movie(track, 0).length + 8;
  return joined([begin, movie(track, offset), box("mdat", ...data)]);
}

/**
 * @param {Track} track
 * @param {number} offset  of the first picture in the file, in bytes
 */
function movie(track, offset) {
  const { width, height, lasts } = track;
  const head = full("mvhd", 0, u32(0, 0, PER_S, lasts, 0x10000), u16(0x100, 0), u32(0, 0),
    u32(...UPRIGHT), u32(0, 0, 0, 0, 0, 0), u32(2));
  const trackHead = full("tkhd", 3, u32(0, 0, 1, 0, lasts), u32(0, 0), u16(0, 0, 0, 0),
    u32(...UPRIGHT), u32(width << 16, height << 16));
  const media = box("mdia",
    full("mdhd", 0, u32(0, 0, PER_S, lasts), u16(0x55c4, 0)), // language: "und"
    full("hdlr", 0, u32(0), ascii("vide"), u32(0, 0, 0), ascii("video\0")),
    box("minf",
      full("vmhd", 1, u16(0, 0, 0, 0)),
      box("dinf", full("dref", 0, u32(1), full("url ", 1))),
      samples(track, offset)));
  return box("moov", head, box("trak", trackHead, media));
}

/**
 * The tables of the pictures: when each is shown, how large it is, where it stands.
 * @param {Track} track
 * @param {number} offset
 */
function samples(track, offset) {
  const { chunks, lasts } = track;
  const times = chunks.map(({ at }) => at).sort((a, b) => a - b);
  const durations = times.map((at, i) => (times[i + 1] ?? lasts) - at);
  const later = chunks.map(({ at }, i) => at - times[i]); // than in the order of decoding
  const keys = chunks.flatMap(({ key }, i) => (key ? [i + 1] : []));
  const tables = [
    full("stsd", 0, u32(1), entry(track)),
    full("stts", 0, runs(durations)),
    full("stss", 0, u32(keys.length, ...keys)),
    full("stsc", 0, u32(1, 1, chunks.length, 1)),
    full("stsz", 0, u32(0, chunks.length, ...chunks.map(({ data }) => data.length))),
    full("stco", 0, u32(1, offset)),
  ];
  if (later.some(Boolean)) tables.splice(2, 0, full("ctts", 1 << 24, runs(later)));
  return box("stbl", ...tables);
}

/** @param {number[]} numbers  as how often each comes in a row, and the number */
function runs(numbers) {
  /** @type {number[][]} */
  const rows = [];
  for (const number of numbers) {
    const last = rows.at(-1);
    if (last?.[1] === number) last[0] += 1;
    else rows.push([1, number]);
  }
  return u32(rows.length, ...rows.flat());
}

/**
 * What a decoder has to know.
 * @param {Track} track
 */
function entry({ width, height, codec, description, colours = {} }) {
  const codes = [
    PRIMARIES[colours.primaries ?? ""] ?? UNSPECIFIED,
    TRANSFERS[colours.transfer ?? ""] ?? UNSPECIFIED,
    MATRICES[colours.matrix ?? ""] ?? UNSPECIFIED,
  ];
  const wide = Number(colours.fullRange ?? false);
  const picture = [
    u32(0), u16(0, 1), u32(0, 0, 0, 0), u16(width, height), u32(0x480000, 0x480000, 0), u16(1),
    new Uint8Array(32), u16(24, 0xffff),
  ];
  const colour = box("colr", ascii("nclx"), u16(...codes), Uint8Array.of(wide << 7));
  if (codec.startsWith("avc1")) {
    if (!description) throw new Error("The encoder does not say how its H.264 is read.");
    return box("avc1", ...picture, box("avcC", description), colour);
  }
  const [, profile, level, depth] = codec.split(".").map(Number);
  const record = [profile, level, depth << 4 | 1 << 1 | wide, ...codes, 0, 0]; // 1: 4:2:0
  return box("vp09", ...picture, full("vpcC", 1 << 24, Uint8Array.from(record)), colour);
}

/** Writes an MP4, one picture after another. */
export class Mp4Writer {
  /** @param {VideoEncoderConfig} config */
  constructor(config) {
    this.config = config;
    this.shown_s = 0;
    this.key_s = -Infinity;
    /** @type {DOMException | null} */
    this.trouble = null;
    /** @type {Chunk[]} */
    this.chunks = [];
    /** @type {VideoDecoderConfig | undefined} */
    this.decoder = undefined;
    this.encoder = new VideoEncoder({
      output: (chunk, about) => {
        this.decoder ??= about?.decoderConfig;
        const data = new Uint8Array(chunk.byteLength);
        chunk.copyTo(data);
        this.chunks.push({ data, at: chunk.timestamp, key: chunk.type === "key" });
      },
      error: (error) => { this.trouble = error; },
    });
    this.encoder.configure(config);
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {number} lasts_s
   */
  async add(canvas, lasts_s) {
    const { encoder } = this, timestamp = Math.round(this.shown_s * PER_S);
    while (encoder.encodeQueueSize > MOST_WAITING && !this.trouble) {
      await new Promise((again) => { setTimeout(again, 4); });
    }
    if (this.trouble) throw this.trouble;
    const keyFrame = isKeyDue(this.shown_s - this.key_s, lasts_s);
    if (keyFrame) this.key_s = this.shown_s;
    this.shown_s += lasts_s;
    const frame = new VideoFrame(canvas, { timestamp });
    encoder.encode(frame, { keyFrame });
    frame.close();
  }

  /** The file. */
  async end() {
    const { encoder, config: { width, height }, chunks } = this;
    await encoder.flush().catch((error) => { throw this.trouble ?? error; });
    if (!this.decoder) throw this.trouble ?? new Error("The encoder gave no picture.");
    const { codec, description, colorSpace } = this.decoder;
    return new Blob([mp4File({
      width, height, codec, chunks, lasts: Math.round(this.shown_s * PER_S),
      description: description && bytesOf(description), colours: colorSpace,
    })], { type: "video/mp4" });
  }

  /** Lets the encoder go; a file that is not ended is given up. */
  close() { if (this.encoder.state !== "closed") this.encoder.close(); }
}

/**
 * Must a picture be decodable alone, such that there is one at least every second?
 * @param {number} since_s  the last one
 * @param {number} lasts_s
 */
export function isKeyDue(since_s, lasts_s) {
  return since_s + lasts_s > KEY_EVERY_S + 0.5 / PER_S;
}

/** @param {AllowSharedBufferSource} source */
function bytesOf(source) {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength) : new Uint8Array(source);
  return Uint8Array.from(bytes);
}

/**
 * What this browser's encoder can be set to for an MP4, the most widely played first; null: nothing.
 * @param {number} width
 * @param {number} height  in pixels, both even
 * @param {number} framerate  in pictures per second
 */
export async function encoderFor(width, height, framerate) {
  if (width % 2 || height % 2) throw new RangeError("A film's width and height must be even.");
  for (const codec of CODECS) {
    /** @type {VideoEncoderConfig} */
    const config = { codec, width, height, framerate, bitrate: BITS_PER_S };
    if (codec.startsWith("avc1")) config.avc = { format: "avc" };
    const { supported } = await VideoEncoder.isConfigSupported(config);
    if (supported) return config;
  }
  return null;
}
