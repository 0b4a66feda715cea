// The live charts of the run on the wall, in a frame that is loaded on a tap. They go where the
// lecturer goes, run and step; whoever looks around on his own comes back with one tap. With
// #follow in the address they open by themselves.

/** @import { View } from "./ballot.js" */

/** The place of the charts on the phones' page. */
export class Charts {
  /**
   * @param {object} parts
   * @param {HTMLElement} parts.root
   * @param {HTMLElement} parts.open  the button that opens and closes them
   * @param {HTMLElement} parts.back  the button that leads back to the lecturer
   * @param {string} parts.home  the page's own address
   */
  constructor({ root, open, back, home }) {
    this.root = root;
    this.opener = open;
    this.back = back;
    this.home = home;
    /** @type {View | null} */
    this.view = null;
    /** @type {View | null} what is shown to whoever looks around on his own */
    this.left = null;
    this.turn = 0;
    this.opened = location.hash === "#follow";
    /** @type {HTMLIFrameElement | null} */
    this.frame = null;
    this.ready = false;
    open.addEventListener("click", () => { this.opened = !this.opened; this.draw(); });
    back.addEventListener("click", () => this.comeBack());
    addEventListener("message", (event) => this.hear(event));
  }

  /** @param {View | null} view */
  show(view) {
    this.view = view;
    this.draw();
  }

  comeBack() {
    this.left = null;
    this.turn += 1;
    this.draw();
    this.opener.focus();
  }

  /** @param {MessageEvent} event */
  hear({ origin, source, data }) {
    if (!this.frame || origin !== location.origin || source !== this.frame.contentWindow) return;
    if (!data) return;
    if (data.height) this.frame.style.height = `${data.height}px`;
    if (data.ready) this.ready = true;
    if (data.chosen) this.left = this.left || this.view;
    if (data.ready || data.chosen) this.draw();
  }

  draw() {
    const view = this.left || this.view, there = view !== null && view.run !== "";
    const seen = there && this.opened;
    this.opener.hidden = !there;
    this.opener.textContent = seen ? "Close the live charts" : "Open the live charts";
    this.opener.setAttribute("aria-expanded", String(seen));
    this.back.hidden = !seen || this.left === null;
    this.root.hidden = !seen;
    document.body.classList.toggle("charts", seen);
    if (!seen && this.frame) {
      this.frame.remove();
      this.frame = this.left = null;
      this.ready = false;
    }
    if (seen && !this.frame) this.load();
    if (seen && this.frame && this.frame.contentWindow && this.ready) {
      const step = this.left || !view ? undefined : view.step;
      this.frame.contentWindow.postMessage({ view, step, turn: this.turn }, location.origin);
    }
  }

  load() {
    this.frame = document.createElement("iframe");
    this.frame.title = "Live charts";
    this.frame.src = `${this.home}/charts`;
    this.root.append(this.frame);
  }
}
