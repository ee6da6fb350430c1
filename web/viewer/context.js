/** Coasts, borders and names behind the network, from our own server: where on earth it is, with no network at all. */

import { FONT, isDark, overlay } from "./theme.js";

const byZoom = (...stops) => ["interpolate", ["linear"], ["zoom"], ...stops];
const kind = (name) => ["==", ["get", "kind"], name];
let [features, reading, visible] = [null, null, true];

/** A file of arcs (TopoJSON) as GeoJSON features with their `kind`. */
async function read() {
  const { objects, arcs, transform } = await (await fetch(new URL("vendor/context.topojson", import.meta.url))).json();
  const [width, height] = transform.scale;
  const degrees = ([x, y]) => [x * width, y * height];
  const lines = arcs.map((arc) => {
    let [x, y] = [0, 0];
    return arc.map(([dx, dy]) => degrees([(x += dx), (y += dy)]));
  });
  return Object.entries(objects).flatMap(([kind, { arcs: parts, geometries }]) =>
    parts
      ? [{ type: "Feature", properties: { kind }, geometry: { type: "MultiLineString", coordinates: parts.map(([arc]) => lines[arc]) } }]
      : geometries.map(({ properties, coordinates }) => ({ type: "Feature", properties: { kind, ...properties }, geometry: { type: "Point", coordinates: degrees(coordinates) } })),
  );
}

/** Lines under the whole network and names above its cells, once the network is drawn; they fade where their 300 m would not be true. */
export function draw(map) {
  if (isDark() && map.getLayer("basemap")) {
    map.setPaintProperty("basemap", "raster-brightness-max", 0.4);
    map.setPaintProperty("basemap", "raster-saturation", -0.6);
  }
  if (features) add(map);
  else map.once("idle", () => begin(map));
}

async function begin(map) {
  reading ??= read().catch(() => []); // the network can be seen without its background
  features = await reading;
  // Nothing is added while a style is loading, which draws anew, nor twice.
  if (map.getStyle() && !map.getSource("context")) add(map);
}

function add(map) {
  const { ink } = overlay();
  map.addSource("context", { type: "geojson", data: { type: "FeatureCollection", features }, maxzoom: 8, tolerance: 0.25 });
  const { layers } = map.getStyle();
  const below = layers.find(({ type, source }) => type !== "background" && source !== "basemap")?.id;
  const above = layers.find((layer) => layer["source-layer"] === "lines")?.id;
  const line = (name, width, opacity, more) =>
    map.addLayer({ id: `context-${name}`, type: "line", source: "context", filter: kind(name), paint: { "line-color": ink, "line-width": width, "line-opacity": byZoom(8, opacity, 12, opacity / 3, 14, 0), ...more } }, below);
  line("coast", byZoom(2, 0.6, 8, 1.4), 0.42);
  line("border", byZoom(2, 0.6, 8, 1.4), 0.42, { "line-dasharray": [5, 2, 1.5, 2] });
  line("state", byZoom(3, 0.3, 8, 1), 0.3, { "line-dasharray": [3, 3] });
  const label = (name, minzoom, maxzoom, size) =>
    map.addLayer({
      id: `context-${name}`,
      type: "symbol",
      source: "context",
      minzoom,
      maxzoom,
      filter: kind(name),
      layout: { "text-field": ["upcase", ["get", "name"]], "text-font": FONT, "text-size": size, "text-letter-spacing": 0.12, "text-max-width": 7, "symbol-sort-key": ["-", 0, ["get", "area"]] },
      paint: { "text-color": ink, "text-opacity": 0.55 },
    }, above);
  label("country_names", 2, 8, byZoom(2, 9, 6, 13));
  label("state_names", 4.5, 9, 10);
  show(map, visible);
}

export function show(map, wanted) {
  visible = wanted;
  for (const { id, source } of map.getStyle().layers) {
    if (source === "context" || source === "basemap") map.setLayoutProperty(id, "visibility", visible ? "visible" : "none");
  }
}
