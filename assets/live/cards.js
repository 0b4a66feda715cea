// The page's elements: header, legend, one card for each chart, the step slider.

import { speedText } from "./replay.js";
import { plain, rateText } from "./words.js";

/** @import { Chart } from "./chart.js" */
/** @import { Status } from "./messages.js" */
/** @import { Lane } from "./theme.js" */

/** @type {Record<string, string>} */
const ENGINES = { fused: "fused kernel", stacked: "stacked nets", modules: "modules" };

/** @type {Record<string, [sign: string, words: string]>} */
const STATES = {
  loading: ["…", "loading"],
  idle: ["○", "nothing to show yet"],
  queued: ["…", "waiting for a free worker"],
  running: ["▶", "training"],
  finished: ["✓", "finished"],
  stopped: ["■", "stopped"],
  interrupted: ["!", "interrupted"],
  failed: ["✕", "failed"],
  missing: ["✕", "not found"],
};

/** @type {Record<string, string>} */
const PATTERNS = { solid: "", dash: "9 5", dot: "2.5 4", dashdot: "9 4 2.5 4" };

/**
 * A new element: "onclick" and the like listen, all else are its attributes.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} attributes
 * @param {(Node | string)[]} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/**
 * A row of buttons of which one is pressed; `press` says from outside which one it is.
 * @template {string} Value
 * @param {string} label
 * @param {[value: Value, text: string][]} choices
 * @param {(value: Value) => void} pick
 */
export function choice(label, choices, pick) {
  const box = element("div", { class: "sv-choice", role: "group", "aria-label": label });
  const press = (/** @type {Value} */ value) => box.querySelectorAll("button").forEach((one) =>
    one.setAttribute("aria-pressed", String(one.dataset.value === value)));
  for (const [value, text] of choices) {
    const onclick = () => { press(value); pick(value); };
    box.append(element("button", { type: "button", "data-value": value, onclick }, text));
  }
  return { box, press };
}

/** @typedef {"loss" | "profile" | "heat"} CardName */

/**
 * @typedef {object} Card
 * @property {HTMLElement} box
 * @property {HTMLElement} heading
 * @property {HTMLElement} plot
 * @property {HTMLElement} reading
 * @property {HTMLElement} vacant
 * @property {Chart} chart
 */

/**
 * The place of one chart.
 * @param {object} about
 * @param {string} about.id
 * @param {CardName} about.panel
 * @param {string} about.title
 * @param {number} about.height  in pixels
 * @param {HTMLElement | null} about.choices
 * @param {boolean} about.wide
 * @param {string} about.empty  the sentence of an empty chart
 * @returns {Omit<Card, "chart">}
 */
export function card({ id, panel, title, height, choices, wide, empty }) {
  const heading = element("h3", {}, title);
  const plot = element("div", { class: "sv-plot", role: "figure", id, "aria-label": title });
  plot.style.minHeight = `${height}px`;
  const vacant = element("p", { class: "sv-empty" }, empty);
  const stage = element("div", { class: "sv-stage" }, plot, vacant);
  const reading = element("p", { class: "sv-reading" });
  const box = element(
    "section", { class: `sv-card sv-${panel}${wide ? " sv-wide" : ""}`, "data-panel": panel },
    element("header", {}, heading, ...(choices ? [choices] : [])), stage, reading,
  );
  return { box, heading, plot, reading, vacant };
}

/**
 * The step that profile and gates show: follows the newest until it is moved.
 * @param {string} id
 * @param {(step: number) => void} move
 * @param {() => void} follow
 */
export function slider(id, move, follow) {
  const range = element("input", {
    type: "range", min: 0, max: 0, value: 0, step: 1, id, "aria-label": "step shown",
  });
  const text = element("output", { for: id });
  const button = element("button", {
    type: "button", class: "sv-follow", title: "Show the newest step again",
  }, "follow latest");
  range.addEventListener("input", () => move(Number(range.value)));
  button.addEventListener("click", follow);
  const box = element("div", { class: "sv-slider" }, text, range, button);
  const show = (
    /** @type {number} */ step, /** @type {number} */ newest, /** @type {boolean} */ pinned,
  ) => {
    box.hidden = newest < 1;
    range.max = String(Math.max(0, newest));
    range.value = String(Math.max(0, step));
    const words = `step ${Math.max(0, step)}`;
    if (text.textContent !== words) text.textContent = words;
    range.setAttribute("aria-valuetext", `${words} of ${newest}`);
    button.setAttribute("aria-pressed", String(!pinned));
  };
  show(0, 0, false);
  return { box, show };
}

/** @param {string} id */
export function header(id) {
  const chip = element("span", { class: "sv-chip" });
  const facts = element("span", { class: "sv-facts" });
  const link = element("span", { class: "sv-link", hidden: "" }, "reconnecting…");
  const bar = element("div", { class: "sv-bar-fill" });
  const progress = element("div", {
    class: "sv-bar", role: "progressbar", "aria-valuemin": 0, "aria-label": "training progress",
  }, bar);
  const message = element("p", { class: "sv-message", hidden: "" });
  const line = element("div", { class: "sv-line" }, chip, facts, link);
  const box = element("div", { class: "sv-head", id }, line, progress, message);
  return { box, chip, facts, link, bar, progress, message };
}

/**
 * @param {ReturnType<typeof header>} parts
 * @param {object} now
 * @param {Status} now.status
 * @param {number} now.step
 * @param {number} now.total
 * @param {boolean} now.linked  is the server there?
 * @param {number} now.seeds
 * @param {{speed: number, rate: number} | null} now.replayed  the run is seen again, at a multiple of
 *   its own speed in steps per second (0: nobody knows that), and stands at `step`
 */
export function showHeader(parts, { status, step, total, linked, seeds, replayed }) {
  const runs = status.state === "running", paused = runs && Boolean(status.paused);
  const [icon, words] = paused ? ["❚❚", `paused at step ${status.step}`]
    : replayed ? ["▶", "replay"] : STATES[status.state] ?? STATES.loading;
  parts.chip.dataset.state = paused ? "paused" : status.state;
  if (parts.chip.dataset.words !== words) {
    parts.chip.dataset.words = words;
    parts.chip.replaceChildren(
      element("span", { class: "sv-icon", "aria-hidden": "true" }, icon), words);
  }
  const done = Math.max(0, Math.min(step + 1, total));
  const facts = total ? [`step ${done} / ${total}`] : [];
  const speed = status.steps_per_s ?? 0, pace = status.pace ?? 0;
  if (replayed) facts.push(replayText(replayed, status));
  else if (runs && pace > 0) facts.push(`slow motion: ${rateText(pace)} steps/s`);
  else if (speed > 0 && !paused) facts.push(`${Number(speed.toPrecision(3))} steps/s`);
  if (status.changes?.length) facts.push(`learning rate ${rateText(status.lr ?? NaN)}`);
  const budget = status.seconds ?? 0, spent = status.spent_s ?? 0;
  if (budget > 0) facts.push(`${Number(spent.toPrecision(2))} of ${budget} s`);
  const left = Math.min((total - done) / speed, budget > 0 ? budget - spent : Infinity);
  if (runs && speed > 0 && !paused && !replayed) facts.push(`${duration(left)} left`);
  if (seeds > 1) facts.push(`median of ${seeds} seeds`);
  const engines = [...new Set(status.engines ?? [])].map((name) => ENGINES[name] ?? name);
  const by = engines.length ? `, ${engines.join(" and ")}` : "";
  if (status.device) facts.push(String(status.device).toUpperCase() + by);
  if (status.recorded) facts.push(`recorded ${status.recorded}`);
  parts.facts.textContent = facts.join("  ·  ");
  const share = Math.max(total ? done / total : 0, budget > 0 ? Math.min(1, spent / budget) : 0);
  parts.bar.style.width = `${100 * share}%`;
  parts.progress.setAttribute("aria-valuemax", String(total || 0));
  parts.progress.setAttribute("aria-valuenow", String(done));
  parts.link.hidden = linked;
  parts.message.textContent = status.message ?? "";
  parts.message.hidden = !status.message;
}

/**
 * How fast a replay goes, and whose speed that is.
 * @param {{speed: number, rate: number}} replayed
 * @param {Status} status
 */
function replayText({ speed, rate }, { machine, device }) {
  if (rate <= 0) return "replayed";
  const who = machine ?? String(device ?? "").toUpperCase();
  return `replayed at ${speedText(speed)} the speed at which ${who || "its machine"} trained it`;
}

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/**
 * One button for each lane: a sample of its line, its name, and how many of its seeds diverged.
 * @param {HTMLElement} box
 * @param {Lane[]} lanes
 * @param {string[]} fates
 * @param {(lane: number) => void} toggle
 */
export function showLegend(box, lanes, fates, toggle) {
  const key = JSON.stringify([lanes.map(({ label, colour, dash, hidden }) =>
    [label, colour, dash, hidden]), fates]);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  const focused = [...box.children].findIndex((button) => button === document.activeElement);
  box.replaceChildren(...lanes.map((lane, i) => {
    const button = element("button", {
      type: "button", "aria-pressed": !lane.hidden, title: lane.hidden ? "Show" : "Hide",
      onclick: () => toggle(i),
    });
    const pattern = PATTERNS[lane.dash] ?? "";
    button.innerHTML = `<svg width="38" height="12" aria-hidden="true"><line x1="1" x2="37" y1="6"
      y2="6" stroke="${lane.colour}" stroke-width="4" stroke-dasharray="${pattern}" /></svg>
      <span>${plain(lane.label)}</span>${fates[i] ? `<em>${fates[i]}</em>` : ""}`;
    return button;
  }));
  if (focused >= 0) box.querySelectorAll("button")[focused]?.focus();
}
