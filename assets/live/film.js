// A replay as a film: every picture is drawn here, by what draws the charts on the screen. MP4 is
// encoded by the browser itself (WebCodecs).

import { GifWriter } from "./gif.js";
import { encoderFor, Mp4Writer } from "./mp4.js";
import { speedText } from "./replay.js";
import { chartFigure, imageOf, netsPicture, svgBlob, blobOf } from "./slides.js";
import { pen } from "./theme.js";

/** @import { CardName } from "./cards.js" */
/** @import { Painter } from "./painter.js" */

/** @typedef {"gif" | "mp4"} FilmKind */

/**
 * @typedef {object} FilmWish
 * @property {AbortSignal} [signal]
 * @property {(share: number) => void} [progress]
 * @property {number} [seconds]  that it lasts
 */

/**
 * What writes pictures into a file.
 * @typedef {object} Writer
 * @property {(canvas: HTMLCanvasElement, at_s: number) => Promise<void>} add
 * @property {() => Promise<Blob>} end
 * @property {() => void} close
 */

const SIZES = { gif: [960, 540], mp4: [1280, 720] }, PER_S = { gif: 10, mp4: 25 };
const LASTS_S = 8, HOLD_S = 1.5, PATIENCE_MS = 1000, EDGE_PX = 16, MOST_NETS = 0.56, UNIT_PX = 26;

/**
 * The whole run as a film. Throws one sentence where this browser cannot make one.
 * @param {Painter} painter
 * @param {FilmKind} kind
 * @param {FilmWish} wish
 */
export async function makeFilm(painter, kind, { signal, progress, seconds = LASTS_S } = {}) {
  const history = painter.run?.history, last = history?.step ?? -1;
  if (!history || last < 1) throw new Error("There is nothing to replay yet.");
  const canvas = document.createElement("canvas"), [width, height] = SIZES[kind];
  Object.assign(canvas, { width, height });
  canvas.getContext("2d", { willReadFrequently: kind === "gif" });
  const pictures = Math.max(2, Math.min(last + 1, Math.round(seconds * PER_S[kind])));
  const each_s = seconds / pictures;
  const writer = await (kind === "gif" ? gifWriter(canvas) : mp4Writer(canvas, each_s));
  try {
    for (let i = 0; i < pictures; i += 1) {
      signal?.throwIfAborted();
      const step = Math.round((i * last) / (pictures - 1));
      await exact(painter, step);
      await drawPicture(painter, canvas, step, seconds);
      await writer.add(canvas, i === pictures - 1 ? HOLD_S : each_s);
      progress?.((i + 1) / pictures);
    }
    return await writer.end();
  } finally {
    writer.close();
  }
}

/**
 * Waits until the profile of a step is here, or it is plain that it does not come.
 * @param {Painter} painter
 * @param {number} step
 */
async function exact(painter, step) {
  const { run } = painter, { history } = run ?? {};
  if (!run || !history || step >= history.step) return;
  run.exactly(step);
  const until = performance.now() + PATIENCE_MS;
  while (!history.exact.has(step) && performance.now() < until) {
    await new Promise((again) => { setTimeout(again, 4); });
  }
}

/**
 * One picture: the step, the charts and, as high as they are, the nets.
 * @param {Painter} painter
 * @param {HTMLCanvasElement} canvas
 * @param {number} step
 * @param {number} seconds
 */
async function drawPicture(painter, canvas, step, seconds) {
  const { theme } = painter.view, ink = pen(canvas), { width, height } = canvas;
  const unit = height / 720, top = Math.round(56 * unit), font = Math.round(17 * unit);
  ink.fillStyle = theme.background;
  ink.fillRect(0, 0, width, height);
  drawHead(painter, ink, { step, seconds, unit });
  const { graph } = painter.page, left = height - top - EDGE_PX;
  const nets = graph && netsPicture(graph, {
    width: width - 2 * EDGE_PX, height: 0, font, unit: Math.round(UNIT_PX * unit),
  }, painter.run?.history?.profile(step));
  const tall = Number(nets?.getAttribute("height") ?? 0), most = left * MOST_NETS;
  const scale = Math.min(1, most / Math.max(tall, 1));
  const high = Math.floor(left - (nets ? tall * scale + EDGE_PX : 0));
  await drawCharts(painter, ink, step, { top, high, width, font });
  if (!nets) return;
  const wide = (width - 2 * EDGE_PX) * scale;
  ink.drawImage(await imageOf(svgBlob(nets)), (width - wide) / 2, top + high + EDGE_PX, wide,
    tall * scale);
}

/**
 * Loss and profile beside each other, those of them that the page has.
 * @param {Painter} painter
 * @param {CanvasRenderingContext2D} ink
 * @param {number} step
 * @param {{top: number, high: number, width: number, font: number}} room
 */
async function drawCharts(painter, ink, step, { top, high, width, font }) {
  const names = /** @type {CardName[]} */ (["loss", "profile"]).filter((name) =>
    painter.page.cards[name]);
  const wide = Math.floor((width - EDGE_PX) / Math.max(1, names.length)) - EDGE_PX;
  await Promise.all(names.map(async (name, i) => {
    const figure = chartFigure(painter, name, { width: wide, height: high, font }, step);
    if (!figure) return;
    const said = await window.Plotly.toImage(figure, { format: "svg", width: wide, height: high });
    ink.drawImage(await imageOf(blobOf(said)), EDGE_PX + i * (wide + EDGE_PX), top);
  }));
}

/**
 * The step, and how fast the film goes.
 * @param {Painter} painter
 * @param {CanvasRenderingContext2D} ink
 * @param {{step: number, seconds: number, unit: number}} about
 */
function drawHead({ view, page, run }, ink, { step, seconds, unit }) {
  const { theme } = view, { replay } = page.replay, { status } = run ?? {};
  const last = run?.history?.step ?? 0, base = 36 * unit;
  ink.font = `700 ${Math.round(22 * unit)}px ${theme.family}`;
  ink.fillStyle = theme.text;
  const says = `step ${step} of ${last}`;
  ink.fillText(says, EDGE_PX, base);
  const speed = replay.rate > 0 ? Number((replay.alone_s / seconds).toPrecision(2)) : 0;
  const who = status?.machine ?? String(status?.device ?? "").toUpperCase();
  if (!speed || !who) return;
  const right = ink.measureText(`step ${last} of ${last}`).width + 3 * EDGE_PX;
  ink.font = `${Math.round(18 * unit)}px ${theme.family}`;
  ink.fillStyle = theme.muted;
  ink.fillText(`replayed at ${speedText(speed)} the speed at which ${who} trained it`, right, base);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {Writer}
 */
function gifWriter({ width, height }) {
  const file = new GifWriter(width, height);
  return {
    add: async (canvas, lasts_s) => {
      file.add(pen(canvas).getImageData(0, 0, width, height).data, lasts_s);
    },
    end: async () => file.end(),
    close: () => undefined,
  };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} each_s
 * @returns {Promise<Writer>}
 */
async function mp4Writer({ width, height }, each_s) {
  if (!("VideoEncoder" in window)) {
    throw new Error("This browser encodes no video: take the GIF, or open the run in a newer one.");
  }
  const config = await encoderFor(width, height, Math.max(1, Math.round(1 / each_s)));
  if (!config) throw new Error("This browser has no encoder for MP4: take the GIF.");
  return new Mp4Writer(config);
}
