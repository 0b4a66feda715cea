// What is open over the page: Esc closes it, and reaches no button then.

const MODAL = '[data-testid="stDialog"], [role=dialog][aria-modal=true]';
const OPEN = `${MODAL}, [data-testid="stPopoverBody"], [role=dialog], [role=menu], [role=listbox],` +
  ' [role=tooltip], [data-testid="stFullScreenFrame"]:fullscreen';

function isSeen(element) {
  return element.checkVisibility?.({ visibilityProperty: true, opacityProperty: true }) ?? true;
}

/** Every dialog, menu, list and help bubble that is seen now. */
export function openNow() {
  return [...document.querySelectorAll(OPEN)].filter(isSeen);
}

/** Is there a dialog that has to be answered before anything else? */
export function hasModal() {
  return [...document.querySelectorAll(MODAL)].some(isSeen);
}

/** Closes what is still open of these a moment later: most close themselves. */
export function closeOpen(before) {
  setTimeout(() => before.filter((one) => one.isConnected && isSeen(one)).forEach(close), 100);
}

/** As the mouse would: it leaves what has a bubble, and presses somewhere else. */
function close(element) {
  const owner = document.querySelector(`[aria-describedby~="${CSS.escape(element.id || "-")}"]`);
  for (const type of ["pointerout", "pointerleave", "mouseout", "mouseleave", "blur"]) {
    owner?.dispatchEvent(new PointerEvent(type, { bubbles: !type.endsWith("leave") }));
  }
}
