/** Who loses and who gains supply in a what-if against its base, laid over the map. */

import { template } from "./api.js";
import { count } from "./format.js";
import { FONT } from "./theme.js";
import * as view from "./view.js";

const LAYERS = ["changes-casing", "changes-lost", "changes-gained", "changes-label"];
const SOURCES = ["changes", "changes-marks"];
const GONE = ["<", ["coalesce", ["get", "energized"], 0], 2];
const byZoom = (...stops) => ["interpolate", ["linear"], ["zoom"], ...stops];

/** The answer of an `outage` trace from the base to the what-if, null for none. Lost is dashed, gained is whole. */
export function draw(map, trace, colours) {
  for (const layer of LAYERS) if (map.getLayer(layer)) map.removeLayer(layer);
  for (const source of SOURCES) if (map.getSource(source)) map.removeSource(source);
  if (!trace) return;
  const path = `tiles/grid/{z}/{x}/{y}.mvt?trace=${encodeURIComponent(trace.id)}&layers=lines${view.suffix("&")}`;
  map.addSource("changes", { type: "vector", tiles: [template(path)], minzoom: 10, maxzoom: 16 });
  map.addSource("changes-marks", { type: "geojson", data: marks(trace) });
  const above = map.getLayer("far-line") ? "far-line" : undefined;
  const line = (id, colour, width, more = {}) =>
    map.addLayer({ id, type: "line", source: "changes", "source-layer": "lines", ...more, paint: { "line-color": colour, "line-width": width, ...more.paint } }, above);
  line("changes-casing", colours.paper, byZoom(10, 4, 14, 6, 18, 14));
  line("changes-lost", colours.lost, byZoom(10, 2, 14, 4, 18, 9), { filter: GONE, paint: { "line-dasharray": [2, 1.2] } });
  line("changes-gained", colours.gained, byZoom(10, 2, 14, 4, 18, 9), { filter: ["!", GONE] });
  map.addLayer({
    id: "changes-label",
    type: "symbol",
    source: "changes-marks",
    layout: { "text-field": ["get", "label"], "text-font": FONT, "text-size": 14, "text-offset": [0, 2.4], "text-allow-overlap": true },
    paint: {
      "text-color": ["match", ["get", "kind"], "lost", colours.lost, colours.gained],
      "text-halo-color": colours.paper,
      "text-halo-width": 2.5,
    },
  });
}

function marks(trace) {
  const features = ["lost", "gained"].flatMap((kind) =>
    trace[kind].areas.filter((area) => area.bounds).map(({ bounds: [left, bottom, right, top], customers }) => ({
      type: "Feature",
      properties: { kind, label: `${kind === "lost" ? "−" : "+"}${count(customers)} ${kind}` },
      geometry: { type: "Point", coordinates: [(left + right) / 2, (bottom + top) / 2] },
    })),
  );
  return { type: "FeatureCollection", features };
}

/** The operations that lead from the base to the what-if; each position is the phases that are open. */
export function operations(switches) {
  const found = [];
  const without = (some, others) => [...some].filter((phase) => !others.includes(phase)).join("");
  for (const { mrid, before, after } of switches) {
    const [opened, closed] = [without(after, before), without(before, after)];
    if (opened) found.push({ mrid, open: true, phases: opened });
    if (closed) found.push({ mrid, open: false, phases: closed });
  }
  return found;
}
