// One Plotly chart that is drawn again and again under a user's hands: what was zoomed stays
// zoomed, a drag is never broken off, axes only ever grow.

/** @import { Theme } from "./theme.js" */

/** @typedef {Record<string, any>} Layout  As plotly.js reads it; traces too. */
/** @typedef {{width: number, height: number, font: number}} Size  in pixels */

/**
 * All that a figure is made of.
 * @typedef {object} FigureView
 * @property {import("./history.js").History} history
 * @property {import("./theme.js").Lane[]} lanes
 * @property {Theme} theme
 * @property {number} limit  the newest step that is shown
 * @property {boolean} error  errors in place of losses?
 * @property {import("./messages.js").Quantity} quantity
 * @property {Size} size
 * @property {number | undefined} chance  the loss of guessing
 * @property {import("./messages.js").Profile} profile
 * @property {{step: number, lr: number}[]} changes
 */

const CONFIG = {
  displaylogo: false,
  showSendToCloud: false, // nothing leaves this machine
  plotlyServerURL: "",
  displayModeBar: "hover",
  responsive: false,
  doubleClick: "autosize",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
};

export class Chart {
  /**
   * @param {HTMLElement} plot
   * @param {string} file  the name of what can be downloaded
   */
  constructor(plot, file) {
    this.plot = /** @type {PlotlyElement} */ (plot);
    this.config = {
      ...CONFIG,
      toImageButtonOptions: { format: "png", scale: 3, filename: `skipviz-${file}` },
    };
    /** @type {Set<string>} */
    this.zoomed = new Set();
    this.held = false;
    this.listens = false;
    this.closed = false;
    /** @type {Promise<unknown>} */
    this.drawing = Promise.resolve(); // the newest drawing: Plotly ends it some moments later
    /** @type {unknown[] | null} */
    this.shows = null; // what stands on the screen, as whoever draws notes it
    this.onZoom = () => {};
    this.press = (/** @type {MouseEvent} */ event) => { if (event.button === 0) this.held = true; };
    this.release = () => { this.held = false; };
    plot.addEventListener("pointerdown", this.press, true);
    plot.addEventListener("mousedown", this.press, true);
    addEventListener("pointerup", this.release, true);
    addEventListener("mouseup", this.release, true);
  }

  /**
   * Draws unless the user is dragging just now; says whether it did.
   * @param {Layout[]} data
   * @param {Layout} layout
   */
  async draw(data, layout) {
    if (this.held || this.closed) return false;
    for (const axis of this.zoomed) {
      if (layout[axis]) layout[axis].range = [...this.plot.layout[axis].range];
    }
    this.drawing = window.Plotly.react(this.plot, data, layout, this.config);
    await this.drawing;
    if (this.closed) return false;
    if (!this.listens) {
      this.listens = true;
      this.plot.on("plotly_relayout", (change) => this.note(change));
    }
    return true;
  }

  /**
   * A zoom by hand names "xaxis.range[0]"; Plotly.react tells of its own as "xaxis.range".
   * @param {Record<string, unknown>} change
   */
  note(change) {
    for (const key of Object.keys(change)) {
      const [axis, what] = key.split(".");
      if (!/^[xy]axis\d*$/.test(axis)) continue;
      if (what === "autorange") this.zoomed.delete(axis);
      else if (what?.startsWith("range[")) this.zoomed.add(axis);
    }
    this.shows = null;
    this.onZoom();
  }

  /**
   * Is this what stands on the screen already? Else it is from now on.
   * @param {unknown[]} parts
   */
  isDrawn(parts) {
    const same = this.shows?.every((part, i) => part === parts[i]) ?? false;
    if (!same) this.shows = parts;
    return same;
  }

  /** Takes the curves away and leaves the axes: another run is about to come. */
  empty() {
    this.forget();
    if (this.listens) window.Plotly.react(this.plot, [], this.plot.layout, this.config);
  }

  forget() {
    this.shows = null;
    this.zoomed.clear();
  }

  close() {
    removeEventListener("pointerup", this.release, true);
    removeEventListener("mouseup", this.release, true);
    this.closed = true; // a plot that is purged while it is drawn makes Plotly throw
    const purge = () => window.Plotly?.purge(this.plot);
    this.drawing.then(purge, purge);
  }
}

/** Room above the plot for the toolbar: it must not lie on the newest points. */
export const TOOLBAR_PX = 30;

/**
 * @param {Theme} theme
 * @param {Size} size
 * @param {{l: number, r: number, t: number, b: number}} margin
 * @returns {Layout}
 */
export function baseLayout(theme, size, margin) {
  const font = { family: theme.family, size: size.font, color: theme.text };
  return {
    width: size.width,
    height: size.height,
    margin,
    font,
    paper_bgcolor: theme.card,
    plot_bgcolor: theme.card,
    showlegend: false,
    hovermode: "closest",
    dragmode: "zoom",
    uirevision: "keep",
    transition: { duration: 0 },
    hoverlabel: {
      bgcolor: theme.background,
      bordercolor: theme.grid,
      font: { ...font, size: size.font * 0.95 },
      align: "left",
    },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: theme.muted, activecolor: theme.text },
  };
}

/**
 * @param {Theme} theme
 * @param {Size} size
 * @param {string} title
 * @param {Layout} more
 * @returns {Layout}
 */
export function axis(theme, size, title, more) {
  return {
    title: { text: title, font: { size: size.font, color: theme.muted }, standoff: 8 },
    gridcolor: theme.grid,
    zeroline: false,
    ticks: "",
    tickfont: { size: size.font * 0.92, color: theme.text },
    autorange: false,
    fixedrange: false,
    uirevision: false, // Chart keeps what was zoomed; everything else is kept by Plotly
    ...more,
  };
}

/**
 * At most about `most` ticks at whole powers of ten; `place` puts an exponent on the axis.
 * @param {number[]} range
 * @param {number} most
 * @param {(exponent: number) => number} place
 */
export function powerTicks([low, high], most, place = (at) => at) {
  const apart = Math.max(1, Math.ceil((high - low) / most));
  const marks = [];
  for (let at = Math.ceil(low / apart) * apart; at <= high; at += apart) marks.push(at);
  return {
    tickmode: "array",
    tickvals: marks.map(place),
    ticktext: marks.map((at) => (at ? `10<sup>${String(at).replace("-", "−")}</sup>` : "1")),
  };
}

/** Bounds that only grow: a chart that is being watched does not jump. */
export class Bounds {
  constructor() {
    this.low = Infinity;
    this.high = -Infinity;
    this.lost = false; // was there a value that the axis cannot hold?
  }

  /**
   * @param {number} low
   * @param {number} high
   */
  grow(low, high) {
    if (low < this.low) this.low = low;
    if (high > this.high) this.high = high;
    return this.low <= this.high ? [this.low, this.high] : [0, 1];
  }
}
