// Light or dark: as the system says, or as the viewer chose for this page and the next.

const KEPT = "skipviz.shade";
const system = matchMedia("(prefers-color-scheme: dark)");

/** @typedef {"light" | "dark"} Shade */

/** @returns {Shade} */
export function shade() {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "dark" || chosen === "light" ? chosen : system.matches ? "dark" : "light";
}

/**
 * Wears what was chosen before, and tells whoever draws when it becomes another.
 * @param {() => void} changed
 */
export function wearShade(changed) {
  const kept = remembered();
  if (kept) document.documentElement.dataset.theme = kept;
  system.addEventListener("change", changed);
  const button = document.querySelector("[data-shade]");
  const say = () => { if (button) button.textContent = shade() === "dark" ? "Light" : "Dark"; };
  button?.addEventListener("click", () => {
    wear(shade() === "dark" ? "light" : "dark");
    remember(shade());
    say();
    changed();
  });
  system.addEventListener("change", say);
  say();
}

/** @param {Shade | null} wanted  null: the system's */
export function wear(wanted) {
  if (wanted) document.documentElement.dataset.theme = wanted;
  else delete document.documentElement.dataset.theme;
}

/** @param {Shade} chosen */
function remember(chosen) {
  try { localStorage.setItem(KEPT, chosen); } catch { /* private: for this page only */ }
}

function remembered() {
  try {
    const kept = localStorage.getItem(KEPT);
    return kept === "dark" || kept === "light" ? kept : null;
  } catch { return null; }
}
