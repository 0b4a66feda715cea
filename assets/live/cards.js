// The page's elements: header, legend, one card for each chart, the step slider.

import { plain, rateText } from "./words.js";

const ENGINES = { fused: "fused kernel", stacked: "stacked nets", modules: "modules" };

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

const PATTERNS = { solid: "", dash: "9 5", dot: "2.5 4", dashdot: "9 4 2.5 4" };

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A row of buttons of which one is pressed. */
function choice(label, choices, chosen, pick) {
  const row = element("div", { class: "sv-choice", role: "group", "aria-label": label });
  for (const [value, text] of choices) {
    const button = element("button", { type: "button", "aria-pressed": value === chosen }, text);
    button.addEventListener("click", () => {
      row.querySelectorAll("button").forEach((one) =>
        one.setAttribute("aria-pressed", one === button));
      pick(value);
    });
    row.append(button);
  }
  return row;
}

export function card({ id, panel, title, height, choices = null, wide = false, empty }) {
  const heading = element("h3", {}, title);
  const plot = element("div", { class: "sv-plot", role: "figure", id, "aria-label": title });
  plot.style.minHeight = `${height}px`;
  const vacant = element("p", { class: "sv-empty" }, empty);
  const stage = element("div", { class: "sv-stage" }, plot, vacant);
  const reading = element("p", { class: "sv-reading" });
  const box = element(
    "section", { class: `sv-card sv-${panel}${wide ? " sv-wide" : ""}`, "data-panel": panel },
    element("header", {}, heading, choices ? choice(...choices) : null), stage, reading,
  );
  return { box, heading, plot, reading, vacant };
}

/** The step that profile and gates show: follows the newest until it is moved. */
export function slider(id, move, follow) {
  const range = element("input", {
    type: "range", min: 0, max: 0, value: 0, step: 1, id, "aria-label": "step shown",
  });
  const text = element("output", { for: id });
  const button = element("button", {
    type: "button", class: "sv-follow", title: "Show the newest step again",
  }, "follow");
  range.addEventListener("input", () => move(Number(range.value)));
  button.addEventListener("click", follow);
  const box = element("div", { class: "sv-slider" }, text, range, button);
  const show = (step, newest, pinned) => {
    box.hidden = newest < 1;
    range.max = Math.max(0, newest);
    range.value = Math.max(0, step);
    const words = `step ${Math.max(0, step)}`;
    if (text.textContent !== words) text.textContent = words;
    range.setAttribute("aria-valuetext", `${words} of ${newest}`);
    button.setAttribute("aria-pressed", !pinned);
    button.textContent = pinned ? "follow" : "following";
  };
  show(0, 0, false);
  return { box, show };
}

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

/** `replays`: a run that is over is drawn again, and stands at `step` just now. */
export function showHeader(parts, { status, step, total, linked, seeds, replays }) {
  const runs = status.state === "running", paused = runs && Boolean(status.paused);
  const [icon, words] = paused ? ["❚❚", `paused at step ${status.step}`]
    : replays ? ["▶", "replay"] : STATES[status.state] ?? STATES.loading;
  parts.chip.dataset.state = paused ? "paused" : status.state;
  if (parts.chip.dataset.words !== words) {
    parts.chip.dataset.words = words;
    parts.chip.replaceChildren(
      element("span", { class: "sv-icon", "aria-hidden": "true" }, icon), words);
  }
  const done = Math.max(0, Math.min(step + 1, total));
  const facts = total ? [`step ${done} / ${total}`] : [];
  const speed = status.steps_per_s;
  if (runs && status.pace > 0) facts.push(`slow motion: ${rateText(status.pace)} steps/s`);
  else if (speed > 0 && !paused) facts.push(`${Number(speed.toPrecision(3))} steps/s`);
  if (status.changes?.length) facts.push(`learning rate ${rateText(status.lr)}`);
  const budget = status.seconds ?? 0, spent = status.spent_s ?? 0;
  if (budget > 0) facts.push(`${Number(spent.toPrecision(2))} of ${budget} s`);
  const left = Math.min((total - done) / speed, budget > 0 ? budget - spent : Infinity);
  if (runs && speed > 0 && !paused) facts.push(`${duration(left)} left`);
  if (seeds > 1) facts.push(`median of ${seeds} seeds`);
  const engines = [...new Set(status.engines ?? [])].map((name) => ENGINES[name] ?? name);
  const by = engines.length ? `, ${engines.join(" and ")}` : "";
  if (status.device) facts.push(String(status.device).toUpperCase() + by);
  if (status.recorded) facts.push(`recorded ${status.recorded}`);
  parts.facts.textContent = facts.join("  ·  ");
  const share = Math.max(total ? done / total : 0, budget > 0 ? Math.min(1, spent / budget) : 0);
  parts.bar.style.width = `${100 * share}%`;
  parts.progress.setAttribute("aria-valuemax", total || 0);
  parts.progress.setAttribute("aria-valuenow", done);
  parts.link.hidden = linked;
  parts.message.textContent = status.message ?? "";
  parts.message.hidden = !status.message;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** One button for each lane: a sample of its line, its name, and how many of its seeds diverged. */
export function showLegend(box, lanes, fates, toggle) {
  const key = JSON.stringify([lanes.map(({ label, colour, dash, hidden }) =>
    [label, colour, dash, hidden]), fates]);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  const focused = [...box.children].indexOf(document.activeElement);
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
  if (focused >= 0) box.children[focused]?.focus();
}
