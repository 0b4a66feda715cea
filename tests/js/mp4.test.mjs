// The boxes around coded pictures: their sizes, tables and durations, read again from the file.

import { strict as assert } from "node:assert";
import test from "node:test";

import { encoderFor, isKeyDue, mp4File } from "../../assets/live/mp4.js";

const FOLDERS = ["moov", "trak", "mdia", "minf", "dinf", "stbl"];
const ORDER = "mvhd tkhd mdhd hdlr vmhd dref stsd stts stss stsc stsz stco";

/** Every box by its type: where it begins, its content; those of folders too. */
function boxes(file, from = 0, to = file.length, all = {}) {
  let at = from;
  while (at < to) {
    const size = file.readUInt32BE(at), type = file.toString("latin1", at + 4, at + 8);
    assert.ok(size >= 8 && at + size <= to, `${type} says ${size} bytes`);
    assert.ok(!(type in all), `${type} is there twice`);
    all[type] = { at, body: file.subarray(at + 8, at + size) };
    if (FOLDERS.includes(type)) boxes(file, at + 8, at + size, all);
    at += size;
  }
  assert.equal(at, to);
  return all;
}

const numbers = (body, from = 4) => Array.from(
  { length: (body.length - from) / 4 }, (_, i) => body.readInt32BE(from + 4 * i));

const chunk = (at, key, ...data) => ({ at, key, data: Uint8Array.from(data) });

const TRACK = {
  width: 1280, height: 720, codec: "avc1.64001f", description: Uint8Array.of(1, 100, 0, 31),
  colours: { primaries: "bt709", transfer: "bt709", matrix: "bt709", fullRange: false },
  chunks: [chunk(0, true, 1, 2, 3), chunk(40000, false, 4), chunk(80000, true, 5, 6)],
  lasts: 1580000,
};

const fileOf = (change = {}) => Buffer.from(mp4File({ ...TRACK, ...change }));

test("every box is as long as it says, and stands in its place", () => {
  const all = boxes(fileOf());
  assert.deepEqual(Object.keys(all).filter((type) => ORDER.includes(type)), ORDER.split(" "));
  assert.deepEqual(Object.keys(all).filter((type) => ["ftyp", "moov", "mdat"].includes(type)),
    ["ftyp", "moov", "mdat"]);
  assert.equal(all.hdlr.body.toString("latin1", 8, 12), "vide");
  const lengths = Object.entries({
    mvhd: 100, tkhd: 84, mdhd: 24, vmhd: 12, dref: 20, stsc: 20, stco: 12,
  });
  lengths.forEach(([type, length]) => assert.equal(all[type].body.length, length, type));
});

test("pictures stand where the tables say, and are as large", () => {
  const file = fileOf(), { stco, stsz, stsc, stss, mdat } = boxes(file);
  const [, offset] = numbers(stco.body), [fixed, count, ...sizes] = numbers(stsz.body);
  assert.equal(offset, mdat.at + 8);
  assert.deepEqual([fixed, count, sizes], [0, 3, [3, 1, 2]]);
  assert.deepEqual([...file.subarray(offset)], [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(numbers(stsc.body), [1, 1, 3, 1]);
  assert.deepEqual(numbers(stss.body), [2, 1, 3]);
});

test("each picture lasts until the next, and the last is held", () => {
  const { stts, mvhd, tkhd, mdhd, ctts } = boxes(fileOf());
  assert.deepEqual(numbers(stts.body), [2, 2, 40000, 1, 1500000]);
  assert.deepEqual(numbers(mvhd.body).slice(2, 4), [1000000, 1580000]);
  assert.deepEqual(numbers(mdhd.body).slice(2, 4), [1000000, 1580000]);
  assert.equal(numbers(tkhd.body)[4], 1580000);
  assert.deepEqual(numbers(tkhd.body).slice(-2), [1280 << 16, 720 << 16]);
  assert.equal(ctts, undefined, "pictures are shown in the order in which they are decoded");
});

test("pictures that are decoded before those that they follow are shown in their order", () => {
  const chunks = [chunk(0, true, 1), chunk(80000, false, 2), chunk(40000, false, 3)];
  const { stts, ctts } = boxes(fileOf({ chunks, lasts: 120000 }));
  assert.deepEqual(numbers(stts.body), [1, 3, 40000]);
  assert.equal(ctts.body[0], 1, "a version whose numbers have signs");
  assert.deepEqual(numbers(ctts.body), [3, 1, 0, 1, 40000, 1, -40000]);
});

/** The one entry of stsd: its type, and the boxes in it. */
function entryOf(file) {
  const { body } = boxes(file).stsd, type = body.toString("latin1", 12, 16);
  assert.deepEqual([body.readUInt32BE(4), body.readUInt32BE(8)], [1, body.length - 8]);
  const within = body.subarray(16);
  assert.deepEqual([within.readUInt16BE(24), within.readUInt16BE(26)], [1280, 720]);
  return { type, parts: boxes(within.subarray(78)) };
}

test("H.264 comes with its configuration record, VP9 with what its name says", () => {
  const avc = entryOf(fileOf());
  assert.deepEqual([avc.type, [...avc.parts.avcC.body]], ["avc1", [1, 100, 0, 31]]);
  assert.deepEqual([...avc.parts.colr.body], [...Buffer.from("nclx"), 0, 1, 0, 1, 0, 1, 0]);
  const colours = { primaries: "smpte170m", matrix: "smpte170m", fullRange: true };
  const vp9 = entryOf(fileOf({ codec: "vp09.00.31.08", colours, description: undefined }));
  assert.equal(vp9.type, "vp09");
  assert.deepEqual([...vp9.parts.vpcC.body], [1, 0, 0, 0, 0, 31, 0x83, 6, 2, 6, 0, 0]);
  assert.deepEqual([...vp9.parts.colr.body], [...Buffer.from("nclx"), 0, 6, 0, 2, 0, 6, 0x80]);
  assert.throws(() => fileOf({ description: undefined }), /does not say/);
});

test("a picture that can be decoded alone comes at least every second", () => {
  for (const lasts_s of [1 / 25, 0.3, 2 / 3, 1, 3]) {
    const keys = [];
    for (let i = 0; i < 60; i += 1) {
      const at_s = i * lasts_s;
      if (isKeyDue(at_s - (keys.at(-1) ?? -Infinity), lasts_s)) keys.push(at_s);
    }
    assert.equal(keys[0], 0);
    const gaps = keys.slice(1).map((at_s, i) => at_s - keys[i]);
    assert.ok(Math.max(...gaps) <= Math.max(1, lasts_s) + 1e-6, `${lasts_s}: ${gaps}`);
    assert.ok(Math.max(...gaps) > Math.max(1, lasts_s) - lasts_s, `${lasts_s}: ${gaps}`);
  }
});

test("the first encoder that the browser has is taken, H.264 before VP9", async () => {
  const asked = [];
  const only = (kind) => {
    globalThis.VideoEncoder = {
      isConfigSupported: async (config) => {
        asked.push(config.codec.slice(0, 4));
        return { supported: config.codec.startsWith(kind), config };
      },
    };
  };
  only("vp09");
  const vp9 = await encoderFor(1280, 720, 25);
  assert.deepEqual([asked.join(), vp9.avc], ["avc1,avc1,avc1,vp09", undefined]);
  only("avc1");
  assert.deepEqual((await encoderFor(1280, 720, 25)).avc, { format: "avc" });
  only("none");
  assert.equal(await encoderFor(1280, 720, 25), null);
  await assert.rejects(encoderFor(1281, 720, 25), /must be even/);
});
