/** Sources and layers that the viewer lays over the server's style: outages, a trace, the selection, what a what-if changes. */

import { template } from "./api.js";
import * as context from "./context.js";
import * as flow from "./flow.js";
import { count } from "./format.js";
import { FONT } from "./theme.js";
import * as view from "./view.js";

export const placed = ({ lng }) => lng !== null;
const POINTS = ["meters", "transformers", "switches", "substations"];
const byVoltage = (low, rest) => ["step", ["coalesce", ["get", "kv"], 10], low, 1, rest];
const byZoom = (...stops) => ["interpolate", ["linear"], ["zoom"], ...stops];

/** Layers of traced elements; a click finds them like those of the network itself. */
export const TRACE_LAYERS = ["trace-line", ...POINTS.map((layer) => `trace-${layer}`)];

/** Layers by source of what is laid over the map as GeoJSON. */
const LAYERS = {
  outages: ["outage-mark", "outage-label"],
  marks: ["far-line", "far-frame", "marks"],
  selection: ["selection-line", "selection-core", "selection-ring", "selection-point"],
  findings: ["finding-mark", "finding-sign"],
};
const collection = (features) => ({ type: "FeatureCollection", features });
const geojson = (more = {}) => ({ type: "geojson", data: collection([]), ...more });

/** Gives a source its features. Without any, its layers are hidden, so that nothing is cut to tiles and waited for. */
export function fill(map, source, features) {
  const data = map.getSource(source);
  if (!data) return; // the style comes later, and then this is called again
  const [first] = LAYERS[source];
  if (features.length || map.getLayoutProperty(first, "visibility") === "visible") data.setData(collection(features));
  for (const layer of LAYERS[source]) map.setLayoutProperty(layer, "visibility", features.length ? "visible" : "none");
}

const CUSTOMERS = ["get", "customers"];
const scaled = (by, unit) => ["concat", ["number-format", ["/", CUSTOMERS, by], { locale: "en", "max-fraction-digits": 1 }], unit];
const BRIEF = ["step", CUSTOMERS, ["to-string", CUSTOMERS], 1000, scaled(1000, "K"), 1e6, scaled(1e6, "M")];
const FADING = byZoom(14.2, 1, 15, 0); // where the elements themselves are seen
/** Marks nearer to each other than they are wide become one, with the customers of all and how many it stands for. */
const TOGETHER = { cluster: true, clusterRadius: 72, clusterMaxZoom: 14, clusterProperties: { customers: ["+", CUSTOMERS] } };

/** Marks of the outages lie above everything, the glow below the lines. */
export function addOutages(map, colours, grid) {
  context.draw(map);
  map.addSource("outages", geojson(TOGETHER));
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
        paint: { "line-color": colours.dead, "line-width": byZoom(10, 3, 13, byVoltage(2, 5), 16, byVoltage(5, 16), 18, 18), "line-opacity": 0.25 },
      },
      first.id,
    );
  }
  const many = ["has", "point_count"];
  const radius = ["interpolate", ["linear"], ["ln", ["+", 1, CUSTOMERS]], 0, ["case", many, 17, 10], 10, 24];
  map.addLayer({
    id: "outage-mark",
    type: "circle",
    source: "outages",
    maxzoom: 15,
    layout: { "circle-sort-key": CUSTOMERS }, // the largest lie on top
    paint: {
      "circle-radius": radius,
      "circle-color": colours.dead,
      "circle-stroke-color": colours.paper,
      "circle-stroke-width": 2.5,
      "circle-opacity": FADING,
      "circle-stroke-opacity": FADING,
    },
  });
  map.addLayer({
    id: "outage-label",
    type: "symbol",
    source: "outages",
    maxzoom: 15,
    layout: {
      "symbol-sort-key": ["-", 0, CUSTOMERS],
      "text-field": ["case", many, ["format", BRIEF, {}, ["concat", "\n×", ["get", "point_count"]], { "font-scale": 0.85 }], BRIEF],
      "text-font": FONT,
      "text-size": 11,
      "text-line-height": 1.05,
      "text-padding": 12,
    },
    paint: { "text-color": colours.onDead, "text-opacity": FADING },
  });
}

/** A veil over the network, then the traced part of it from tiles of its own. */
export function addTrace(map, colours, tiles) {
  map.addSource("trace", { type: "vector", tiles: [tiles], minzoom: 10, maxzoom: 16 });
  const above = "far-line";
  const width = byZoom(10, byVoltage(1.2, 2), 13, byVoltage(1.2, 3), 15, byVoltage(2, 5), 17, byVoltage(4.5, 7), 18, byVoltage(7, 9));
  const line = { source: "trace", "source-layer": "lines" };
  // Zoomed out there is nothing to be seen of round ends, and they are most of what has to be drawn.
  const round = { "line-cap": ["step", ["zoom"], "butt", 13, "round"], "line-join": ["step", ["zoom"], "bevel", 13, "round"] };
  const add = (layer) => map.addLayer(layer, above);
  add({ id: "trace-veil", type: "background", paint: { "background-color": colours.paper, "background-opacity": 0.65 } });
  add({
    id: "trace-casing",
    type: "line",
    minzoom: 12,
    ...line,
    layout: round,
    paint: { "line-color": colours.paper, "line-width": byZoom(10, 4, 13, byVoltage(2.5, 5), 15, byVoltage(4, 9), 18, 15) },
  });
  add({ id: "trace-line", type: "line", ...line, layout: round, paint: { "line-color": colours.trace, "line-width": width } });
  add({
    id: "trace-line-dead",
    type: "line",
    ...line,
    filter: ["==", ["coalesce", ["get", "energized"], 0], 0],
    paint: { "line-color": colours.paper, "line-width": byZoom(10, 1.2, 18, 4), "line-dasharray": [2, 2] },
  });
  const thick = byZoom(11, byVoltage(0, 6), 13, byVoltage(0, 7), 15.5, byVoltage(0, 9), 16.5, byVoltage(8, 11), 18, byVoltage(12, 14));
  flow.draw(map, colours, (id, along, paint) =>
    add({ id, type: "line", ...line, minzoom: 11, filter: ["==", ["get", "flow"], along], paint: { "line-width": thick, ...paint } }),
  );
  const radius = {
    meters: byZoom(15, 1.2, 18, 5),
    transformers: byZoom(11, 2.5, 17, 8),
    switches: byZoom(13, 0.8, 15, 2.2, 17, 4, 18, 6),
    substations: byZoom(10, 4, 15, 9),
  };
  const open = ["==", ["get", "open"], true];
  for (const layer of POINTS) {
    const hollow = ["case", open, colours.paper, layer === "transformers" ? colours.paper : colours.trace];
    add({
      id: `trace-${layer}`,
      type: "circle",
      source: "trace",
      "source-layer": layer,
      minzoom: { substations: 10, transformers: 11, switches: 12.5, meters: 15 }[layer],
      // Closed switches of low voltage come by the dozen on one point, as in the style of the network.
      filter: layer === "switches" ? ["any", open, [">=", ["coalesce", ["get", "kv"], 10], 1], [">=", ["zoom"], 16.5]] : true,
      paint: {
        "circle-radius": radius[layer],
        "circle-color": hollow,
        "circle-stroke-color": layer === "meters" ? colours.paper : colours.trace,
        "circle-stroke-width": layer === "meters" ? byZoom(16.5, 0, 17.5, 0.7) : byZoom(13, 1.2, 16, 2),
      },
    });
  }
}

export function removeTrace(map) {
  if (!map.getSource("trace")) return;
  flow.stop();
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
    layout: { "icon-image": ["get", "icon"], "icon-size": byZoom(6, ["*", 0.55, ["get", "size"]], 12, ["get", "size"]), "icon-allow-overlap": true, "icon-ignore-placement": true },
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

// --- who loses and who gains supply in a what-if against its base

const CHANGES = ["changes-casing", "changes-lost", "changes-gained", "changes-label"];
const CHANGES_FROM = ["changes", "changes-marks"];
const GONE = ["<", ["coalesce", ["get", "energized"], 0], 2];

/** The answer of an `outage` trace from the base to the what-if, null for none. Lost is dashed, gained is whole. */
export function drawChanges(map, trace, colours) {
  for (const layer of CHANGES) if (map.getLayer(layer)) map.removeLayer(layer);
  for (const source of CHANGES_FROM) if (map.getSource(source)) map.removeSource(source);
  if (!trace) return;
  const path = `tiles/grid/{z}/{x}/{y}.mvt?trace=${encodeURIComponent(trace.id)}&layers=lines${view.suffix("&")}`;
  map.addSource("changes", { type: "vector", tiles: [template(path)], minzoom: 10, maxzoom: 16 });
  map.addSource("changes-marks", { type: "geojson", data: changeMarks(trace) });
  const above = map.getLayer("far-line") ? "far-line" : undefined;
  const line = (id, colour, width, more = {}) =>
    map.addLayer({ id, type: "line", source: "changes", "source-layer": "lines", ...more, paint: { "line-color": colour, "line-width": width, ...more.paint } }, above);
  const changed = byZoom(10, 2, 14, byVoltage(1.5, 4), 16, byVoltage(3, 6), 18, 9);
  line("changes-casing", colours.paper, byZoom(10, 4, 14, byVoltage(3, 6), 16, byVoltage(5, 8), 18, 14));
  line("changes-lost", colours.lost, changed, { filter: GONE, paint: { "line-dasharray": [2, 1.2] } });
  line("changes-gained", colours.gained, changed, { filter: ["!", GONE] });
  map.addLayer({
    id: "changes-label",
    type: "symbol",
    source: "changes-marks",
    layout: {
      "symbol-sort-key": ["-", 0, CUSTOMERS],
      "text-field": ["get", "label"],
      "text-font": FONT,
      "text-size": 14,
      "text-offset": [0, 2.7],
      "icon-image": "gt-plate",
      "icon-text-fit": "both",
      "icon-text-fit-padding": [1, 7, 1, 7],
    },
    paint: { "text-color": ["match", ["get", "kind"], "lost", colours.lost, colours.gained] },
  });
}

function changeMarks(trace) {
  const features = ["lost", "gained"].flatMap((kind) =>
    trace[kind].areas.filter(placed).map(({ lng, lat, customers }) => ({
      type: "Feature",
      properties: { kind, customers, label: `${kind === "lost" ? "−" : "+"}${count(customers)} ${kind}` },
      geometry: { type: "Point", coordinates: [lng, lat] },
    })),
  );
  return collection(features);
}
