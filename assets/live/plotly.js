// plotly.js, fetched once for a page.

/** @type {Promise<unknown> | null} */
let loaded = null;

/**
 * Done when `window.Plotly` is there.
 * @param {string} address
 */
export function loadPlotly(address) {
  loaded ??= new Promise((done, fail) => {
    if (window.Plotly) { done(null); return; }
    const script = document.createElement("script");
    document.head.append(Object.assign(script, { src: address, onload: done, onerror: fail }));
  });
  return loaded;
}
