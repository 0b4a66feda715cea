// Gate maps that the browser holds: what is shown of them, and what it still has to ask for.

import { strict as assert } from "node:assert";
import test from "node:test";

import { MapStore } from "../../assets/live/mapstore.js";
import { decode } from "../../assets/live/messages.js";
import { bytes, hello } from "./packed.mjs";

function maps(step, sample, more = {}) {
  return {
    lane: 0, sample, step, bias: [step], mean: [step], gate: [step], output: [step],
    biasReach: 1, outputReach: 1, ...more,
  };
}

function storeOf(...messages) {
  const store = new MapStore([{}, {}]);
  messages.forEach((message) => store.add(message));
  return store;
}

test("packed maps are shown from their step on", () => {
  const { tracks } = hello("gated"), store = new MapStore(tracks);
  const message = decode(bytes("gated", "maps-0-15"), tracks);
  store.add(message);
  const shown = store.at(0, 1, 44);
  assert.equal(shown.step, 40);
  assert.deepEqual([shown.gate, shown.bias], [message.gate, message.bias]);
  assert.equal(store.lanes[0].output, message.outputReach);
  assert.equal(store.at(1, 1, 44), null);
});

test("the maps at a step are the newest before it, or the earliest", () => {
  const store = storeOf(maps(40, 0), maps(20, 0));
  assert.deepEqual([10, 20, 39, 40, 99].map((step) => store.at(0, 0, step).step),
    [20, 20, 20, 40, 40]);
  assert.deepEqual(store.steps(0, 0), [20, 40]);
  assert.deepEqual(store.newest(0), [40, -1]);
});

test("scales reach as far as the run did in any step", () => {
  const store = storeOf(maps(0, 0, { biasReach: 3 }), maps(1, 0, { outputReach: 7 }));
  assert.deepEqual([store.lanes[0].bias, store.lanes[0].output], [3, 7]);
});

test("only what is lacking is asked for: all parts once, then those of the sample", () => {
  const store = storeOf(maps(0, 0));
  assert.deepEqual(store.lack(0, 0, 50), { lane: 0, sample: 0, parts: 15, from: 0 });
  store.whole(0, 0, 50);
  assert.equal(store.lack(0, 0, 50), null);
  assert.deepEqual(store.lack(0, 0, 60), { lane: 0, sample: 0, parts: 15, from: 51 });
  assert.deepEqual(store.lack(0, 1, 50), { lane: 0, sample: 1, parts: 12, from: 0 });
});

test("of a sample that brought nothing it is not noted that all is here", () => {
  const store = storeOf(maps(0, 0));
  store.whole(0, 3, 50);
  assert.notEqual(store.lack(0, 3, 50), null);
});

test("a fifth sample takes the place of the first, and what all share stays", () => {
  const store = storeOf(...[0, 1, 2, 3].map((sample) => maps(10, sample)));
  store.whole(0, 0, 10);
  store.add(maps(10, 4));
  assert.equal(store.at(0, 0, 10), null);
  assert.notEqual(store.lack(0, 0, 10), null);
  assert.deepEqual(store.at(0, 4, 10).bias, [10]);
});

test("biases that come alone are of the net, whichever sample is shown", () => {
  const store = storeOf(maps(5, 1, { gate: undefined, output: undefined }),
    maps(5, 0, { bias: undefined, mean: undefined }));
  assert.deepEqual(store.at(0, 0, 5), { step: 5, bias: [5], mean: [5], gate: [5], output: [5] });
  assert.equal(store.at(0, 1, 5), null);
});
