/** The map: the server's style, the overlays on it, and keeping both true while the network changes. */

import * as maplibre from "./vendor/maplibre-gl.mjs";
import { template } from "./api.js";
import * as display from "./display.js";
import { features } from "./findings.js";
import { STRETCHED, mapImages } from "./icons.js";
import { TRACE_LAYERS, addFindings, addMarks, addOutages, addTrace, drawChanges, fill, placed, removeTrace } from "./overlay.js";
import { isStale } from "./stale.js";
import * as theme from "./theme.js";
import * as view from "./view.js";

const REACH = 6; // pixels around a click
const CLOSE = 16; // zoom at which a single point is shown
const REMEMBERED = 5000; // tiles of each source, of which the engine may still hold some
const GRID_SHOWN = 11; // first zoom at which elements, not cells, are drawn
const narrow = matchMedia("(max-width: 760px)");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

maplibre.prewarm(); // its worker starts while the server is asked

/** A map, null where the browser has no WebGL 2; the parameters are those of NetworkMap. */
export function drawn(container, options) {
  try {
    return new NetworkMap(container, options);
  } catch (error) {
    if (error.name !== "GPUInitializationError") throw error;
    container.replaceChildren();
    return null;
  }
}

class NetworkMap {
  /** style: the server's style.json. zooms: {grid: [min, max], hexes: [min, max]}. room: bounds => free padding in pixels. */
  constructor(container, { style, bounds, zooms, room }) {
    this._style = style;
    this._zooms = zooms;
    this._bounds = bounds;
    this._room = room;
    this._loaded = new Map();
    this._owed = new Map();
    this._state = { selection: null, trace: null, outages: [], changes: null, findings: null, display: display.DEFAULT };
    this.map = new maplibre.Map({
      container,
      style: this._drawable(),
      validateStyle: false, // it is our server's
      hash: true,
      bounds: bounds ? toBounds(bounds) : undefined,
      fitBoundsOptions: { padding: room(bounds ?? undefined), maxZoom: CLOSE },
      maxZoom: 20,
      attributionControl: style.sources.basemap ? { compact: narrow.matches } : false,
      dragRotate: false,
      pitchWithRotate: false,
      maxPitch: 0,
      fadeDuration: calm.matches ? 0 : 100, // of labels; while they fade, all is drawn again and again
      // A tile out of view is fetched again (the browser's own cache revalidates it): none comes back with a past state.
      maxTileCacheSize: 0,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.addControl(new maplibre.NavigationControl({ showCompass: false }), "bottom-right");
    this.map.addControl(new maplibre.ScaleControl({ unit: "metric", maxWidth: narrow.matches ? 60 : 100 }), "bottom-right");
    this.map.on("style.load", () => this._overlay());
    this.map.on("sourcedata", (event) => this._remember(event));
    this.map.on("idle", () => this._again());
    this.map.on("moveend", () => this.map.once("render", () => this._pay()));
    theme.onChange(() => this.restyle(this._style));
  }

  /** Takes a new style, or the same in the colours of a new theme. */
  restyle(style) {
    this._style = style;
    this.map.setStyle(this._drawable(), { diff: false, validate: false });
  }

  /** The style in the colours of the theme; its tiles are asked for at once, not only after their TileJSON came. */
  _drawable() {
    const sources = { ...this._style.sources };
    for (const [tileset, name] of Object.entries(this._sources())) {
      const { url, ...source } = sources[name];
      const [minzoom, maxzoom] = this._zooms[tileset];
      sources[name] = { ...source, tiles: [tilesOf(tileset)], minzoom, maxzoom, ...(this._bounds && { bounds: this._bounds }) };
    }
    return { ...theme.themed(this._style), sources };
  }

  /** Shows the state that the page shows now, what was drawn stays until the new tiles are here. */
  look() {
    for (const [tileset, name] of Object.entries(this._sources())) {
      this._owe(name).clear();
      this.map.getSource(name)?.setTiles([tilesOf(tileset)]);
    }
  }

  _overlay() {
    const colours = theme.overlay();
    for (const [name, image] of Object.entries(mapImages(colours))) {
      if (!this.map.hasImage(name)) this.map.addImage(name, image, { pixelRatio: 2, ...STRETCHED[name] });
    }
    addOutages(this.map, colours, this._sources().grid);
    addMarks(this.map, colours);
    addFindings(this.map, colours);
    this.showSelection(this._state.selection);
    this.showTrace(this._state.trace);
    this.showOutages(this._state.outages);
    this.showChanges(this._state.changes);
    this.showFindings(this._state.findings);
    this.display(this._state.display);
  }

  /** Names of the style's sources by tileset. */
  _sources() {
    const found = {};
    for (const [name, source] of Object.entries(this._style.sources)) {
      const tileset = /\/tiles\/(\w+)/.exec(source.url ?? source.tiles?.[0] ?? "")?.[1];
      if (tileset && source.type === "vector") found[tileset] = name;
    }
    return found;
  }

  // --- what is at a point

  /** Every element within reach of a point of the screen, each once: [{layer, id, properties, geometry}]. */
  at(point) {
    const { grid, hexes } = this._sources();
    const box = [
      [point.x - REACH, point.y - REACH],
      [point.x + REACH, point.y + REACH],
    ];
    const drawn = this.map.getStyle()?.layers ?? []; // none while a style is loading
    const layers = drawn.filter((layer) => layer.source === grid && layer.id !== "outage-glow").map((layer) => layer.id);
    const traced = TRACE_LAYERS.filter((layer) => this.map.getLayer(layer));
    const found = new Map();
    for (const feature of this.map.queryRenderedFeatures(box, { layers: [...layers, ...traced] })) {
      const layer = feature.sourceLayer;
      if (layer !== "partial") found.set(`${layer} ${feature.id}`, { layer, id: feature.id, properties: feature.properties });
    }
    if (found.size) return [...found.values()];
    const cells = drawn.filter((layer) => layer.source === hexes && layer.type === "fill").map((layer) => layer.id);
    const [cell] = this.map.queryRenderedFeatures([point.x, point.y], { layers: cells });
    return cell ? [{ layer: "hexes", id: cell.properties.h3, properties: cell.properties }] : [];
  }

  /** The middle of the screen, in its pixels. */
  middle() {
    const { clientWidth, clientHeight } = this.map.getCanvas();
    return { x: clientWidth / 2, y: clientHeight / 2 };
  }

  /** The outage that is marked there, {id}, or several in one mark, {cluster_id, place}; undefined for none. */
  outageAt(point) {
    if (!this.map.getLayer("outage-mark")) return undefined;
    const [mark] = this.map.queryRenderedFeatures([point.x, point.y], { layers: ["outage-mark"] });
    return mark && { ...mark.properties, place: mark.geometry.coordinates };
  }

  /** Moves to where a mark that stands for several outages falls apart. */
  async spread({ cluster_id: id, place: [lng, lat] }) {
    const deepest = await this.map.getSource("outages").getClusterExpansionZoom(id);
    this.fit([lng, lat, lng, lat], { deepest });
  }

  /** Number of the finding that is marked there, null for none. */
  findingAt(point) {
    if (!this.map.getLayer("finding-mark")) return null;
    return this.map.queryRenderedFeatures([point.x, point.y], { layers: ["finding-mark"] })[0]?.properties.number ?? null;
  }

  // --- overlays

  /** geometry: GeoJSON, or null for none. */
  showSelection(geometry) {
    this._state.selection = geometry;
    fill(this.map, "selection", geometry ? [{ type: "Feature", properties: {}, geometry }] : []);
  }

  /** The answer of a trace, `lines` (GeoJSON features for where tiles show none) among it if need be; null for none. */
  showTrace(trace) {
    this._state.trace = trace;
    if (!this.map.getSource("marks")) return; // the style comes later, and then this is called again
    drawTrace(this.map, trace);
    fill(this.map, "marks", trace ? marks(trace) : []);
  }

  showOutages(outages) {
    this._state.outages = outages;
    const features = outages.filter(placed).map(({ id, customers, lng, lat }) => ({ type: "Feature", properties: { id, customers }, geometry: { type: "Point", coordinates: [lng, lat] } }));
    fill(this.map, "outages", features);
  }

  /** What a what-if changes against its base, as an `outage` trace tells it; null for nothing. */
  showChanges(trace) {
    this._state.changes = trace;
    if (this.map.getSource("marks")) drawChanges(this.map, trace, theme.overlay());
  }

  /** Findings with their numbers, null for none. */
  showFindings(findings) {
    this._state.findings = findings;
    fill(this.map, "findings", features(findings ?? []));
  }

  /** What is hidden, what colours tell, which measure cells show: as in display.js. */
  display(shown) {
    this._state.display = shown;
    if (this.map.getSource("marks")) display.apply(this.map, theme.themed(this._style), shown);
  }

  // --- moving

  /** Brings [left, bottom, right, top] into the part of the map that no panel covers; amid: [lng, lat] of what matters most where all would be too small. */
  fit(bounds, { deepest = CLOSE, shallowest = 0, amid = null } = {}) {
    const camera = this.map.cameraForBounds(toBounds(bounds), { padding: this._room(bounds), maxZoom: deepest });
    if (!camera) return;
    const { center, zoom } = camera;
    if (amid && zoom < shallowest) this.fit([...amid, ...amid], { deepest: shallowest });
    else this._move({ center, zoom: Math.max(zoom, shallowest) });
  }

  /** Whether bounds are so wide that fitting them shows cells, not elements. */
  isWide(bounds) {
    const camera = this.map.cameraForBounds(toBounds(bounds), { padding: this._room(bounds) });
    return camera !== undefined && camera.zoom < this._zooms.grid[0] + 0.5;
  }

  /** Brings a GeoJSON geometry into view, close enough to see single elements. */
  fitGeometry(geometry) {
    const points = geometry.type === "Point" ? [geometry.coordinates] : geometry.coordinates;
    const [lngs, lats] = [points.map((point) => point[0]), points.map((point) => point[1])];
    this.fit([Math.min(...lngs), Math.min(...lats), Math.max(...lngs), Math.max(...lats)], { shallowest: GRID_SHOWN + 1 });
  }

  /** Whether all of a geometry can be seen at a zoom that shows elements. */
  sees(geometry) {
    if (this.map.getZoom() < GRID_SHOWN) return false;
    const points = geometry.type === "Point" ? [geometry.coordinates] : geometry.coordinates;
    const bounds = this.map.getBounds();
    return points.every((point) => bounds.contains(point));
  }

  _move(camera) {
    if (calm.matches) this.map.jumpTo(camera);
    else this.map.flyTo({ ...camera, maxDuration: 1500 });
  }

  // --- staying true

  /** Fetches again what a change made stale: {grid: [[low, high]], hexes: [[low, high]], all}; no argument means everything. */
  refresh(stale = { all: true }) {
    const sources = this._sources();
    for (const tileset of Object.keys(this._zooms)) {
      const name = sources[tileset];
      if (!name || !this.map.getSource(name)) continue;
      if (stale.all) this.map.refreshTiles(name);
      else this._refreshTiles(name, tileset, stale[tileset] ?? []);
    }
    // An answer that was under way may still tell of the state before: look once more when all is here.
    if (!this.map.areTilesLoaded()) this._late = this._late ? { all: true } : stale;
  }

  _refreshTiles(source, tileset, ranges) {
    const deepest = this._zooms[tileset][1];
    for (const [key, tile] of this._loaded.get(source) ?? []) {
      if (isStale(tile, ranges, deepest)) this._owe(source).set(key, tile);
    }
    const stale = [...this._owe(source).values()];
    if (stale.length) this.map.refreshTiles(source, stale);
  }

  /** Stale tiles of a source that have not been fetched again. */
  _owe(source) {
    if (!this._owed.has(source)) this._owed.set(source, new Map());
    return this._owed.get(source);
  }

  /** The engine holds tiles that left the view while their labels fade, and does not refresh those: on their return. */
  _pay() {
    for (const [source, tiles] of this._owed) {
      if (tiles.size && this.map.getSource(source)) this.map.refreshTiles(source, [...tiles.values()]);
    }
  }

  _remember({ sourceId, tile }) {
    if (!tile) return;
    if (!this._loaded.has(sourceId)) this._loaded.set(sourceId, new Map());
    const tiles = this._loaded.get(sourceId);
    const { z, x, y } = tile.tileID.canonical;
    const key = `${z}/${x}/${y}`;
    this._owed.get(sourceId)?.delete(key);
    tiles.delete(key); // the newest come last
    tiles.set(key, { z, x, y });
    if (tiles.size > REMEMBERED) tiles.delete(tiles.keys().next().value);
  }

  _again() {
    const late = this._late;
    this._late = null;
    if (late) this.refresh(late);
  }
}

const toBounds = ([left, bottom, right, top]) => [
  [left, bottom],
  [right, top],
];

const tilesOf = (tileset) => template(`tiles/${tileset}/{z}/{x}/{y}.mvt${view.suffix()}`);
const tracePath = (trace) => template(`tiles/grid/{z}/{x}/{y}.mvt?trace=${encodeURIComponent(trace.id)}${trace.state === "normal" ? "&state=normal" : ""}${view.suffix("&")}`);

/** A trace that is drawn already takes the tiles of its newer answer; what was drawn stays until they are here. */
function drawTrace(map, trace) {
  const source = map.getSource("trace");
  if (!trace) removeTrace(map);
  else if (source) source.setTiles([tracePath(trace)]);
  else addTrace(map, theme.overlay(), tracePath(trace));
}

/** Where the mark of a geometry goes: halfway along the middle piece of a line. */
function middle({ type, coordinates }) {
  if (type === "Point") return coordinates;
  const piece = Math.floor(coordinates.length / 2);
  const [a, b] = [coordinates[piece - 1], coordinates[piece]];
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
}

function marks(trace) {
  const at = (place, icon, size) => ({
    type: "Feature",
    properties: { icon, size },
    geometry: { type: "Point", coordinates: [place.lng, place.lat] },
  });
  const features = [
    ...trace.boundaries.filter(placed).map((place) => at(place, "gt-boundary", 0.9)),
    ...trace.sources.filter(placed).map((place) => at(place, "gt-source", 1)),
  ];
  if (trace.start) {
    const [lng, lat] = middle(trace.start);
    features.push(at({ lng, lat }, "gt-start", 1));
  }
  if (trace.lines) features.push(...trace.lines);
  else if (trace.bounds) {
    const [left, bottom, right, top] = trace.bounds;
    const ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]];
    features.push({ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } });
  }
  return features;
}
