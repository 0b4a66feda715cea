// The elements of one place with live charts: what stands where.

import { card, choice, element, header, slider } from "./cards.js";
import { Chart } from "./chart.js";
import { GraphPanel } from "./livegraph.js";
import { ReplayBar } from "./replaybar.js";
import { forget, hear } from "./replaykeys.js";
import { QUANTITIES } from "./words.js";

/** @import { Card, CardName } from "./cards.js" */
/** @import { GatesPanel } from "./gates.js" */
/** @import { Quantity } from "./messages.js" */
/** @import { Replay } from "./replay.js" */
/** @import { View } from "./view.js" */

export const PRESS_TRAIN = "Press Train: the curves are drawn while the nets learn.";
const PROFILE_SLIDER_PX = 33;

/** @typedef {"header" | "graph" | "gates" | CardName} PanelName */

/**
 * What a viewer does.
 * @typedef {object} Actions
 * @property {(step: number | null) => void} pin  a step is chosen; null: the newest one
 * @property {(error: boolean) => void} showError
 * @property {(quantity: Quantity) => void} showQuantity
 * @property {(lane: number) => void} toggle  a lane is shown or hidden
 * @property {(card: string) => void} zoom
 * @property {Replay} replay
 * @property {(step: number | null) => void} seek  everything as it was at this step; null: as it is
 * @property {(panel: "gates" | "graph") => void} redraw  another view of it was chosen
 */

/**
 * @param {PanelName} panel
 * @returns {panel is CardName}
 */
function isCard(panel) {
  return panel !== "header" && panel !== "graph" && panel !== "gates";
}

/**
 * The height of a chart. Where a page says how much stands around it (--sv-around, in pixels), all of
 * it is in sight at once.
 * @param {HTMLElement} root
 */
function fitting(root) {
  const around = Number.parseFloat(getComputedStyle(root).getPropertyValue("--sv-around"));
  const [least, wanted] = around ? [220, innerHeight - around] : [290, innerHeight * 0.4];
  return Math.round(Math.min(430, Math.max(least, wanted)));
}

export class Page {
  /**
   * @param {HTMLElement} root
   * @param {object} plan
   * @param {string} plan.prefix  of the elements' ids
   * @param {PanelName[]} plan.panels  in their order
   * @param {number | null} plan.height  of one chart in pixels; null: fitting
   * @param {View} plan.view
   * @param {Actions} plan.on
   */
  constructor(root, { prefix, panels, height, view, on }) {
    this.root = root;
    this.prefix = prefix;
    this.panels = panels;
    this.view = view;
    this.height = height ?? fitting(root);
    this.title = element("h2", { class: "sv-title", hidden: "" });
    this.headline = panels.includes("header") ? header(`${prefix}-header`) : null;
    this.replay = new ReplayBar(`${prefix}`, on.replay, { shown: () => view.shown, seek: on.seek });
    this.headline?.box.append(this.replay.box);
    if (this.headline) hear(root, this.replay);
    this.legend = element("div", { class: "sv-legend", role: "group", "aria-label": "lanes" });
    this.voice = element("p", { class: "sv-voice", "aria-live": "polite" });
    this.grid = element("div", { class: "sv-grid" });
    this.slider = slider(`${prefix}-step`, (step) => on.pin(step), () => on.pin(null));
    /** @type {Partial<Record<CardName, Card>>} */
    this.cards = {};
    /** @type {GraphPanel | null} */
    this.graph = null;
    /** @type {{show: (there: boolean) => void, box: HTMLElement} | null} */
    this.film = null; // what makes one of the replay
    for (const panel of panels) {
      if (panel === "graph") this.graph = this.addGraph(on);
      else if (isCard(panel)) this.cards[panel] = this.addCard(panel, on);
    }
    /** @type {GatesPanel[]} */
    this.gates = [];
    const head = this.headline ? [this.headline.box] : [];
    root.replaceChildren(this.title, ...head, this.legend, this.grid, this.voice);
    // Gates need no legend: under them it stands with the curves that do.
    const [first, ...others] = panels.filter((panel) => panel !== "header");
    this.legend.hidden = first === "gates" && !others.length;
    if (first === "gates" && others.length) this.grid.prepend(this.legend);
  }

  /**
   * @param {CardName} panel
   * @param {Actions} on
   * @returns {Card}
   */
  addCard(panel, on) {
    const curves = ["loss", "profile"];
    const made = card({
      id: `${this.prefix}-${panel}`, panel, title: this.titleOf(panel, false),
      height: this.heightOf(panel), choices: this.choicesOf(panel, on),
      wide: !curves.includes(panel) || this.panels.filter((p) => curves.includes(p)).length === 1,
      empty: this.view.options.empty ?? PRESS_TRAIN,
    });
    const chart = new Chart(made.plot, panel);
    chart.onZoom = () => on.zoom(panel);
    this.grid.append(made.box);
    if (panel === "profile") made.box.insertBefore(this.slider.box, made.reading);
    return { ...made, chart };
  }

  /** @param {Actions} on */
  addGraph(on) {
    const graph = new GraphPanel({
      view: this.view, id: `${this.prefix}-graph`, redraw: () => on.redraw("graph"),
      empty: this.view.options.empty ?? PRESS_TRAIN,
    });
    this.grid.append(graph.box);
    return graph;
  }

  /**
   * @param {CardName} panel
   * @param {Actions} on
   */
  choicesOf(panel, on) {
    if (panel === "loss") {
      const row = choice("curve", [["loss", "loss"], ["error", "error"]],
        (value) => on.showError(value === "error"));
      row.press(this.view.error ? "error" : "loss");
      return row.box;
    }
    if (panel !== "profile") return null;
    const names = /** @type {Quantity[]} */ (Object.keys(QUANTITIES));
    const row = choice("quantity", names.map((name) => [name, QUANTITIES[name].button]),
      (name) => on.showQuantity(name));
    row.press(this.view.quantity);
    return row.box;
  }

  /**
   * The loss stands beside the profile and its slider: both cards end on one line.
   * @param {PanelName} panel
   */
  heightOf(panel) {
    const besideSlider = panel === "loss" && this.panels.includes("profile");
    return this.height + (besideSlider ? PROFILE_SLIDER_PX : 0);
  }

  /**
   * @param {CardName} panel
   * @param {boolean} evaluated  is the run evaluated on held-out samples?
   */
  titleOf(panel, evaluated) {
    const { error, quantity } = this.view;
    if (panel === "loss") {
      return `${evaluated ? "Training and held-out" : "Training"} ${error ? "error" : "loss"}`;
    }
    const { title } = QUANTITIES[quantity];
    return panel === "profile" ? title : `${title.replace(" per layer", "")} over depth and time`;
  }

  /** @returns {[CardName, Card][]} */
  allCards() {
    return /** @type {[CardName, Card][]} */ (Object.entries(this.cards));
  }

  /** @param {string} text  what stands above everything; "" for nothing */
  entitle(text) {
    this.title.textContent = text;
    this.title.hidden = !text;
  }

  /**
   * Puts panels of gates where they belong, in place of those that were there.
   * @param {GatesPanel[]} gates
   */
  showGates(gates) {
    this.gates.forEach((panel) => panel.close());
    const later = this.panels.slice(this.panels.indexOf("gates") + 1);
    const [next] = later.flatMap((name) => (isCard(name) ? this.cards[name]?.box ?? []
      : name === "graph" ? this.graph?.box ?? [] : []));
    const before = next && this.legend.parentElement === this.grid ? this.legend : next ?? null;
    gates.forEach((panel) => this.grid.insertBefore(panel.box, before));
    this.gates = gates;
  }

  close() {
    forget(this.root);
    this.showGates([]);
    this.allCards().forEach(([, { chart }]) => chart.close());
  }
}
