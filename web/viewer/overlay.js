/** Sources and layers that the viewer lays over the server's style: outages, a trace, the selection. */

import { FONT } from "./theme.js";

export const NOTHING = { type: "FeatureCollection", features: [] };
const POINTS = ["meters", "transformers", "switches", "substations"];
const byZoom = (...stops) => ["interpolate", ["linear"], ["zoom"], ...stops];

/** Layers of traced elements; a click finds them like those of the network itself. */
export const TRACE_LAYERS = ["trace-line", ...POINTS.map((layer) => `trace-${layer}`)];

const geojson = () => ({ type: "geojson", data: NOTHING });

/** Marks of the outages, as points in the middle of their bounds, lie above everything; the glow below the lines. */
export function addOutages(map, colours, grid) {
  map.addSource("outages", geojson());
  const first = map.getStyle().layers.find((layer) => layer["source-layer"] === "lines");
  if (first) {
    map.addLayer(
      {
        id: "outage-glow",
        type: "line",
        source: grid,
        "source-layer": "lines",
        minzoom: first.minzoom ?? 0,
        filter: ["<", ["coalesce", ["get", "energized"], 0], 2],
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": colours.dead, "line-width": byZoom(10, 3, 13, 5, 16, 16), "line-opacity": 0.25 },
      },
      first.id,
    );
  }
  const radius = ["interpolate", ["linear"], ["ln", ["+", 1, ["get", "customers"]]], 0, 10, 10, 24];
  map.addLayer({
    id: "outage-mark",
    type: "circle",
    source: "outages",
    maxzoom: 15,
    paint: {
      "circle-radius": radius,
      "circle-color": colours.dead,
      "circle-stroke-color": colours.paper,
      "circle-stroke-width": 2.5,
      "circle-opacity": byZoom(14, 0.95, 15, 0),
      "circle-stroke-opacity": byZoom(14, 1, 15, 0),
    },
  });
  map.addLayer({
    id: "outage-label",
    type: "symbol",
    source: "outages",
    maxzoom: 14.5,
    layout: { "text-field": ["get", "label"], "text-font": FONT, "text-size": 11, "text-allow-overlap": true },
    paint: { "text-color": colours.onDead },
  });
}

/** A veil over the network, then the traced part of it from tiles of its own. */
export function addTrace(map, colours, tiles) {
  map.addSource("trace", { type: "vector", tiles: [tiles], minzoom: 10, maxzoom: 16 });
  const above = "far-line";
  const byVoltage = (low, rest) => ["step", ["coalesce", ["get", "kv"], 10], low, 1, rest];
  const width = byZoom(10, byVoltage(1.2, 2), 13, byVoltage(1.4, 3), 15, byVoltage(3, 5), 18, byVoltage(7, 9));
  const line = { source: "trace", "source-layer": "lines" };
  const round = { "line-cap": "round", "line-join": "round" };
  const add = (layer) => map.addLayer(layer, above);
  add({ id: "trace-veil", type: "background", paint: { "background-color": colours.paper, "background-opacity": 0.65 } });
  add({
    id: "trace-casing",
    type: "line",
    ...line,
    layout: round,
    paint: { "line-color": colours.paper, "line-width": byZoom(10, 4, 13, 5, 15, 9, 18, 15) },
  });
  add({ id: "trace-line", type: "line", ...line, layout: round, paint: { "line-color": colours.trace, "line-width": width } });
  add({
    id: "trace-line-dead",
    type: "line",
    ...line,
    filter: ["==", ["coalesce", ["get", "energized"], 0], 0],
    paint: { "line-color": colours.paper, "line-width": byZoom(10, 1.2, 18, 4), "line-dasharray": [2, 2] },
  });
  add({
    id: "trace-flow",
    type: "symbol",
    ...line,
    minzoom: 12.5,
    filter: ["all", ["!=", ["coalesce", ["get", "flow"], 0], 0], ["any", [">=", ["coalesce", ["get", "kv"], 10], 1], [">=", ["zoom"], 15]]],
    layout: {
      "symbol-placement": "line",
      "symbol-spacing": 90,
      "icon-image": "gt-arrow",
      "icon-rotate": ["case", ["==", ["get", "flow"], -1], 180, 0],
      "icon-size": byZoom(12.5, 0.65, 14, 0.85, 18, 1.3),
      "icon-allow-overlap": true,
      "icon-ignore-placement": true,
    },
  });
  const radius = {
    meters: byZoom(13, 1.5, 18, 5),
    transformers: byZoom(11, 2.5, 17, 8),
    switches: byZoom(13, 0.8, 15, 2.2, 17, 6),
    substations: byZoom(10, 4, 15, 9),
  };
  for (const layer of POINTS) {
    const hollow = ["case", ["==", ["get", "open"], true], colours.paper, layer === "transformers" ? colours.paper : colours.trace];
    add({
      id: `trace-${layer}`,
      type: "circle",
      source: "trace",
      "source-layer": layer,
      minzoom: layer === "substations" ? 10 : layer === "transformers" ? 11 : 13,
      paint: {
        "circle-radius": radius[layer],
        "circle-color": hollow,
        "circle-stroke-color": layer === "meters" ? colours.paper : colours.trace,
        "circle-stroke-width": layer === "meters" ? 0.5 : byZoom(13, 1.2, 16, 2),
      },
    });
  }
}

export function removeTrace(map) {
  if (!map.getSource("trace")) return;
  for (const { id } of map.getStyle().layers) if (id.startsWith("trace-")) map.removeLayer(id);
  map.removeSource("trace");
}

/** The selected element, and where a trace begins, ends and is fed from. */
export function addMarks(map, colours) {
  map.addSource("marks", geojson());
  map.addSource("selection", geojson());
  const round = { "line-cap": "round", "line-join": "round" };
  // Zoomed out further than the tiles of elements go: the traced lines, or only a frame where they are too many.
  const far = { type: "line", source: "marks", maxzoom: 10 };
  map.addLayer({
    id: "far-line",
    ...far,
    layout: round,
    filter: ["==", ["geometry-type"], "LineString"],
    paint: { "line-color": colours.trace, "line-width": byZoom(4, 1.2, 10, 2.5) },
  }, "outage-mark");
  map.addLayer({
    id: "far-frame",
    ...far,
    filter: ["==", ["geometry-type"], "Polygon"],
    paint: { "line-color": colours.trace, "line-width": 2, "line-dasharray": [3, 2] },
  }, "outage-mark");
  const line = { type: "line", source: "selection", layout: round };
  map.addLayer({
    id: "selection-line",
    ...line,
    paint: { "line-color": colours.ink, "line-width": byZoom(10, 9, 18, 18), "line-opacity": 0.9 },
  });
  map.addLayer({ id: "selection-core", ...line, paint: { "line-color": colours.select, "line-width": byZoom(10, 5, 18, 12) } });
  map.addLayer({
    id: "marks",
    type: "symbol",
    source: "marks",
    filter: ["==", ["geometry-type"], "Point"],
    layout: { "icon-image": ["get", "icon"], "icon-size": ["get", "size"], "icon-allow-overlap": true, "icon-ignore-placement": true },
  });
  const points = { type: "circle", source: "selection", filter: ["==", ["geometry-type"], "Point"] };
  map.addLayer({
    id: "selection-ring",
    ...points,
    paint: { "circle-radius": 15, "circle-opacity": 0, "circle-stroke-color": colours.ink, "circle-stroke-width": 5 },
  });
  map.addLayer({
    id: "selection-point",
    ...points,
    paint: { "circle-radius": 15, "circle-opacity": 0, "circle-stroke-color": colours.select, "circle-stroke-width": 3 },
  });
}

/** Marks of what validation found: the sign says how bad it is, and so does the colour. */
export function addFindings(map, colours) {
  map.addSource("findings", geojson());
  map.addLayer({
    id: "finding-mark",
    type: "circle",
    source: "findings",
    paint: {
      "circle-radius": 9,
      "circle-color": colours.paper,
      "circle-stroke-color": ["match", ["get", "severity"], "error", colours.dead, colours.ink],
      "circle-stroke-width": 2.5,
    },
  });
  map.addLayer({
    id: "finding-sign",
    type: "symbol",
    source: "findings",
    layout: { "text-field": ["get", "sign"], "text-font": FONT, "text-size": 13, "text-allow-overlap": true },
    paint: { "text-color": colours.ink },
  });
}
