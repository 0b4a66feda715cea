// GIFs that are written, read again by a decoder of the format as CompuServe describes it.

import { strict as assert } from "node:assert";
import test from "node:test";

import { GifWriter, indexed } from "../../assets/live/gif.js";

/** The pixels of LZW codes in a row of bytes. */
function unpacked(bytes, bits) {
  const clear = 1 << bits, end = clear + 1, pixels = [];
  let table = [], wide = bits + 1, previous = null, at = 0;
  for (;;) {
    let code = 0;
    for (let i = 0; i < wide; i += 1, at += 1) {
      assert.ok(at >> 3 < bytes.length, "the codes end before their end code");
      code |= (bytes[at >> 3] >> (at & 7) & 1) << i;
    }
    if (code === end) break;
    if (code === clear) {
      table = Array.from({ length: end + 1 }, (_, i) => [i]);
      wide = bits + 1;
      previous = null;
      continue;
    }
    const entry = table[code] ?? [...previous, previous[0]];
    assert.ok(code <= table.length, "a code that no decoder knows");
    pixels.push(...entry);
    if (previous && table.length < 4096) table.push([...previous, entry[0]]);
    if (table.length === 1 << wide && wide < 12) wide += 1;
    previous = entry;
  }
  assert.equal(Math.ceil(at / 8), bytes.length, "bytes after the end code");
  return pixels;
}

/** Everything in a file: its size, how often it is shown, its pictures as 0xrrggbb. */
async function read(blob) {
  const bytes = Buffer.from(await blob.arrayBuffer()), pictures = [];
  let at = 13, loops = null, delay = 0;
  const blocks = () => {
    const parts = [];
    while (bytes[at]) {
      parts.push(bytes.subarray(at + 1, at + 1 + bytes[at]));
      at += 1 + bytes[at];
    }
    at += 1;
    return Buffer.concat(parts);
  };
  while (bytes[at] !== 0x3b) {
    if (bytes[at] === 0x21) {
      const kind = bytes[at + 1];
      at += 2;
      const data = blocks();
      if (kind === 0xf9) delay = data.readUInt16LE(1);
      else if (kind === 0xff) loops = [data.toString("latin1", 0, 11), data.readUInt16LE(12)];
      continue;
    }
    assert.equal(bytes[at], 0x2c);
    const size = [bytes.readUInt16LE(at + 5), bytes.readUInt16LE(at + 7)];
    const many = 2 << (bytes[at + 9] & 7), table = bytes.subarray(at + 10, at + 10 + 3 * many);
    const bits = bytes[at + 10 + 3 * many];
    at += 11 + 3 * many;
    const pixels = unpacked(blocks(), bits).map((i) => table.readUIntBE(3 * i, 3));
    pictures.push({ size, delay, many, pixels });
  }
  assert.equal(at + 1, bytes.length);
  return {
    kind: bytes.toString("latin1", 0, 6), loops, pictures,
    size: [bytes.readUInt16LE(6), bytes.readUInt16LE(8)],
  };
}

const rgbaOf = (colours) => Uint8ClampedArray.from(
  colours.flatMap((rgb) => [rgb >> 16, rgb >> 8 & 255, rgb & 255, 255]));

/** Numbers that look like chance, always the same. */
function noise(length, below) {
  let state = 7;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  });
}

for (const many of [1, 2, 3, 4, 5, 128, 129, 256]) {
  test(`a picture of ${many} colours is read as it was`, async () => {
    const palette = noise(many, 1 << 24);
    const colours = noise(40 * 1000, many).map((i, at) => palette[at < many ? at : i]);
    const writer = new GifWriter(200, 200);
    writer.add(rgbaOf(colours), 0.1);
    const file = await read(writer.end());
    assert.deepEqual([file.kind, file.size], ["GIF89a", [200, 200]]);
    const [{ size, pixels }] = file.pictures;
    assert.deepEqual(size, [200, 200]);
    assert.deepEqual(pixels, colours);
  });
}

test("long rows of one colour, and codes of every width, are read as they were", async () => {
  const colours = [...Array(90000).fill(0xffffff), ...noise(9999, 2), 0x1234];
  const writer = new GifWriter(1000, 100);
  writer.add(rgbaOf(colours), 0.1);
  const [{ pixels }] = (await read(writer.end())).pictures;
  assert.deepEqual(pixels, colours);
});

test("a film goes on for ever, and its pictures last as long as they were to", async () => {
  const writer = new GifWriter(2, 1);
  for (let i = 0; i < 9; i += 1) writer.add(rgbaOf([i, 255]), i === 8 ? 1.5 : 0.125);
  const { loops, pictures } = await read(writer.end());
  assert.deepEqual(loops, ["NETSCAPE2.0", 0]);
  assert.deepEqual(pictures.map(({ delay }) => delay), [13, 12, 13, 12, 13, 12, 13, 12, 150]);
  assert.deepEqual(pictures.map(({ pixels }) => pixels[0]), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test("of too many colours the frequent ones stay exact, and none goes far astray", () => {
  const flat = [0xffffff, 0x1f77b4, 0xd62728, 0x000000];
  const ramp = Array.from({ length: 4096 }, (_, i) => 0xffffff - (i >> 4) * 0x010000 - (i & 255));
  const rare = [0xfdfdfd, 0x1f78b5, 0x020202]; // each in the bucket of a frequent one, before it
  const colours = [...rare, ...flat.flatMap((rgb) => Array(20000).fill(rgb)), ...ramp];
  const { palette, pixels } = indexed(rgbaOf(colours));
  assert.equal(palette.length, 256);
  const seen = [...pixels].map((i) => palette[i]);
  for (const rgb of flat) assert.equal(seen[colours.indexOf(rgb)], rgb);
  const apart = (a, b) => Math.max(...[16, 8, 0].map((s) => Math.abs((a >> s & 255) - (b >> s & 255))));
  const worst = colours.reduce((most, rgb, i) => Math.max(most, apart(rgb, seen[i])), 0);
  assert.ok(worst <= 24, `a channel is ${worst} of 255 away`);
});

test("many colours in one narrow shade need no more places than it has", () => {
  const colours = Array.from({ length: 512 }, (_, i) => (i >> 6) << 16 | (i >> 3 & 7) << 8 | i & 7);
  const { palette, pixels } = indexed(rgbaOf(colours));
  assert.deepEqual([palette.length, new Set(pixels).size], [1, 1]);
});

test("a picture of another size is refused", () => {
  assert.throws(() => new GifWriter(2, 2).add(rgbaOf([1, 2]), 1), /another size/);
});
