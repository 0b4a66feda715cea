// What the charts say, in words computed from what they show.

export const QUANTITIES = {
  signal: {
    button: "signal dLoss/dx",
    title: "Signal gradient per layer",
    axis: "‖dLoss/dx‖",
    unit: "L2 norm",
    of: "the signal that reaches the first layer",
  },
  weight: {
    button: "weight dLoss/dW",
    title: "Weight gradient per layer",
    axis: "‖dLoss/dW‖",
    unit: "L2 norm",
    of: "the weight gradient of the first layer",
  },
  activation: {
    button: "activation scale",
    title: "Activation scale per layer",
    axis: "activation scale",
    unit: "root mean square",
    of: "the activation of the first layer",
  },
};

/** The axis of a lane that a quantity is drawn over. */
export function axisOf(track, quantity) {
  return quantity === "weight" ? track.layers : track.points;
}

export const FLOAT32_LOG10 = -38;

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function plain(text) {
  return String(text).replace(/[&<>"']/g, (sign) => escapes[sign]);
}

/** 10 to the power of `exponent` as a number a listener can take in. */
export function power(exponent) {
  const size = Math.abs(exponent);
  if (size < 3) return Number((10 ** size).toPrecision(2)).toLocaleString("en");
  return `10<sup>${size.toFixed(1)}</sup>`;
}

export function number(value) {
  if (!Number.isFinite(value)) return "not finite";
  if (value !== 0 && (Math.abs(value) < 0.001 || Math.abs(value) >= 10000)) {
    return value.toExponential(1);
  }
  return value.toFixed(value < 0.1 ? 3 : 2);
}

function name(lane) {
  return `<strong style="color:${lane.ink}">${plain(lane.label)}</strong>`;
}

/** First layer against last, for every lane that is shown. */
export function profileReading(lanes, profile, quantity) {
  const said = lanes.map((lane, i) => {
    const values = profile.lanes[lane.index][quantity];
    const first = values[0], last = values[values.length - 1];
    const of = i === 0 ? `${QUANTITIES[quantity].of} is ` : "";
    return `${name(lane)}: ${of}${against(first, last, i === 0)}`;
  });
  const below = lanes.some((lane) =>
    profile.lanes[lane.index][quantity].some((value) => value < FLOAT32_LOG10));
  const note = below ? " Triangles (▼): 0, or too small for float32." : "";
  return said.length ? `${said.join("; ")}.${note}` : "";
}

function against(first, last, whole) {
  if (Number.isNaN(first) || Number.isNaN(last)) return "not a number any more";
  if (!Number.isFinite(last) || last < FLOAT32_LOG10) return "unknown: the last layer has none";
  if (first < FLOAT32_LOG10) return "0 or below float32: nothing arrives";
  const decades = last - first;
  const at = whole ? " than at the last layer" : "";
  if (Math.abs(decades) < 0.04) return whole ? "as large as at the last layer" : "as large";
  return `${power(decades)} times ${decades > 0 ? "smaller" : "larger"}${at}`;
}

export function lossReading(lanes, { step, values, stuck, error, diverged }) {
  const said = lanes.map((lane, i) => {
    if (diverged[lane.index] !== null) {
      return `${name(lane)} diverged at step ${diverged[lane.index]}`;
    }
    const shown = error ? `${values[i].toFixed(0)} %` : number(values[i]);
    return `${name(lane)} ${shown}${stuck[i] ? " (no better than guessing)" : ""}`;
  });
  const what = error ? "wrong on the training batches" : "training loss";
  return `After ${step} ${step === 1 ? "step" : "steps"}, ${what}: ${said.join(", ")}. `
    + "Bold: running mean; thin: every batch.";
}

export function heatReading(lanes, profile, quantity) {
  const said = lanes.map((lane) => {
    const first = profile.lanes[lane.index][quantity][0];
    if (Number.isNaN(first)) return `${name(lane)} no number`;
    if (first < FLOAT32_LOG10) return `${name(lane)} 0 or less than float32 can hold`;
    return `${name(lane)} 10<sup>${first.toFixed(1).replace("-", "−")}</sup>`;
  });
  return `Each column is one moment; dark is small. Layer 1, nearest the input, at the bottom, `
    + `now has ${said.join(", ")}.`;
}

export function gatesReading(lane, maps) {
  const closed = maps.gate.reduce((count, value) => count + (value < 127.5 ? 1 : 0), 0);
  const share = Math.round((100 * closed) / maps.gate.length);
  return `${name(lane)}, step ${maps.step}: ${share} % of the cells carry (T < 0.5), they hand `
    + "their input on; seen over many layers, carried cells are the vertical stripes on the right.";
}
