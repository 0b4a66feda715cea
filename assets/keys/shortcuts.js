// What a key is called, whose it is, and the button that it presses.

/** @type {Record<string, string>} */
const SHOWN = { Escape: "Esc", Left: "←", Right: "→" };
/** @type {Record<string, string>} */
const NAMED = { ArrowLeft: "Left", ArrowRight: "Right", Escape: "Escape", Enter: "Enter" };
const MOVING = new Set(["Enter", "Left", "Right"]);
const CLICKED = new Set(["button", "checkbox", "color", "file", "image", "radio", "range", "reset",
  "submit"]); // kinds of <input> into which nobody types
const MOVED = "input, details, [role=slider], [role=radio], [role=tab], [role=menuitem]," +
  " [role=option], [role=grid], [role=tree], [role=switch]";
const PRESSED = "button, a[href], summary";

const isMac = /Mac|iP(hone|ad|od)/.test(navigator.platform);
/** @type {EventTarget | null} */
let byPointer = null; // what took the focus because it was clicked
let isPointing = false;

addEventListener("pointerdown", () => (isPointing = true), true);
addEventListener("keydown", () => (isPointing = false), true);
addEventListener("focusin", ({ target }) => (byPointer = isPointing ? target : null), true);

/**
 * A key as Streamlit's `shortcut=` names it.
 * @param {KeyboardEvent} event
 */
export function nameOf(event) {
  const key = NAMED[event.key] ?? (event.key ?? "").toUpperCase();
  const mod = isMac ? event.metaKey : event.ctrlKey;
  if (event.altKey || event.shiftKey || (isMac ? event.ctrlKey : event.metaKey)) return "";
  return mod ? `Mod+${key}` : key;
}

/**
 * A key as it stands on its button.
 * @param {string} name
 */
export function shownName(name) {
  const key = (name.split("+").pop() ?? "").trim();
  const shown = SHOWN[key] ?? key;
  return name.startsWith("Mod+") ? `${isMac ? "⌘" : "Ctrl"} + ${shown}` : shown;
}

/**
 * The button on which this key stands, if it is on the page.
 * @param {string} name
 */
export function buttonOf(name) {
  const signs = document.querySelectorAll(`button [aria-label="Shortcut ${shownName(name)}"]`);
  const buttons = [...signs].flatMap((sign) => sign.closest("button") ?? []);
  return buttons.find((button) => button.checkVisibility?.() ?? true) ?? null;
}

/**
 * Is this key the page's, and not that of a field, or of a control that has the focus?
 * @param {KeyboardEvent} event
 * @param {string} name
 */
export function isOurs(event, name) {
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return true;
  if (isTypedInto(target)) return name.startsWith("Mod+");
  if (!MOVING.has(name)) return true;
  // A switch that was clicked has no use for these; one that was come to by keys is left alone.
  if (target.matches("[type=checkbox]") && target === byPointer) return buttonOf(name) !== null;
  if (target.closest(MOVED)) return false;
  const control = target.closest(PRESSED);
  return name !== "Enter" || !control || (control === byPointer && buttonOf(name) !== null);
}

/** @param {Element} target */
function isTypedInto(target) {
  const field = target.closest("input, textarea, select, [contenteditable], [role=textbox]");
  if (!field || field.getAttribute("contenteditable") === "false") return false;
  return !(field instanceof HTMLInputElement) || !CLICKED.has(field.type);
}
