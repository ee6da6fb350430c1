/** How the network is shown: what is hidden, what colours tell, which measure cells show. */

import * as context from "./context.js";
import { isDark } from "./theme.js";

export const DEFAULT = { hidden: [], colour: "supply", measure: "customers" };

/** What can be hidden: a layer, a position of switches, or a state of supply. */
export const PARTS = ["lines", "transformers", "substations", "meters", "closed", "open", "live", "some", "dead", "cells", "context"];
export const COLOURS = { supply: "Supply", feeder: "Feeder", voltage: "Voltage", phase: "Phases" };
export const MEASURES = {
  customers: { label: "Customers", most: 22_025 },
  customers_out: { label: "Customers without supply", most: 20_000 },
  energized_share: { label: "Share of customers supplied" },
  transformers: { label: "Transformers", most: 2_000 },
  line_km: { label: "Line km", most: 5_000 },
  rated_kva: { label: "Transformer kVA", most: 5_000_000 },
};

/** Told apart by every kind of colour vision (Okabe and Ito; on dark ground the lighter ones). */
const PALETTE = {
  light: ["#0072b2", "#d55e00", "#00785a", "#a3246f", "#8a5a00", "#4a4f9c", "#00788a", "#6b6b6b"],
  dark: ["#5db4e8", "#ff915a", "#3fd0a4", "#f28fc7", "#f0b93a", "#a6a9f2", "#5fd3e6", "#bdbdbd"],
};
const RAMP = { light: ["#cfe0eb", "#a3c7de", "#5f9fc8", "#0072b2"], dark: ["#1c3242", "#235472", "#3182b3", "#4fabe3"] };
const FIRES = { light: ["#cfe0eb", "#f6d9a8", "#e69f00", "#d55e00"], dark: ["#1c3242", "#5b4a2a", "#f0b93a", "#ff8548"] };

const now = (both) => (isDark() ? both.dark : both.light);
export const palette = () => now(PALETTE);
export const ramp = (measure) => (measure === "customers_out" || measure === "energized_share" ? now(FIRES) : now(RAMP));
const STEPS = [0, 0.3, 0.6, 1]; // of the logarithm of the most
/** The values at which cells have the colours of the ramp; shares from none to all. */
export const steps = (measure) => (measure === "energized_share" ? [0, 0.7, 0.999, 1] : STEPS.map((step) => (1 + MEASURES[measure].most) ** step - 1));
const get = (name, otherwise = 0) => ["coalesce", ["get", name], otherwise];

export const VOLTAGES = [["below 1 kV", 0], ["1 to 60 kV", 1], ["60 to 220 kV", 60], ["220 kV and more", 220]];
export const PHASES = [["three", ["ABC", "ABCN"]], ["two", ["AB", "BC", "AC", "ABN", "BCN", "ACN"]], ["A", ["A", "AN"]], ["B", ["B", "BN"]], ["C", ["C", "CN"]]];

/** The colour of an element, null for that of its supply. */
function colour(by) {
  const colours = palette();
  const grey = colours[7];
  if (by === "voltage") return ["step", get("kv", 0.4), colours[7], 1, colours[0], 60, colours[2], 220, colours[4]];
  if (by === "phase") return ["match", get("phases", ""), ...PHASES.flatMap(([, codes], number) => [codes, colours[number]]), grey];
  if (by !== "feeder") return null;
  // Neighbours are told apart by the end of their names, which is where feeders are numbered.
  const digit = (from, to) => ["+", 1, ["index-of", ["slice", ["get", "feeder"], from, ...to], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"]];
  const number = ["%", ["+", ["*", 3, digit(-2, [-1])], digit(-1, [])], 7];
  return ["case", ["has", "feeder"], ["match", number, ...colours.slice(0, 7).flatMap((each, at) => [at, each]), grey], grey];
}

/** The colour of a cell, null for the style's own. */
function cell(measure) {
  if (measure === "customers") return null;
  const [a, b, c, d] = ramp(measure);
  if (measure === "energized_share") return ["interpolate", ["linear"], get(measure, 1), 0, d, 0.7, c, 0.999, b, 1, a];
  const [s, t, u, v] = steps(measure).map(Math.log1p);
  return ["interpolate", ["linear"], ["ln", ["+", 1, get(measure)]], s, a, t, b, u, c, v, d];
}

const CLEAR = ["interpolate", ["linear"], ["zoom"], 11, 1, 12, 0]; // of feeders, where no cell has to be seen through them
const SUPPLY = [["live", 2], ["some", 1], ["dead", 0]];

/** What stays of a layer's own features; null for all. */
function kept(layer, hidden) {
  const conditions = layer.filter ? [layer.filter] : [];
  for (const [name, value] of SUPPLY) if (hidden.includes(name)) conditions.push(["!=", get("energized"), value]);
  if (layer["source-layer"] === "switches") {
    if (hidden.includes("open")) conditions.push(["!=", ["get", "open"], true]);
    if (hidden.includes("closed")) conditions.push(["==", ["get", "open"], true]);
  }
  return conditions.length > 1 ? ["all", ...conditions] : (conditions[0] ?? null);
}

/** What names the lines, so that no colour stands alone; else their feeders do. */
const NAMES = { voltage: ["concat", ["to-string", get("kv")], " kV"], phase: get("phases", "") };

/** Puts a colour in place of that of the supply, wherever it stands in an expression. */
function coloured(value, paint) {
  if (!Array.isArray(value)) return value;
  return value[0] === "match" && JSON.stringify(value[1]).includes('"energized"') ? paint : value.map((inner) => coloured(inner, paint));
}

/** Sets filters, visibility and colours of the style's own layers. style: themed. */
export function apply(map, style, { hidden, colour: by, measure }) {
  const paint = colour(by);
  const fill = cell(measure);
  context.show(map, !hidden.includes("context"));
  for (const drawn of style.layers) {
    const named = drawn.id === "feeder-label" && NAMES[by];
    const layer = named ? { ...drawn, filter: [">=", get("kv"), by === "voltage" ? 1 : 0] } : drawn;
    if (drawn.id === "feeder-label") map.setLayoutProperty(drawn.id, "text-field", named || drawn.layout["text-field"]);
    const shows = layer["source-layer"];
    if (!shows || !map.getLayer(layer.id)) continue;
    const whole = { hexes: "cells", feeders: "lines" }[shows] ?? shows;
    map.setLayoutProperty(layer.id, "visibility", hidden.includes(whole) ? "none" : "visible");
    if (shows === "hexes") {
      if (layer.type === "fill") map.setPaintProperty(layer.id, "fill-color", fill ?? layer.paint["fill-color"]);
      continue;
    }
    map.setFilter(layer.id, kept(layer, hidden));
    if (layer.id === "feeders") map.setPaintProperty(layer.id, "line-opacity", by === "feeder" || hidden.includes("cells") ? CLEAR : layer.paint["line-opacity"]);
    const own = shows === "feeders" && by !== "feeder" ? null : paint; // as a whole a feeder has no voltage or phases
    for (const [name, value] of Object.entries(layer.paint ?? {})) {
      if (!name.endsWith("-color") || layer.type === "symbol") continue;
      const changed = layer.type === "line" ? own : coloured(value, own);
      map.setPaintProperty(layer.id, name, own ? changed : value);
    }
  }
}
