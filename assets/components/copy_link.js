// A button that copies the page's address.

/**
 * navigator.clipboard is there on https and on this machine alone; a hall's projector may well be
 * shown over plain http from another one, where the old way still works.
 * @param {string} text
 */
async function copy(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* the old way */ }
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

/**
 * @param {object} component  as Streamlit hands it
 * @param {HTMLElement} component.parentElement
 */
export default function ({ parentElement }) {
  const button = /** @type {HTMLButtonElement} */ (parentElement.querySelector(".sv-copy"));
  const word = /** @type {HTMLElement} */ (button.querySelector("span"));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later;
  button.onclick = async () => {
    const done = await copy(location.href);
    word.textContent = done ? "Copied" : "Copy it from the address bar";
    word.dataset.said = "";
    clearTimeout(later);
    later = setTimeout(() => { word.textContent = "Copy link"; delete word.dataset.said; }, 2500);
    button.focus();
  };
  button.setAttribute("aria-label", "Copy link");
  return () => clearTimeout(later);
}
