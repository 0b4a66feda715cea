// What is open over the page: Esc closes it, and reaches no button then.

const MODAL = '[data-testid="stDialog"], [role=dialog][aria-modal=true]';
const OPEN = `${MODAL}, [data-testid="stPopoverBody"], [role=dialog], [role=menu], [role=listbox],` +
  " [role=tooltip]";

/** @param {Element} element */
function isSeen(element) {
  return element.checkVisibility?.({ visibilityProperty: true, opacityProperty: true }) ?? true;
}

/**
 * Did Streamlit lay this chart or graph over the whole page?
 * @param {Element} frame
 */
function isOverAll(frame) {
  return getComputedStyle(frame).position === "fixed";
}

/** Is a dialog, a menu, a list or a help bubble seen now, or the whole screen taken? */
export function isAnythingOpen() {
  return Boolean(document.fullscreenElement) ||
    [...document.querySelectorAll('[data-testid="stFullScreenFrame"]')].some(isOverAll) ||
    [...document.querySelectorAll(OPEN)].some(isSeen);
}

/** Is there a dialog that has to be answered before anything else? */
export function hasModal() {
  return [...document.querySelectorAll(MODAL)].some(isSeen);
}
