/** Puts the viewer together: what is shown follows the address bar and the server's events. */

import * as address from "./address.js";
import * as api from "./api.js";
import * as banner from "./banner.js";
import * as cards from "./card.js";
import { $, announce, notify } from "./dom.js";
import * as findings from "./findings.js";
import { clock, customers, place } from "./format.js";
import * as keys from "./keys.js";
import * as legend from "./legend.js";
import { listen } from "./live.js";
import * as outages from "./outages.js";
import * as picks from "./pick.js";
import * as requests from "./request.js";
import * as search from "./search.js";
import * as time from "./time.js";
import * as tools from "./tools.js";
import * as tracer from "./tracer.js";
import * as tracing from "./tracing.js";
import * as view from "./view.js";
import * as whatif from "./whatif.js";

const RETRY_MS = 2000;
const app = { map: null, network: null, outages: [], card: null, picked: null, trace: null, model: "", revision: 0, ready: false };
window.gridtwin = app;

// --- the panel, which covers the lower part of a small screen and the right of a large one

/** Pixels on each side of the map that panels cover. */
function room() {
  const map = $("map").getBoundingClientRect();
  const panel = $("panel").getBoundingClientRect();
  const below = panel.width > map.width * 0.8;
  const margin = Math.min(60, map.width / 12);
  const most = (pixels, of) => Math.min(pixels, of * 0.6);
  return {
    top: margin,
    left: margin,
    right: margin + (below ? 0 : most(map.right - panel.left, map.width)),
    bottom: margin + (below ? most(map.bottom - panel.top, map.height) : 0),
  };
}

function openPanel(open) {
  $("panel").classList.toggle("closed", !open);
  $("grip").setAttribute("aria-expanded", String(open));
}

function reveal(id) {
  openPanel(true);
  $(id).scrollIntoView({ block: "nearest" });
}

// --- the selected element

let asking = new AbortController();

/** Shows the card of an element by mrid; fly: whether to bring it into view if it is out of sight. */
async function select(mrid, { fly = true, push = true, card = null, keep = false } = {}) {
  asking.abort();
  asking = new AbortController();
  picks.hide();
  if (!keep) app.picked = null;
  if (push) address.write({ element: mrid });
  try {
    app.card = card ?? (await api.element(mrid, asking.signal));
  } catch (error) {
    if (error.name === "AbortError") return;
    unselect({ push: false });
    if (error.status === 404) cards.missing(mrid, null, { close: () => unselect() });
    else notify(error.message, "error");
    reveal("card");
    return;
  }
  drawCard();
  const { geometry } = app.card;
  if (fly && geometry && app.map && !app.map.sees(geometry)) app.map.fitGeometry(geometry);
  if (push) reveal("card");
  announce(`${app.card.name || mrid} selected`);
}

function drawCard() {
  const { card } = app;
  cards.show(card, {
    close: () => unselect(),
    select: (mrid) => select(mrid),
    locate: () => app.map?.fitGeometry(card.geometry),
    trace: (kind) => tracing.run(requests.simple(kind, card.mrid)),
    revision: () => (view.scenario() ? whatif.steps() : app.revision),
    again: () => changed(),
    back: app.picked && { count: app.picked.length, show: () => choices(app.picked) },
  });
  app.map?.showSelection(card.geometry);
}

function unselect({ push = true } = {}) {
  app.card = app.picked = null;
  cards.hide();
  picks.hide();
  app.map?.showSelection(null);
  if (push) address.write({ element: null });
}

/** A click on the map: the one element there, or a list of all. */
function clicked({ point }) {
  const found = app.map.at(point);
  const places = tracer.wanted(found);
  if (places) return picked(places);
  const finding = app.map.findingAt(point);
  if (finding !== null) return findings.choose(finding);
  const outage = app.map.outageAt(point);
  if (outage) return flyTo(app.outages.find(({ id }) => id === outage));
  if (!found.length) return unselect();
  app.picked = null;
  if (found[0].layer === "hexes") {
    unselect();
    picks.cell(found[0].properties, () => closer(point), unselect);
    return reveal("pick");
  }
  return found.length === 1 ? choose(found[0]) : choices(found);
}

function choices(found) {
  unselect();
  app.picked = found;
  picks.show(found, choose, unselect);
  reveal("pick");
}

/** A click that means a place of the trace that is being asked for. */
function picked(found) {
  if (!found.length || found[0].layer === "hexes") return notify("There is no element here: zoom in and click one.");
  if (found.length === 1) return pickedOne(found[0]);
  picks.show(found, pickedOne, () => picks.hide());
  return reveal("pick");
}

async function pickedOne({ layer, id }) {
  picks.hide();
  const card = await quietly(api.feature(layer, id, app.network.model));
  if (card) tracer.take(card.mrid);
}

function closer(point) {
  app.map.map.flyTo({ center: app.map.map.unproject(point), zoom: 13.5, maxDuration: 1500 });
}

/** An element as the map knows it: tiles carry mrids only when zoomed in. */
async function choose({ layer, id }) {
  try {
    const card = await api.feature(layer, id, app.network.model);
    await select(card.mrid, { fly: false, card, keep: true });
  } catch (error) {
    if (error.status === 410) return replaced();
    notify(error.message, "error");
  }
  return undefined;
}

// --- outages

function flyTo(outage) {
  if (outage.bounds) app.map?.fit(outage.bounds, { shallowest: 12 });
  else notify("This outage has no place on the map: none of its elements has coordinates.");
}

async function readOutages() {
  const asked = view.key();
  const answer = await api.outages();
  if (asked !== view.key() || (view.isLive() && answer.revision < app.revision)) return;
  if (view.isLive()) app.revision = answer.revision;
  app.outages = answer.outages;
  outages.figures(app.network.customers, answer.customers_out, app.outages.length, outages.feedersOf(app.outages));
  const does = { fly: flyTo, select: (mrid) => select(mrid), again: () => update({ own: true }) };
  outages.show(app.outages, does, { operable: view.isLive() });
  app.map?.showOutages(app.outages);
}

// --- which state is shown

/** Shows another state everywhere: {} is the live one. */
async function look(next, { push = true, passing = false } = {}) {
  view.choose(next);
  if (push) address.write({ view: next }, { passing });
  app.map?.look();
  tellState();
  time.draw();
  try {
    const network = await api.network();
    if (view.key() !== view.key(next)) return;
    app.network = network;
    time.figures(network);
    await update({ own: true });
  } catch (error) {
    if (view.key() !== view.key(next)) return;
    notify(error.message, "error");
    if (!view.isLive()) await look({});
  }
}

/** After an operation made here. Tiles of the live state are refreshed when the stream tells which. */
async function changed() {
  if (!view.isLive()) app.map?.look();
  await update({ own: true });
}

/** Operations that a trace proposes become a step of the what-if that is shown, or of a new one. */
async function apply(operations, name) {
  try {
    if (!view.scenario()) await look({ scenario: (await api.makeScenario(name)).id });
    tools.open("whatif");
    await api.operate({ operations, note: name });
    await changed();
  } catch (error) {
    notify(error.message, "error");
  }
}

/** The banner, in the words of what is shown. */
function tellState() {
  const back = () => look({});
  if (view.isLive()) banner.show(null, back);
  else if (view.isPast()) banner.show(time.banner(), back);
  else banner.show(`You see the what-if “${whatif.name()}”. Switches operate in it alone.`, back);
}

async function readScenario() {
  await whatif.refresh(app.outages);
  if (view.scenario()) tellState();
}

// --- staying true to the server

let updating = null;
let wanted = null;

/** Reads again whatever a switching operation may have changed, one round at a time; own: one made here. */
function update({ own = false } = {}) {
  wanted = { own: own || (wanted?.own ?? false) };
  updating ??= (async () => {
    while (wanted) {
      const round = wanted;
      wanted = null;
      await readOutages();
      await Promise.all([readCard(round.own), readScenario()]);
      await tracing.again();
    }
  })().finally(() => (updating = null));
  return updating;
}

/** A question that is being answered stays, unless the answer was just given. */
async function readCard(own) {
  if (!app.card || (!own && document.querySelector("#card .asking"))) return;
  const card = await api.element(app.card.mrid);
  if (card.mrid !== app.card?.mrid) return;
  app.card = card;
  drawCard();
  if (own && document.activeElement === document.body) $("card").focus({ preventScroll: true });
}

const quietly = (promise) => promise.catch((error) => void (error.status !== 0 && notify(error.message, "error")));

function onEvent(name, data) {
  if (data.model !== app.model) return replaced();
  quietly(time.reached(data.revision));
  if (!view.isLive()) return undefined; // what is shown does not change; on the way back all is read again
  const behind = data.revision > app.revision;
  if (name === "revision") {
    app.map?.refresh(data.stale);
    outages.figures(app.network.customers, data.customers_out, data.outages);
    announce(`${customers(data.customers_out)} without supply`);
  } else if (behind) app.map?.refresh();
  if (behind || name === "revision") quietly(update());
  return undefined;
}

/** Another network is served now: everything is read anew. */
function replaced() {
  location.reload();
}

let lostAt = null;

function onConnection(connected) {
  const live = $("live");
  if (connected) {
    live.className = "on";
    $("live-text").textContent = "Live";
    live.title = "Changes appear here as they happen.";
    if (lostAt) {
      if (view.isLive()) app.map?.refresh();
      quietly(update());
    }
    lostAt = null;
    return;
  }
  lostAt ??= new Date();
  live.className = "off";
  $("live-text").textContent = `Not live since ${clock(lostAt)}`;
  live.title = "The connection to the server is lost; what you see may be out of date. Trying again…";
}

/** How the network is shown, on the map and in the legend. */
function show(display) {
  app.map?.display(display);
  legend.show(display, (changed) => {
    address.write({ display: changed }, { passing: true });
    show(changed);
  });
}

// --- beginning

/** Whatever the address bar names. */
async function restore({ fly }) {
  const { element, trace, view: wanted, display } = address.read();
  show(display);
  if (view.key(wanted) !== view.key()) await look(wanted, { push: false });
  if (element) await select(element, { push: false, fly });
  else unselect({ push: false });
  if (trace) await tracing.run(trace, { push: false, quiet: !fly });
  else tracing.clear({ push: false });
}

/** The network and its style in the state of the address, or where there is no such state (any more) in the live one. */
async function beginning() {
  try {
    return await Promise.all([api.network(), api.style()]);
  } catch (error) {
    if (view.isLive() || error.status === 0 || error.status >= 500) throw error;
    notify(`The link shows a state that cannot be shown: ${error.message} You see the live state.`, "error");
    view.choose({});
    address.write({ view: {} }, { passing: true });
    return Promise.all([api.network(), api.style()]);
  }
}

function setUpTools() {
  tools.setUp(reveal);
  tools.add("whatif", { opened: () => quietly(readScenario()) });
  tracing.setUp(app, {
    reveal: () => reveal("trace"),
    select: (mrid) => select(mrid),
    edit: (request) => {
      tracer.edit(request);
      tools.open("tracer", { focus: true });
    },
    apply,
  });
  tracer.setUp({
    run: (request) => tracing.run(request),
    selected: () => app.card?.mrid ?? notify("No element is selected: click one, or search for it."),
    close: () => tools.close("tracer"),
    picking: (field) => document.body.classList.toggle("picking", field !== null),
  });
  tools.add("tracer", { opened: () => app.trace && tracer.edit(app.trace.request), closed: tracer.stop });
  findings.setUp({
    close: () => tools.close("findings"),
    show: (found) => app.map?.showFindings(found),
    fly: ({ lng, lat }) => lng !== null && app.map?.fit([lng, lat, lng, lat], { deepest: 14 }),
    select: (mrid) => select(mrid, { fly: false }),
  });
  tools.add("findings", findings);
  keys.setUp({
    t: ["Trace", () => tools.toggle("tracer")],
    w: ["What-if", () => tools.toggle("whatif")],
    h: ["Time (history)", () => tools.toggle("time")],
    f: ["Findings", () => tools.toggle("findings")],
    l: ["Legend", () => ($("legend").open = !$("legend").open)],
    m: ["To the map", () => document.querySelector("#map canvas")?.focus()],
    "?": ["This sheet", keys.help],
  });
  $("open-help").addEventListener("click", keys.help);
  tools.add("time", {
    opened: async () => {
      await quietly(time.opened());
      time.figures(app.network);
      if (view.isPast()) tellState();
    },
    closed: time.closed,
  });
  time.setUp({ look, close: () => tools.close("time") });
  whatif.setUp({
    enter: (id) => look({ scenario: id }),
    leave: () => look({}),
    changed,
    close: () => tools.close("whatif"),
    compare: (trace) => app.map?.showChanges(trace),
    select: (mrid) => select(mrid),
  });
}

async function patiently(read) {
  for (;;) {
    try {
      const answer = await read();
      for (const note of document.querySelectorAll("#notes .trying")) note.remove();
      return answer;
    } catch (error) {
      $("live").className = "off";
      $("live-text").textContent = "No answer yet";
      notify(`${error.message} Trying again…`, "error trying");
      await new Promise((then) => setTimeout(then, RETRY_MS));
    }
  }
}

async function drawMap(style) {
  const { NetworkMap, webglWorks } = await import("./map.js");
  if (!webglWorks()) {
    notify("This browser offers no WebGL 2, so the map cannot be drawn. Search, cards, traces and outages still work.", "error");
    return;
  }
  const { bounds, zooms } = app.network;
  if (!bounds) notify("No element of this network has coordinates, so the map is empty. Search still finds everything.");
  await document.fonts.load("12px 'Noto Sans'").catch(() => []);
  app.map = new NetworkMap($("map"), { style, bounds, zooms, room });
  app.map.map.on("click", (event) => clicked(event));
  app.map.map.getCanvas().addEventListener("keydown", ({ key }) => {
    if (key === "Enter") clicked({ point: app.map.middle() }); // where the crosshair is
  });
  const coordinates = $("coordinates");
  app.map.map.on("mouseout", () => (coordinates.hidden = true));
  app.map.map.on("mousemove", ({ point, lngLat }) => {
    coordinates.hidden = false;
    coordinates.textContent = place(lngLat);
    const hit = app.map.map.loaded() && (app.map.outageAt(point) || app.map.at(point).length);
    app.map.map.getCanvas().style.cursor = hit ? "pointer" : "";
  });
  app.map.map.on("error", ({ error }) => {
    if (error?.status === 410) replaced();
    else if (error?.status >= 500) notify("Some of the map could not be fetched.", "error");
  });
}

async function begin() {
  show(address.read().display);
  setUpTools();
  $("grip").addEventListener("click", () => openPanel($("panel").classList.contains("closed")));
  if (matchMedia("(max-width: 760px)").matches) $("legend").open = false;
  const hadPlace = location.hash.length > 1;
  const live = await patiently(api.network);
  view.choose(address.read().view);
  const [network, style] = await patiently(beginning);
  app.network = network;
  [app.model, app.revision] = [live.model, live.revision];
  $("network-name").textContent = network.name;
  document.title = `${network.name || "Network"} – gridtwin`;
  outages.figures(network.customers, network.customers_out, null);
  await drawMap(style);
  search.setUp((result) => select(result.mrid));
  addEventListener("popstate", () => restore({ fly: false }));
  addEventListener("keydown", ({ key, target }) => key === "Escape" && target.tagName !== "INPUT" && (tracer.stop() || unselect()));
  listen({ onEvent, onConnection });
  time.reached(live.revision);
  if (view.scenario()) tools.open("whatif");
  if (view.isPast()) tools.open("time");
  if (!view.isLive()) tellState();
  await Promise.all([quietly(readOutages().then(readScenario)), restore({ fly: !hadPlace })]);
  // The state may have moved on before anybody listened.
  if (app.revision > live.revision) app.map?.refresh();
  app.ready = true;
}

begin();
