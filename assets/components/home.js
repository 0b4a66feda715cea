// A script, not a module: it stands before the text of each component that fetches its own module.

/**
 * The address of the app, with a slash at the end: whatever stands before this server.
 * @param {string} base  the path below which the app is served, without slashes; mostly empty
 */
// eslint-disable-next-line no-unused-vars
function homeOf(base) {
  /** @type {HTMLScriptElement | null} */
  const script = document.querySelector('script[src*="static/js/"]');
  const near = new URL("./", document.baseURI).pathname;
  const path = base ? `/${base}/` :
    script ? new URL(script.src).pathname.replace(/static\/js\/.*$/, "") : near;
  return new URL(path, location.origin).href;
}
