// The sentences under the charts, computed from what the server packed and recorded.

import { strict as assert } from "node:assert";
import test from "node:test";

import { History } from "../../assets/live/history.js";
import { decode } from "../../assets/live/messages.js";
import { curveName, fateText, gatesReading, heatReading, lossReading, number, plain, power,
  profileReading, rateText, seedsHover } from "../../assets/live/words.js";
import { bytes, frames, hello } from "./packed.mjs";

function historyOf(log) {
  const history = new History(hello(log));
  history.add(decode(bytes(log, "snapshot"), history.tracks));
  return history;
}

function lanesOf(history, shown = history.newest) {
  return history.tracks.map((track, index) =>
    ({ label: track.label, ink: "#000", track, index, shown, diedAt: null }));
}

/** A sentence as it is read: without marks of HTML. */
function read(sentence) {
  return sentence.replace(/<sup>(.*?)<\/sup>/g, "^$1").replace(/<[^>]*>/g, "");
}

test("numbers are short and say when they are none", () => {
  assert.deepEqual([0, 0.0005, 0.05, 0.5, 12345, NaN].map(number),
    ["0.000", "5.0e-4", "0.050", "0.50", "1.2e+4", "not finite"]);
  assert.deepEqual([0.003, 0.0005, 1, 0].map(rateText), ["0.003", "5e-4", "1", "0"]);
  assert.deepEqual([1, -2, 7.25].map(power), ["10", "100", "10<sup>7.3</sup>"]);
});

test("a name that a user typed is text and no HTML", () => {
  assert.equal(plain(`<b a="1">&'`), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
  const [lane] = lanesOf(historyOf("pair"));
  const sentence = profileReading([{ ...lane, label: "<img src=x>" }], "signal");
  assert.ok(!sentence.includes("<img"));
});

test("the profile's sentence says how much smaller the first layer's gradient was recorded", () => {
  const history = historyOf("pair"), recorded = frames("pair").at(-1);
  const said = read(profileReading(lanesOf(history), "signal"));
  const norms = recorded.lanes[0].signal_gradient_norm;
  const decades = Math.log10(norms.at(-1) / norms[0]);
  assert.match(said, /^Plain-20: the gradient of the signal at the first layer is /);
  assert.ok(said.includes(`10^${decades.toFixed(1)} times smaller than at the last layer`), said);
  assert.match(said, /; ResNet-8: [\d.]+ times (smaller|larger)\.$|; ResNet-8: about the same\.$/);
});

test("a gradient of zero, below single precision or no number has words of its own", () => {
  const [lane] = lanesOf(historyOf("extremes"));
  const said = (signal) => read(profileReading(
    [{ ...lane, shown: { step: 7, lanes: [{ signal }] } }], "signal"));
  assert.match(said([-300, 0]), /nothing arrives\. Triangles/);
  assert.match(said([-Infinity, 0]), /nothing arrives/);
  assert.match(said([0, -Infinity]), /unknown: the last layer has none/);
  assert.match(said([NaN, 0]), /no longer a number: it diverged/);
  assert.match(said([0, 0]), /about the same as at the last layer/);
  const packed = profileReading([lane], "signal");
  assert.match(read(packed), /nothing arrives\. Triangles/);
});

test("the loss's sentence says step, every lane's loss, and who is no better than guessing", () => {
  const history = historyOf("pair");
  const view = { step: 60, values: [2.301, 1.25], stuck: [true, false], error: false, held: [],
    heldAt: undefined, history };
  assert.equal(read(lossReading(lanesOf(history), view)), "After 60 steps, training loss: Plain-20 "
    + "2.30 (no better than guessing), ResNet-8 1.25. Bold: running mean; thin: every batch.");
  const wrong = { ...view, values: [88.2, 40], error: true, step: 1, stuck: [false, false] };
  assert.match(read(lossReading(lanesOf(history), wrong)),
    /^After 1 step, wrong on the training batches: Plain-20 88 %, ResNet-8 40 %\. /);
});

test("held-out losses stand beside the step at which they were measured", () => {
  const history = historyOf("gated"), { lanes } = frames("gated")[40];
  const view = { step: 45, values: [1, 2], stuck: [], error: false, heldAt: 40, history,
    held: lanes.map((lane) => lane.held_out_loss) };
  const said = read(lossReading(lanesOf(history), view));
  assert.ok(said.includes(`held-out loss at step 40: Highway-4 ${number(lanes[0].held_out_loss)}, `
    + `Plain-6 ${number(lanes[1].held_out_loss)}. Bold: held-out; thin: training`), said);
});

test("seeds that diverged are counted, and every seed stands under the mouse", () => {
  assert.deepEqual([fateText(7, 0, 3), fateText(7, 1, 1), fateText(7, 1, 3), fateText(7, 2, 3)],
    ["", "diverged at step 7", "1 of 3 seeds diverged at step 7",
      "2 of 3 seeds diverged, the first at step 7"]);
  assert.equal(seedsHover(4, 0, false), "");
  const hover = seedsHover(4, 6, true);
  assert.match(hover, /^<br>seeds 4 to 9:<br>/);
  assert.equal(hover.match(/customdata/g).length, 6);
  assert.equal(curveName("ResNet-8", "held-out"), "ResNet-8, held-out");
  assert.equal(curveName("ResNet-8", ""), "ResNet-8");
});

test("the heat map's sentence names the first layer's power of ten", () => {
  const history = historyOf("pair"), recorded = frames("pair").at(-1);
  const said = read(heatReading(lanesOf(history), history.newest, "weight"));
  recorded.lanes.forEach(({ weight_gradient_norm: [first] }, i) => {
    const exponent = Math.log10(first).toFixed(1).replace("-", "−");
    assert.ok(said.includes(`${history.tracks[i].label} 10^${exponent}`), said);
  });
});

test("nothing is said of lanes that are all hidden", () => {
  const history = historyOf("pair"), facts = { step: 1, values: [], stuck: [], held: [], history };
  assert.equal(profileReading([], "signal"), "");
  assert.equal(lossReading([], { ...facts, error: false, heldAt: undefined }), "");
  assert.equal(heatReading([], history.newest, "signal"), "");
});

test("the gates' sentence counts biases, gates and stripes as they were recorded", () => {
  const history = historyOf("gated"), [lane] = lanesOf(history), track = history.tracks[0];
  const maps = decode(bytes("gated", "maps-0-15"), history.tracks);
  const frame = frames("gated")[40].lanes[0];
  const share = (values, holds) =>
    `${Math.round((100 * values.flat().filter(holds).length) / values.flat().length)} %`;
  const said = read(gatesReading(lane, maps, track, "now"));
  const fell = share(frame.gate_bias_map, (value) => value < -2);
  const closed = share(frame.gate_map[1], (t) => t < 0.1);
  const half = share(frame.gate_map[1], (t) => t < 0.5);
  assert.ok(said.startsWith(`Highway-4, step 40: ${fell} of the biases are below −2; `
    + `T of this sample is under 0.1 in ${closed} of the cells and under 0.5 in ${half}; `), said);
  assert.match(read(gatesReading(lane, { ...maps, bias: null }, track, "init")),
    /^Highway-4, at init: T of this sample/);
});

test("outputs that every layer hands on unchanged are stripes in all of their cells", () => {
  const history = historyOf("gated"), [lane] = lanesOf(history), track = history.tracks[0];
  const output = Float32Array.from({ length: 15 }, (_, at) => (at % 5) - 2);
  assert.match(read(gatesReading(lane, { step: 1, output }, track, "now")),
    /: 100 % of the outputs are handed on by the next layer/);
});
