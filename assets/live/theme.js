// Colours and type, from Streamlit's own variables: read again whenever the page's theme changes.

const DASHES = ["solid", "dash", "dot", "dashdot"];

const canvas = document.createElement("canvas").getContext("2d");

/** Any CSS colour as [red, green, blue]. */
function rgb(colour) {
  canvas.fillStyle = "#888888";
  canvas.fillStyle = colour;
  const text = canvas.fillStyle;
  if (text.startsWith("#")) return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  return text.match(/[\d.]+/g).slice(0, 3).map(Number);
}

/** `share` of colour `over` on colour `under`, opaque: an exported picture looks the same. */
export function blend(over, under, share) {
  const a = rgb(over), b = rgb(under);
  return `rgb(${a.map((value, i) => Math.round(value * share + b[i] * (1 - share))).join(",")})`;
}

export function fade(colour, share) {
  return `rgba(${rgb(colour).join(",")},${share})`;
}

export function readTheme(root) {
  const style = getComputedStyle(root);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const text = read("--st-text-color", "#16202a");
  const background = read("--st-background-color", "#ffffff");
  const [r, g, b] = rgb(background);
  const size = parseFloat(read("--st-base-font-size", "16")) || 16;
  return {
    text,
    background,
    dark: 0.2126 * r + 0.7152 * g + 0.0722 * b < 128,
    card: blend(text, background, 0.025),
    muted: blend(text, background, 0.74),
    grid: blend(text, background, 0.12),
    size,
    family: read("--st-font", style.fontFamily),
    still: matchMedia("(prefers-reduced-motion: reduce)").matches,
  };
}

/** Label, colour and dash of every lane; lanes of one colour differ by their dash. */
export function laneStyles(tracks, options, theme) {
  const used = new Map();
  return tracks.map((track, i) => {
    const given = options.colours ?? {};
    const pair = Array.isArray(given) ? given[i] : given[track.family];
    const colour = Array.isArray(pair) ? pair[theme.dark ? 1 : 0] : pair ?? theme.text;
    const again = used.get(colour) ?? 0;
    used.set(colour, again + 1);
    const dash = options.dashes?.[i] ?? DASHES[again % DASHES.length];
    return { label: track.label, colour, dash, track, index: i };
  });
}

/** Text of a coloured lane on the page: strong enough to be read from the last row (WCAG 2.2, 1.4.3
 * asks for a contrast of 4.5). */
export function inkOf(colour, theme) {
  const towards = theme.dark ? "#ffffff" : "#000000";
  let share = theme.dark ? 0.88 : 0.82;
  while (share > 0.3 && contrast(blend(colour, towards, share), theme.card) < 4.6) share -= 0.06;
  return blend(colour, towards, share);
}

/** The contrast of two colours, 1 to 21 (WCAG 2.2). */
function contrast(one, other) {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function luminance(colour) {
  const [r, g, b] = rgb(colour).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
