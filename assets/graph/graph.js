// Makes the graph that Streamlit drew one to work with: pan, zoom, clicks on units, downloads.
// The SVG is Streamlit's own and is drawn anew whenever the graph changes; this only decorates it.

/**
 * What the server says of a graph.
 * @typedef {object} GraphData
 * @property {string} chart  the key of the container that Streamlit draws the graph in
 * @property {string} name  of the files that can be downloaded
 * @property {string} dot  the graph's source
 * @property {Record<string, string>} targets  what can be clicked, and what a click does, in words
 */

/** @typedef {[x: number, y: number, width: number, height: number]} ViewBox */

/** @type {WeakMap<Element, Chart>} */
const charts = new WeakMap();
const STEP = 1.25, SLACK_PX = 4;

/**
 * @param {object} component  as Streamlit hands it
 * @param {HTMLElement} component.parentElement
 * @param {GraphData} component.data
 * @param {(name: string, value: string) => void} component.setTriggerValue
 */
export default function ({ parentElement, data, setTriggerValue }) {
  const bar = /** @type {HTMLElement} */ (parentElement.querySelector(".sk-bar"));
  const chart = charts.get(bar) ?? new Chart(bar);
  charts.set(bar, chart);
  chart.update(data, (id) => setTriggerValue("clicked", id));
  return () => { charts.get(bar)?.close(); charts.delete(bar); };
}

class Chart {
  /** @param {HTMLElement} bar */
  constructor(bar) {
    this.bar = bar;
    /** @type {GraphData} */
    this.data = { chart: "", name: "", dot: "", targets: {} };
    /** @type {(id: string) => void} */
    this.pick = () => {};
    this.stale = true;
    this.marks = 0;
    this.moved = false;
    /** @type {Element | null} */
    this.home = null;
    /** @type {SVGSVGElement | null} */
    this.svg = null;
    this.shown = ""; // the viewBox as it was written
    /** @type {ViewBox} */
    this.natural = [0, 0, 1, 1]; // all of the graph
    this.view = this.natural;
    this.observer = new MutationObserver(() => this.attach());
    /** @type {Record<string, () => void>} */
    const does = { in: () => this.zoom(1 / STEP), out: () => this.zoom(STEP), fit: () => this.fit() };
    for (const button of bar.querySelectorAll("button")) {
      const act = button.dataset.act ?? "";
      button.onclick = does[act] ?? (() => this.save(act));
    }
  }

  /**
   * @param {GraphData} data
   * @param {(id: string) => void} pick
   */
  update(data, pick) {
    this.data = data;
    this.pick = pick;
    this.stale = true;
    const home = document.querySelector(`.st-key-${data.chart}`);
    if (home && home !== this.home) {
      this.home = home;
      this.observer.disconnect();
      const attributeFilter = ["viewBox", "class"];
      this.observer.observe(home, { childList: true, subtree: true, attributeFilter });
    }
    this.attach();
  }

  close() { this.observer.disconnect(); }

  /** Decorates the SVG. Streamlit draws it anew, in place, whenever the graph has changed. */
  attach() {
    /** @type {SVGSVGElement | null | undefined} */
    const svg = this.home?.querySelector("svg:has(g.graph)");
    if (!svg) return;
    const drawn = svg !== this.svg || svg.getAttribute("viewBox") !== this.shown;
    if (!drawn && !this.stale && svg.querySelectorAll(".sk-click").length === this.marks) return;
    this.svg = svg;
    this.stale = false;
    this.listen(svg);
    const parts = [...svg.querySelectorAll("g.node, g.cluster")];
    this.marks = parts.filter((part) => this.mark(part)).length;
    this.bar.dataset.marks = String(this.marks);
    if (!drawn) return;
    const [x, y, width, height] = (svg.getAttribute("viewBox") ?? "").split(/[ ,]+/).map(Number);
    this.natural = [x, y, width, height];
    this.fit();
  }

  /** @param {Element} part */
  mark(part) {
    const says = this.data.targets[idOf(part)];
    part.classList.toggle("sk-click", Boolean(says));
    if (!says) return false;
    part.setAttribute("role", "button");
    part.setAttribute("aria-label", says);
    if (part.matches(".node")) part.setAttribute("tabindex", "0");
    return true;
  }

  /** @param {SVGSVGElement} svg */
  listen(svg) {
    svg.setAttribute("tabindex", "0");
    svg.classList.add("sk-graph");
    svg.onpointerdown = (event) => this.grab(svg, event);
    svg.onclick = (event) => { if (!this.moved) this.open(event.target); };
    svg.onkeydown = (event) => this.key(event);
    svg.onwheel = (event) => this.wheel(svg, event);
  }

  /** @param {EventTarget | null} target */
  open(target) {
    const part = target instanceof Element && target.closest("g.sk-click");
    if (part) this.pick(idOf(part));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const [, , w, h] = this.view;
    /** @type {Record<string, [dx: number, dy: number]>} */
    const moves = { ArrowLeft: [-w / 10, 0], ArrowRight: [w / 10, 0], ArrowUp: [0, -h / 10],
      ArrowDown: [0, h / 10] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) this.move(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(1 / STEP);
    else if (event.key === "-") this.zoom(STEP);
    else if (event.key === "0") this.fit();
    else if (event.key === "Enter" || event.key === " ") this.open(event.target);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * The wheel scrolls the page until the graph was clicked, or with Ctrl held.
   * @param {SVGSVGElement} svg
   * @param {WheelEvent} event
   */
  wheel(svg, event) {
    if (!event.ctrlKey && !svg.contains(document.activeElement)) return;
    event.preventDefault();
    this.zoom(event.deltaY > 0 ? 1.1 : 1 / 1.1, pointOf(svg, event));
  }

  /**
   * @param {SVGSVGElement} svg
   * @param {PointerEvent} event
   */
  grab(svg, event) {
    if (event.button) return;
    this.moved = false;
    const from = pointOf(svg, event), start = [event.clientX, event.clientY];
    svg.onpointermove = (to) => {
      const far = Math.hypot(to.clientX - start[0], to.clientY - start[1]) > SLACK_PX;
      if (!this.moved && !far) return;
      if (!this.moved) svg.setPointerCapture(event.pointerId);
      this.moved = true;
      const now = pointOf(svg, to);
      this.move(from.x - now.x, from.y - now.y);
    };
    svg.onpointerup = svg.onpointercancel = () => { svg.onpointermove = null; };
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  move(dx, dy) {
    const [x, y, w, h] = this.view;
    this.show([x + dx, y + dy, w, h]);
  }

  /**
   * @param {number} factor
   * @param {DOMPoint} [at]  what stays where it is; default: the middle
   */
  zoom(factor, at) {
    const [x, y, w, h] = this.view, most = this.natural[2] * 2;
    const wide = Math.min(most, Math.max(this.natural[2] / 20, w * factor)), real = wide / w;
    const { x: cx, y: cy } = at ?? { x: x + w / 2, y: y + h / 2 };
    this.show([cx - (cx - x) * real, cy - (cy - y) * real, wide, h * real]);
  }

  fit() { this.show(this.natural); }

  /** @param {ViewBox} view */
  show(view) {
    this.view = view;
    this.shown = view.map((value) => value.toFixed(2)).join(" ");
    this.svg?.setAttribute("viewBox", this.shown);
  }

  /** @param {string} kind  svg, png or dot */
  async save(kind) {
    const text = kind === "dot" ? this.data.dot : this.text();
    const type = kind === "dot" ? "text/vnd.graphviz" : "image/svg+xml";
    let blob = new Blob([text], { type: `${type};charset=utf-8` });
    if (kind === "png") blob = await raster(blob, this.natural);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${this.data.name}.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  /** The whole graph as a file of its own, on the page's ground. */
  text() {
    if (!this.svg) return "";
    const copy = /** @type {SVGSVGElement} */ (this.svg.cloneNode(true));
    const [x, y, w, h] = this.natural;
    for (const name of ["class", "style", "tabindex"]) copy.removeAttribute(name);
    const size = { viewBox: this.natural.join(" "), width: w, height: h };
    for (const [name, value] of Object.entries(size)) copy.setAttribute(name, String(value));
    const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const fill = getComputedStyle(this.bar).getPropertyValue("--st-background-color") || "#fff";
    for (const [name, value] of Object.entries({ x, y, width: w, height: h, fill }))
      ground.setAttribute(name, String(value));
    copy.prepend(ground);
    return new XMLSerializer().serializeToString(copy);
  }
}

/**
 * Where the pointer is, in the graph's own units.
 * @param {SVGSVGElement} svg
 * @param {MouseEvent} event
 */
function pointOf(svg, event) {
  const at = new DOMPoint(event.clientX, event.clientY);
  return at.matrixTransform(svg.getScreenCTM()?.inverse());
}

/**
 * Graphviz says in the title which node or frame of the graph a group is.
 * @param {Element} part
 */
function idOf(part) { return part.querySelector(":scope > title")?.textContent ?? ""; }

/**
 * The picture at three times its size, for slides.
 * @param {Blob} blob
 * @param {ViewBox} natural
 * @returns {Promise<Blob>}
 */
async function raster(blob, [, , w, h]) {
  const url = URL.createObjectURL(blob), image = new Image();
  image.src = url;
  await image.decode();
  URL.revokeObjectURL(url);
  const canvas = Object.assign(document.createElement("canvas"), { width: w * 3, height: h * 3 });
  canvas.getContext("2d")?.drawImage(image, 0, 0, w * 3, h * 3);
  return new Promise((done, fail) => canvas.toBlob((png) =>
    (png ? done(png) : fail(new Error("This browser makes no PNG."))), "image/png"));
}
