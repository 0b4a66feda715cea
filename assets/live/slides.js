// Every figure as a picture for slides: 16 to 9, large type, its title above it. PNG is 1920 × 1080.

import { CellMap } from "./cellmap.js";
import { MAPS } from "./gatemaps.js";
import { NetDrawing, svg } from "./netdrawing.js";
import { pen } from "./theme.js";

/** @import { CardName } from "./cards.js" */
/** @import { Layout, Size } from "./chart.js" */
/** @import { GatesPanel } from "./gates.js" */
/** @import { GraphPanel } from "./livegraph.js" */
/** @import { Profile } from "./messages.js" */
/** @import { Painter } from "./painter.js" */
/** @import { Theme } from "./theme.js" */

/** @typedef {"png" | "svg"} PictureKind */

export const SLIDE = { width: 960, height: 540, font: 20 };
const SCALE = 2, TITLE_PX = 46, EDGE_PX = 24;

/**
 * A chart, drawn for a size in pixels; null while there is nothing to draw.
 * @param {Painter} painter
 * @param {CardName} name
 * @param {Size} size
 * @param {number | null} [step]  as it was at this step; null: as it stands on the screen
 * @returns {{data: Layout[], layout: Layout} | null}
 */
export function chartFigure(painter, name, size, step = null) {
  const top = Math.round((TITLE_PX * size.font) / SLIDE.font);
  const room = { ...size, height: size.height - top };
  let drawn = painter.drawn(name, room, step);
  // Several heat maps stand in rows, each as high as was asked for.
  const rows = drawn ? Math.round(drawn.layout.height / room.height) : 1;
  if (rows > 1) drawn = painter.drawn(name, { ...room, height: room.height / rows }, step);
  if (!drawn) return null;
  const { traces: data, layout } = drawn, { chart } = painter.page.cards[name] ?? {};
  if (step === null) {
    chart?.zoomed.forEach((axis) => {
      if (layout[axis]) layout[axis].range = [...chart.plot.layout[axis].range];
    });
  }
  layout.width = size.width;
  layout.height = size.height;
  layout.margin = { ...layout.margin, t: layout.margin.t + top };
  const title = painter.page.titleOf(name, Boolean(painter.run?.history?.evaluated));
  layout.title = {
    text: `<b>${title}</b>`, x: 0.02, xanchor: "left", y: 1 - 0.6 * (top / size.height),
    yanchor: "middle", font: { size: size.font * 1.2 },
  };
  return { data, layout };
}

/**
 * @param {Painter} painter
 * @param {CardName} name
 * @param {PictureKind} kind
 */
export async function chartPicture(painter, name, kind) {
  const figure = chartFigure(painter, name, SLIDE);
  if (!figure) return null;
  const { width, height } = SLIDE, scale = kind === "png" ? SCALE : 1;
  return blobOf(await window.Plotly.toImage(figure, { format: kind, width, height, scale }));
}

/**
 * The nets in their colours of now, below a title.
 * @param {GraphPanel} panel
 * @param {Size & {unit?: number}} size  the picture is as wide; higher where its lanes are
 * @param {Profile | null} [then]  what they show; default: what is on the screen
 * @returns {SVGSVGElement | null}
 */
export function netsPicture(panel, size, then) {
  const { drawing, history } = panel, shown = then ?? panel.shown;
  if (!drawing || !shown || !history) return null;
  const { theme } = drawing.plan, top = Math.round((TITLE_PX * size.font) / SLIDE.font);
  const large = new NetDrawing({
    ...drawing.plan, width: size.width - 2 * EDGE_PX, font: size.font, id: `${panel.id}-slide`,
    unit: size.unit,
  });
  panel.colour(large, history, shown);
  const height = Math.max(size.height, large.height + top);
  const page = sheet({ ...size, height }, theme, panel.heading.textContent ?? "");
  large.root.setAttribute("x", String(EDGE_PX));
  large.root.setAttribute("y", String(top + Math.max(0, (height - top - large.height) / 2)));
  page.append(large.root);
  return page;
}

/**
 * An empty picture with a title.
 * @param {Size} size
 * @param {Theme} theme
 * @param {string} title
 */
function sheet({ width, height, font }, theme, title) {
  const page = svg("svg", {
    xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}`,
    "font-family": theme.family, fill: theme.text,
  });
  page.append(
    svg("rect", { width, height, fill: theme.card }),
    svg("text", {
      x: EDGE_PX, y: font * 1.7, "font-size": font * 1.2, "font-weight": 700,
    }, title),
  );
  return page;
}

/**
 * The four maps of a gates' panel, two by two.
 * @param {GatesPanel} panel
 * @returns {SVGSVGElement | null}
 */
export function gatesPicture(panel) {
  const { theme } = panel.view, { width, height, font } = SLIDE;
  if (!panel.shown) return null;
  const page = sheet(SLIDE, theme, panel.title), wide = (width - 3 * EDGE_PX) / 2;
  const high = (height - TITLE_PX - EDGE_PX) / 2;
  panel.maps.forEach((map, i) => {
    const left = EDGE_PX + (i % 2) * (wide + EDGE_PX), top = TITLE_PX + Math.floor(i / 2) * high;
    const values = panel.shown?.[MAPS[i]] ?? null;
    if (!map.laid) return;
    const large = new CellMap(MAPS[i], () => {});
    large.lay({
      ...map.laid, width: wide * SCALE, height: (high - font * 1.3) * SCALE, first: true,
      theme: { ...theme, size: font * SCALE },
    });
    large.show(values, panel.order, "");
    const whole = document.createElement("canvas");
    Object.assign(whole, { width: large.frame.width, height: large.frame.height });
    for (const layer of [large.frame, large.heat]) pen(whole).drawImage(layer, 0, 0);
    page.append(
      svg("text", { x: left, y: top + font, "font-size": font * 0.9, "font-weight": 700 },
        `${map.laid.title}${map.laid.note}${values ? "" : `: ${map.vacant.textContent}`}`),
      svg("image", {
        x: left, y: top + font * 1.3, width: large.size.width / SCALE,
        height: large.size.height / SCALE, href: whole.toDataURL("image/png"),
      }),
    );
  });
  return page;
}

/**
 * An SVG as a file.
 * @param {SVGSVGElement | null} page
 * @param {PictureKind} kind
 */
export async function svgPicture(page, kind) {
  if (!page) return null;
  const blob = svgBlob(page);
  if (kind === "svg") return blob;
  const width = Number(page.getAttribute("width")), height = Number(page.getAttribute("height"));
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: width * SCALE, height: height * SCALE });
  pen(canvas).drawImage(await imageOf(blob), 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob((png) => done(png), "image/png"));
}

/** @param {SVGSVGElement} page */
export function svgBlob(page) {
  return new Blob([new XMLSerializer().serializeToString(page)],
    { type: "image/svg+xml;charset=utf-8" });
}

/**
 * A picture that can be drawn on a canvas.
 * @param {Blob} blob
 */
export async function imageOf(blob) {
  const image = new Image(), address = URL.createObjectURL(blob);
  image.src = address;
  try { await image.decode(); } finally { URL.revokeObjectURL(address); }
  return image;
}

/**
 * The bytes of a data: address.
 * @param {string} address
 */
export function blobOf(address) {
  const [head, ...rest] = address.split(","), body = rest.join(",");
  const type = head.slice("data:".length).replace(";base64", "");
  if (!head.endsWith(";base64")) return new Blob([decodeURIComponent(body)], { type });
  return new Blob([Uint8Array.from(atob(body), (sign) => sign.charCodeAt(0))], { type });
}

/**
 * Hands a file to whoever asked for it.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
