// Pictures as a GIF that goes on for ever (GIF89a, CompuServe 1990): each has a palette of its own,
// exact where it has 256 colours at most, and its pixels packed by LZW.

/** @typedef {Uint8Array | Uint8ClampedArray} Bytes */

/**
 * The colours of one bucket.
 * @typedef {object} Bucket
 * @property {number} rgb  the most frequent of them, 0xrrggbb
 * @property {number} most  how many pixels have it
 * @property {number} pixels  of all of them
 * @property {number[]} members  all of them
 */

/**
 * Buckets of alike colours, that share a place in the palette.
 * @typedef {object} Group
 * @property {Bucket[]} buckets
 * @property {number} shift  of the channel along which they differ most: 16 red, 8 green, 0 blue
 * @property {number} mean  along it
 * @property {number} error  their squared distances from it, summed over the pixels
 */

const MOST_COLOURS = 256, MOST_CODES = 4096, BLOCK = 255, PER_S = 100;
/** Colours whose red, green and blue agree in their upper five bits lie in one bucket. */
const UPPER_BITS = 0xf8f8f8;
const SHIFTS = [16, 8, 0];
const GO_ON = [0x21, 0xff, 11, ...ascii("NETSCAPE2.0"), 3, 1, 0, 0, 0];

/** @param {string} text */
function ascii(text) { return Array.from(text, (sign) => sign.charCodeAt(0)); }

/** @param {number[]} numbers  each as two bytes, the low one first */
function words(...numbers) { return numbers.flatMap((number) => [number & 0xff, number >> 8]); }

/** Writes a GIF, one picture after another. */
export class GifWriter {
  /**
   * @param {number} width
   * @param {number} height  in pixels
   */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.shown_s = 0;
    /** @type {Uint8Array<ArrayBuffer>[]} */
    this.parts = [Uint8Array.of(...ascii("GIF89a"), ...words(width, height), 0, 0, 0, ...GO_ON)];
  }

  /**
   * @param {Bytes} rgba  four bytes for each pixel, row by row; every pixel is taken for opaque
   * @param {number} lasts_s  in the file in 1/100 s, rounded such that errors do not add up
   */
  add(rgba, lasts_s) {
    const { width, height, shown_s } = this, { palette, pixels } = indexed(rgba);
    if (pixels.length !== width * height) throw new RangeError("A picture has another size.");
    this.shown_s += lasts_s;
    const delay = Math.round(this.shown_s * PER_S) - Math.round(shown_s * PER_S);
    const bits = Math.max(2, Math.ceil(Math.log2(palette.length)));
    const table = new Uint8Array(3 << bits);
    palette.forEach((rgb, i) => table.set(SHIFTS.map((shift) => rgb >> shift & 0xff), 3 * i));
    this.parts.push(Uint8Array.of(
      0x21, 0xf9, 4, 0, ...words(delay), 0, 0,
      0x2c, ...words(0, 0, width, height), 0x80 | (bits - 1), ...table, bits,
    ), packed(pixels, bits));
  }

  /** The file. */
  end() { return new Blob([...this.parts, Uint8Array.of(0x3b)], { type: "image/gif" }); }
}

/**
 * A picture as the places of its pixels in a palette.
 * @param {Bytes} rgba
 * @returns {{palette: number[], pixels: Uint8Array}} the palette: 0xrrggbb, 256 colours at most
 */
export function indexed(rgba) {
  const colours = new Uint32Array(rgba.length / 4);
  for (let i = 0; i < colours.length; i += 1) {
    colours[i] = rgba[4 * i] << 16 | rgba[4 * i + 1] << 8 | rgba[4 * i + 2];
  }
  const counts = countsOf(colours);
  /** @type {Map<number, number>} */
  const places = new Map();
  let palette = [...counts.keys()];
  if (palette.length <= MOST_COLOURS) palette.forEach((rgb, i) => places.set(rgb, i));
  else palette = share(counts, places);
  const pixels = new Uint8Array(colours.length);
  for (let i = 0; i < colours.length; i += 1) {
    const same = i > 0 && colours[i] === colours[i - 1];
    pixels[i] = same ? pixels[i - 1] : places.get(colours[i]) ?? 0;
  }
  return { palette, pixels };
}

/** @param {Uint32Array} colours */
function countsOf(colours) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (let i = 0, begin = 0; i < colours.length; begin = i) {
    while (i < colours.length && colours[i] === colours[begin]) i += 1;
    counts.set(colours[begin], (counts.get(colours[begin]) ?? 0) + i - begin);
  }
  return counts;
}

/**
 * A palette for more colours than it can hold: their groups are split where that takes away most of
 * the error, and of each group the most frequent colour stays what it is.
 * @param {Map<number, number>} counts
 * @param {Map<number, number>} places  takes each colour's place in the palette
 */
function share(counts, places) {
  const groups = [groupOf(bucketsOf(counts))];
  while (groups.length < MOST_COLOURS) {
    const worst = groups.reduce((a, b) => (b.error > a.error ? b : a));
    if (worst.error <= 0) break;
    const { buckets, shift, mean } = worst;
    const isLow = (/** @type {Bucket} */ { rgb }) => (rgb >> shift & 0xff) <= mean;
    groups[groups.indexOf(worst)] = groupOf(buckets.filter(isLow));
    groups.push(groupOf(buckets.filter((bucket) => !isLow(bucket))));
  }
  return groups.map(({ buckets }, i) => {
    buckets.forEach(({ members }) => members.forEach((rgb) => places.set(rgb, i)));
    return buckets.reduce((a, b) => (b.most > a.most ? b : a)).rgb;
  });
}

/** @param {Map<number, number>} counts */
function bucketsOf(counts) {
  /** @type {Map<number, Bucket>} */
  const buckets = new Map();
  for (const [rgb, count] of counts) {
    const bucket = buckets.get(rgb & UPPER_BITS) ?? { rgb, most: 0, pixels: 0, members: [] };
    buckets.set(rgb & UPPER_BITS, bucket);
    if (count > bucket.most) Object.assign(bucket, { rgb, most: count });
    bucket.pixels += count;
    bucket.members.push(rgb);
  }
  return [...buckets.values()];
}

/**
 * @param {Bucket[]} buckets
 * @returns {Group}
 */
function groupOf(buckets) {
  const total = buckets.reduce((sum, { pixels }) => sum + pixels, 0);
  return SHIFTS.map((shift) => {
    const level = (/** @type {Bucket} */ { rgb }) => rgb >> shift & 0xff;
    const mean = buckets.reduce((sum, each) => sum + each.pixels * level(each), 0) / total;
    const error = buckets.length < 2 ? 0 : buckets.reduce(
      (sum, each) => sum + each.pixels * (level(each) - mean) ** 2, 0);
    return { buckets, shift, mean, error };
  }).reduce((a, b) => (b.error > a.error ? b : a));
}

/**
 * LZW, as a GIF holds it: codes of growing width, the low bits first, in blocks with their sizes.
 * @param {Uint8Array} pixels
 * @param {number} bits  of a pixel, 2 to 8
 */
export function packed(pixels, bits) {
  const out = new Bits(), clear = 1 << bits, end = clear + 1;
  /** @type {Map<number, number>} */
  const codes = new Map(); // of a known string (its code × 256) and a pixel after it
  let next = end + 1, wide = bits + 1, known = pixels[0];
  out.add(clear, wide);
  for (let i = 1; i < pixels.length; i += 1) {
    const pixel = pixels[i], code = codes.get(known << 8 | pixel);
    if (code !== undefined) { known = code; continue; }
    out.add(known, wide);
    if (next < MOST_CODES) {
      codes.set(known << 8 | pixel, next);
      if (next === 1 << wide) wide += 1;
      next += 1;
    } else {
      out.add(clear, wide);
      codes.clear();
      next = end + 1;
      wide = bits + 1;
    }
    known = pixel;
  }
  out.add(known, wide);
  out.add(end, wide);
  return out.blocks();
}

/** Codes in a row of bytes. */
class Bits {
  constructor() {
    /** @type {number[]} */
    this.bytes = [];
    this.rest = 0;
    this.count = 0; // bits in the rest
  }

  /**
   * @param {number} code
   * @param {number} wide  its bits
   */
  add(code, wide) {
    this.rest |= code << this.count;
    for (this.count += wide; this.count >= 8; this.count -= 8) {
      this.bytes.push(this.rest & 0xff);
      this.rest >>>= 8;
    }
  }

  /** All of it, in blocks of 255 bytes at most, and an empty one at the end. */
  blocks() {
    const bytes = this.count ? [...this.bytes, this.rest] : this.bytes;
    const blocks = new Uint8Array(bytes.length + Math.ceil(bytes.length / BLOCK) + 1);
    for (let i = 0, at = 0; i < bytes.length; i += BLOCK, at += BLOCK + 1) {
      const block = bytes.slice(i, i + BLOCK);
      blocks[at] = block.length;
      blocks.set(block, at + 1);
    }
    return blocks;
  }
}
