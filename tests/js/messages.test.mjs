// Messages as the browser unpacks them, against the frames that the server packed.

import { strict as assert } from "node:assert";
import test from "node:test";

import { decode, EXACT, MAPS, PROFILES, split, UPDATE } from "../../assets/live/messages.js";
import { bytes, frames, hello, near } from "./packed.mjs";

const NORMS = {
  signal: "signal_gradient_norm", weight: "weight_gradient_norm", activation: "activation_scale",
};

function unpacked(log, name) {
  return decode(bytes(log, name), hello(log).tracks);
}

function profilesAreThoseOf(profiles, recorded) {
  for (const { step, lanes } of profiles) {
    const frame = recorded.find((one) => one.step === step);
    lanes.forEach((lane, i) => Object.entries(NORMS).forEach(([name, norm]) =>
      near(lane[name], frame.lanes[i][norm].map(Math.log10), 1e-5)));
    lanes.forEach(({ gate }, i) => near(gate, frame.lanes[i].gate_mean ?? []));
  }
}

test("a snapshot holds every step, loss and error of every lane", () => {
  const message = unpacked("pair", "snapshot"), recorded = frames("pair");
  assert.equal(message.kind, UPDATE);
  assert.deepEqual([message.from, message.to], [0, 60]);
  assert.deepEqual([...message.steps], recorded.map(({ step }) => step));
  assert.deepEqual([...message.diverged], [null, null]);
  message.curves.forEach((curve, i) => {
    near(curve.loss, recorded.map(({ lanes }) => lanes[i].loss));
    near(curve.error, recorded.map(({ lanes }) => lanes[i].error));
  });
});

test("a snapshot's profiles are the logarithms of the recorded norms, lane by lane", () => {
  const { profiles } = unpacked("pair", "snapshot");
  assert.deepEqual(profiles[0].lanes.map((lane) => lane.signal.length), [20, 8]);
  assert.equal(profiles.length, 60);
  profilesAreThoseOf(profiles, frames("pair"));
});

test("a gated lane's profiles bring mean T of every gated unit as it is", () => {
  const { profiles } = unpacked("gated", "snapshot");
  assert.deepEqual(profiles[0].lanes.map(({ gate }) => gate.length), [3, 0]);
  profilesAreThoseOf(profiles, frames("gated"));
});

test("evaluations come with the steps at which they were made", () => {
  const message = unpacked("gated", "snapshot"), recorded = frames("gated");
  assert.deepEqual([...message.heldSteps], [0, 10, 20, 30, 40]);
  message.held.forEach((curve, i) => {
    const at = recorded.filter(({ step }) => step % 10 === 0);
    near(curve.loss, at.map(({ lanes }) => lanes[i].held_out_loss));
    near(curve.error, at.map(({ lanes }) => lanes[i].held_out_error));
  });
});

test("a delta tells which frames it covers and brings the newest profile", () => {
  const message = unpacked("pair", "delta");
  assert.deepEqual([message.kind, message.from, message.to], [UPDATE, 1, 60]);
  assert.equal(message.steps.at(-1), 59);
  assert.deepEqual(message.profiles.map(({ step }) => step), [59]);
  profilesAreThoseOf(message.profiles, frames("pair"));
});

test("an exact frame and missing profiles are told from updates", () => {
  const exact = unpacked("pair", "exact"), columns = unpacked("pair", "profiles");
  assert.deepEqual([exact.kind, columns.kind], [EXACT, PROFILES]);
  assert.deepEqual(exact.profiles.map(({ step }) => step), [29]);
  assert.deepEqual(columns.profiles.map(({ step }) => step), [0, 59]);
  profilesAreThoseOf([...exact.profiles, ...columns.profiles], frames("pair"));
});

test("every seed's loss comes back from its place between the lowest and the highest", () => {
  const [curve] = unpacked("seeds", "snapshot").curves, recorded = frames("seeds");
  const known = (value) => (Number.isFinite(value) ? Math.max(value, 1e-8) : NaN);
  for (const seed of [0, 1, 2]) {
    near(curve[`loss${seed}`], recorded.map(({ lanes }) => known(lanes[0].loss[seed])), 1e-4);
  }
  near(curve.low, [0.5, 3, NaN, 0]);
  near(curve.high, [2, 3, NaN, 1]);
  near(curve.loss, [1.25, 3, Infinity, 1]);
  near(curve.error2, [1, 1, 1, 1], 1e-4);
  near(curve.error0, [0.25, 0.25, 0.25, 0.25], 1e-4);
});

test("norms outside single precision arrive, and zero is told from no number", () => {
  const message = unpacked("extremes", "exact");
  const { step, lanes } = message.profiles[0];
  assert.equal(step, 7);
  assert.deepEqual([...lanes[0].weight], [-300, -Infinity, NaN, Infinity, 0]);
  assert.deepEqual(message.diverged, [3]);
});

test("maps come exactly as they were recorded, halves widened, whatever parts are there", () => {
  const last = frames("gated").findLast(({ step }) => step % 20 === 0);
  const lane = last.lanes[0];
  for (const [parts, names] of [[15, ["bias", "mean", "gate", "output"]], [1, ["bias"]],
    [12, ["gate", "output"]]]) {
    const message = unpacked("gated", `maps-0-${parts}`);
    assert.deepEqual([message.kind, message.lane, message.sample], [MAPS, 0, 1]);
    assert.deepEqual([message.step, message.units, message.cells], [40, 3, 5]);
    const recorded = {
      bias: lane.gate_bias_map, mean: lane.gate_mean_map,
      gate: lane.gate_map[1], output: lane.output_map[1],
    };
    for (const name of ["bias", "mean", "gate", "output"]) {
      if (names.includes(name)) assert.deepEqual([...message[name]], recorded[name].flat());
      else assert.equal(message[name], undefined);
    }
    assert.ok(message.biasReach > 0 && message.outputReach > 0.5);
  }
});

test("the messages of one HTTP answer come apart, and half a message waits for its rest", () => {
  const joined = bytes("pair", "joined");
  const [whole, used] = split(joined);
  assert.equal(used, joined.byteLength);
  assert.equal(JSON.parse(whole[0]).type, "hello");
  assert.deepEqual(new Uint8Array(whole[1]), new Uint8Array(bytes("pair", "snapshot")));
  assert.deepEqual(JSON.parse(whole[2]), { type: "missing", message: "Ω" });
  const [begun, rest] = split(joined.slice(0, joined.byteLength - 1));
  assert.equal(begun.length, 2);
  assert.ok(rest < joined.byteLength);
});
