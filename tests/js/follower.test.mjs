// Who follows a run, with messages that the server packed, and a link that notes what it is asked.

import { strict as assert } from "node:assert";
import test from "node:test";

import { Follower } from "../../assets/live/follower.js";
import { bytes, hello } from "./packed.mjs";

/** A follower of a run, what it asked of its link and what it said of changes. */
function following(context, { sample = -1 } = {}) {
  const asked = [], changed = [];
  const note = (name) => (...words) => { asked.push([name, ...words]); };
  const link = {
    exactly: note("exactly"), sample: note("sample"), profilesOf: note("profilesOf"),
    restart: note("restart"), close: note("close"),
    mapsOf: async (wish) => { asked.push(["mapsOf", wish]); return true; },
    samples: async () => ({
      rows: [4, 9], labels: [0, 1], names: ["a", "b"], shape: [1, 1, 2], pixels: btoa("\0\x01\x02\x03"),
    }),
  };
  let listener = null;
  const follower = new Follower("a run", (on) => { listener = on; return link; }, {
    sample: () => sample,
    change: (...names) => changed.push(...names),
    begin: () => changed.push("begin"),
    news: () => changed.push("news"),
  });
  context.after(() => follower.close());
  return { follower, listener, asked, changed };
}

function text(log) {
  return JSON.stringify(hello(log));
}

test("a hello begins the history, and a snapshot and a delta fill it", (context) => {
  const { follower, listener, changed } = following(context);
  assert.deepEqual([follower.status.state, listener.held()], ["loading", 0]);
  listener.message(bytes("pair", "first")); // before the hello nothing can be read
  listener.message(text("pair"));
  listener.message(bytes("pair", "first"));
  listener.message(bytes("pair", "delta"));
  assert.equal(follower.status.state, "running");
  assert.deepEqual([listener.held(), follower.history.step], [60, 59]);
  assert.deepEqual(changed, ["begin", "header", "news", "news"]);
});

test("a hello after a new connection keeps what is here, one of fewer frames begins anew", (context) => {
  const { follower, listener } = following(context);
  listener.message(text("pair"));
  listener.message(bytes("pair", "snapshot"));
  const { history } = follower;
  listener.message(text("pair"));
  assert.equal(follower.history, history);
  listener.message(JSON.stringify({ ...hello("pair"), n: 3 }));
  assert.notEqual(follower.history, history);
});

test("a gap makes the link begin again from what is held", (context) => {
  const { listener, asked } = following(context);
  listener.message(text("pair"));
  listener.message(bytes("pair", "delta"));
  assert.deepEqual(asked, [["restart"]]);
});

test("one exact step is asked for at a time, and then only the newest wish", (context) => {
  const { follower, listener, asked } = following(context);
  listener.message(text("pair"));
  listener.message(bytes("pair", "snapshot"));
  for (const step of [20, 21, 29]) follower.exactly(step);
  assert.deepEqual(asked, [["exactly", 20]]);
  listener.message(bytes("pair", "exact")); // of step 29: the nearest that is recorded
  assert.deepEqual([...follower.history.exact.keys()], [29, 20]);
  for (const step of [35, 36, null]) follower.exactly(step);
  listener.message(bytes("pair", "exact"));
  assert.deepEqual(asked.slice(1), [["exactly", 35]]);
});

test("profiles, maps and pictures go where they are held", async (context) => {
  const { follower, listener, asked } = following(context, { sample: 1 });
  listener.message(text("gated"));
  listener.message(bytes("gated", "first"));
  listener.message(bytes("gated", "profiles"));
  assert.equal(follower.history.columns.filter(Boolean).length, 2);
  listener.message(bytes("gated", "maps-0-15"));
  assert.equal(listener.mapSteps(), "40,-1");
  await follower.allMaps(0, 1);
  await follower.allMaps(0, 1);
  assert.deepEqual(asked, [["mapsOf", { lane: 0, sample: 1, parts: 15, from: 0 }]]);
  assert.equal(await follower.fetchPictures(), true);
  assert.equal(await follower.fetchPictures(), false);
  assert.deepEqual(follower.pictures.pixels.map((picture) => [...picture]), [[0, 1], [2, 3]]);
});

test("a run that is not there is told, and nothing more is asked", (context) => {
  const { follower, listener, asked } = following(context);
  listener.message(JSON.stringify({ type: "missing", message: "There is no run." }));
  assert.deepEqual(follower.status, { state: "missing", message: "There is no run." });
  assert.deepEqual(asked, [["close"]]);
});

test("a message of an unknown kind is named in the console and changes nothing", (context) => {
  const warn = context.mock.method(console, "warn", () => {});
  const { follower, listener, changed } = following(context);
  listener.message(text("pair"));
  const before = [follower.status, listener.held(), changed.length];
  listener.message(JSON.stringify({ type: "weather", message: "rain" }));
  listener.message(new Uint8Array([77, 1, 2, 3]).buffer);
  listener.message(new ArrayBuffer(0));
  for (const nothing of ["", "<html>", "null", "7"]) listener.message(nothing);
  assert.deepEqual([follower.status, listener.held(), changed.length], before);
  assert.equal(warn.mock.callCount(), 7);
});
