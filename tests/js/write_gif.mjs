// Writes a GIF from raw pictures: node write_gif.mjs TO WIDTH HEIGHT (RGBA-FILE SECONDS)…

import { readFileSync, writeFileSync } from "node:fs";

import { GifWriter } from "../../assets/live/gif.js";

const [to, width, height, ...pictures] = process.argv.slice(2);
const writer = new GifWriter(Number(width), Number(height));
for (let i = 0; i < pictures.length; i += 2) {
  writer.add(readFileSync(pictures[i]), Number(pictures[i + 1]));
}
writeFileSync(to, Buffer.from(await writer.end().arrayBuffer()));
