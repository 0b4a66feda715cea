// A question that is answered in this browser alone: what was predicted stands beside what came of
// it, and the figures are seen after the prediction.

/** Makes every question of the page work. */
export function askAll() {
  for (const form of document.querySelectorAll("form")) if (form.dataset.question) ask(form);
}

/** @param {HTMLFormElement} form */
function ask(form) {
  const key = `skipviz.predicted.${form.dataset.question}`;
  const hidden = document.getElementById(form.dataset.reveals ?? "");
  const show = (/** @type {string | null} */ choice) => {
    if (hidden) hidden.hidden = false;
    form.dataset.answered = choice ?? "none";
    compare(form, choice);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const choice = new FormData(form).get("choice");
    if (typeof choice !== "string") {
      say(form, "Choose one first, or look without predicting.");
      return;
    }
    remember(key, choice);
    show(choice);
  });
  form.querySelector("[data-look]")?.addEventListener("click", () => show(null));
  form.querySelector("[data-again]")?.addEventListener("click", () => {
    remember(key, null);
    form.reset();
    delete form.dataset.answered;
    if (hidden) hidden.hidden = true;
    say(form, "");
    form.querySelector("input")?.focus();
  });
  form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
  const before = remembered(key);
  const box = before === null ? null : form.querySelector(`input[value="${CSS.escape(before)}"]`);
  if (!(box instanceof HTMLInputElement)) return;
  box.checked = true;
  show(before);
}

/**
 * Says what was predicted and what these runs show.
 * @param {HTMLFormElement} form
 * @param {string | null} choice
 */
function compare(form, choice) {
  const { right = "" } = form.dataset;
  const words = (/** @type {string} */ value) => form.querySelector(
    `input[value="${CSS.escape(value)}"]`)?.closest("label")?.textContent?.trim() ?? "";
  if (!right) {
    say(form, choice === null ? "" : `You predicted: ${words(choice)}`);
    return;
  }
  const shown = `These runs show: ${words(right)}`;
  if (choice === null) say(form, shown);
  else if (choice === right) say(form, `You predicted what these runs show: ${words(right)}`);
  else say(form, `You predicted: ${words(choice)} ${shown}`);
}

/**
 * @param {HTMLFormElement} form
 * @param {string} sentence
 */
function say(form, sentence) {
  const line = form.querySelector("output");
  if (line) line.textContent = sentence;
}

/**
 * @param {string} key
 * @param {string | null} value
 */
function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch { /* private: for this page only */ }
}

/** @param {string} key */
function remembered(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}
