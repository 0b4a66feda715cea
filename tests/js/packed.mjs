// What tests/test_javascript.py packed with the server's own code, and what it recorded.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A packed message, in a buffer of its own as a socket brings it. */
export function bytes(log, name) {
  const file = readFileSync(join(process.env.SKIPVIZ_PACKED, log, name));
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
}

export function hello(log) {
  return JSON.parse(new TextDecoder().decode(bytes(log, "hello.json")));
}

/** The recorded frames; "NaN", "Infinity" and "-Infinity" stand for what JSON lacks. */
export function frames(log) {
  return JSON.parse(new TextDecoder().decode(bytes(log, "frames.json")), (_, value) =>
    (["NaN", "Infinity", "-Infinity"].includes(value) ? Number(value) : value));
}

/** Are these the same numbers, as near as single precision can be? NaN is the same as NaN. */
export function near(actual, expected, tolerance = 1e-6) {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => {
    const same = Object.is(actual[i], value)
      || Math.abs(actual[i] - value) <= tolerance * Math.max(1e-3, Math.abs(value));
    assert.ok(same, `at ${i}: ${actual[i]} is not ${value}`);
  });
}
