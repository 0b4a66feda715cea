// What stands packed in a page that needs no server: text or bytes, compressed by gzip, as base64.

const TOO_OLD = "This browser cannot unpack what is in this page. Open it with Chrome 80, Safari 16.4"
  + " or Firefox 113, or a newer one.";

/** @type {Record<string, string>} */
const empty = {};

/** All that scripts of the page have brought, by name: skipvizPacked["run:ID"] = "H4sI…". */
export function packed() {
  return window.skipvizPacked ?? empty;
}

/**
 * @param {string} name
 * @returns {Promise<ArrayBuffer>} rejects with a sentence where it is not there or cannot be read
 */
export async function unpack(name) {
  const text = packed()[name];
  if (text === undefined) throw new Error(`The page is not whole: ${name} is missing.`);
  if (!("DecompressionStream" in window)) throw new Error(TOO_OLD);
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** @param {string} name */
export async function unpackText(name) {
  return new TextDecoder().decode(await unpack(name));
}
