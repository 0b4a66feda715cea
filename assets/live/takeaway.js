// What is taken away of the charts: each as a picture for slides, a replay of all as a film.

import { element } from "./cards.js";
import { makeFilm } from "./film.js";
import { chartPicture, gatesPicture, netsPicture, save, SLIDE, svgPicture } from "./slides.js";

/** @import { CardName } from "./cards.js" */
/** @import { FilmKind } from "./film.js" */
/** @import { GatesPanel } from "./gates.js" */
/** @import { Painter } from "./painter.js" */
/** @import { PictureKind } from "./slides.js" */

/** @type {PictureKind[]} */
const PICTURES = ["png", "svg"];
/** @type {[FilmKind, string][]} */
const FILMS = [["gif", "GIF"], ["mp4", "MP4"]];

/**
 * The buttons under a figure.
 * @param {string} what  the figure, in words
 * @param {(kind: PictureKind) => Promise<Blob | null>} make
 * @param {() => string} name  of the file, without its ending
 */
export function pictureButtons(what, make, name) {
  const box = element("div", { class: "sv-take" });
  for (const kind of PICTURES) {
    const button = element("button", {
      type: "button", class: "sv-follow", "aria-label": `${what} as ${kind.toUpperCase()}`,
      title: `For slides: 1920 × 1080, large type, as ${kind.toUpperCase()}`,
      onclick: async () => {
        button.disabled = true;
        const blob = await make(kind).catch((error) => { console.error(error); return null; });
        button.disabled = false;
        if (blob) save(blob, `${name()}.${kind}`);
      },
    }, kind.toUpperCase());
    box.append(button);
  }
  return box;
}

/**
 * @param {Painter} painter
 * @param {CardName} name
 */
export function chartButtons(painter, name) {
  return pictureButtons(name, (kind) => chartPicture(painter, name, kind),
    () => `skipviz-${name}-${stepOf(painter)}`);
}

/** @param {Painter} painter */
export function netsButtons(painter) {
  return pictureButtons("nets", (kind) => {
    const { graph } = painter.page;
    return svgPicture(graph && netsPicture(graph, SLIDE), kind);
  }, () => `skipviz-nets-${stepOf(painter)}`);
}

/**
 * @param {Painter} painter
 * @param {GatesPanel} panel
 */
export function gatesButtons(painter, panel) {
  return pictureButtons(panel.title, (kind) => svgPicture(gatesPicture(panel), kind),
    () => `skipviz-gates-${stepOf(painter)}`);
}

/** @param {Painter} painter */
function stepOf(painter) {
  return `step-${painter.page.root.dataset.step ?? 0}`;
}

/** The row that makes a film of the replay, and says how far it is. */
export class FilmRow {
  /** @param {Painter} painter */
  constructor(painter) {
    this.painter = painter;
    /** @type {AbortController | null} */
    this.making = null;
    this.buttons = FILMS.map(([kind, text]) => element("button", {
      type: "button", class: "sv-follow", title: `The replay as a film: ${text}`,
      onclick: () => this.make(kind),
    }, `Film: ${text}`));
    this.says = element("span", { role: "status" });
    this.stop = element("button", {
      type: "button", class: "sv-follow", hidden: "", onclick: () => this.making?.abort(),
    }, "Cancel");
    this.box = element("div", { class: "sv-take sv-film", hidden: "" },
      ...this.buttons, this.stop, this.says);
  }

  /** @param {boolean} there  is there a replay? */
  show(there) { this.box.hidden = !there; }

  /** @param {FilmKind} kind */
  async make(kind) {
    const making = this.making = new AbortController();
    this.buttons.forEach((button) => { button.disabled = true; });
    this.stop.hidden = false;
    try {
      const film = await makeFilm(this.painter, kind, {
        signal: making.signal,
        progress: (share) => { this.says.textContent = `drawing, ${Math.floor(100 * share)} %`; },
      });
      save(film, `skipviz-replay.${kind}`);
      this.says.textContent = "The film is in your downloads.";
    } catch (error) {
      this.says.textContent = making.signal.aborted ? "" : String(
        error instanceof Error ? error.message : error);
    }
    this.stop.hidden = true;
    this.buttons.forEach((button) => { button.disabled = false; });
  }
}
