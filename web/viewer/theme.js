/** Light and dark, as the system prefers. The server's style is the light one; its colours are exchanged for dark ones. */

const DARK = {
  "#fbfaf7": "#10171e", // paper
  "#22303c": "#dde6ee", // ink
  "#ffffff": "#10171e", // halo
  "#0072b2": "#4fabe3", // live
  "#e69f00": "#f0b93a", // partly live
  "#d55e00": "#ff8548", // dead
  "#cfe0eb": "#1c3242", // few customers …
  "#a3c7de": "#235472",
  "#5f9fc8": "#3182b3", // … many
  "#e4edf3": "#1c3242",
  "#b5d0e2": "#235472",
  "#6fa8cc": "#3182b3",
  "#f6d9a8": "#5b4a2a",
};

const OVERLAY = {
  light: { paper: "#fbfaf7", ink: "#17222c", dead: "#d55e00", trace: "#a3246f", select: "#ffc929", onDead: "#ffffff", lost: "#b34400", gained: "#00785a" },
  dark: { paper: "#10171e", ink: "#eef4f9", dead: "#ff8548", trace: "#f28fc7", select: "#ffd54a", onDead: "#10171e", lost: "#ff915a", gained: "#3fd0a4" },
};

const query = matchMedia("(prefers-color-scheme: dark)");

export const overlay = () => (query.matches ? OVERLAY.dark : OVERLAY.light);
export const isDark = () => query.matches;
export const onChange = (then) => query.addEventListener("change", then);

/** A style in the colours of the present theme, its labels in the page's own font. */
export function themed(value) {
  if (Array.isArray(value)) return value.map(themed);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, name === "text-font" ? FONT : themed(inner)]));
  }
  return (query.matches && typeof value === "string" && DARK[value.toLowerCase()]) || value;
}

export const FONT = ["Noto Sans"];
