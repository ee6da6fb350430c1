/** The selected element: by a click, from a list or by mrid; its card stays true to the state that is shown. */

import * as address from "./address.js";
import * as api from "./api.js";
import { app, quietly, replaced } from "./app.js";
import * as cards from "./card.js";
import { $, announce, notify } from "./dom.js";
import * as findings from "./findings.js";
import * as panel from "./panel.js";
import * as tracer from "./tracer.js";
import * as tracing from "./tracing.js";
import * as view from "./view.js";
import * as whatif from "./whatif.js";

let does = null;

/** callbacks: {changed(), after an operation; fly(outage)}. */
export function setUp(callbacks) {
  does = callbacks;
}

let asking = new AbortController();

/** Shows the card of an element by mrid; fly: whether to bring it into view if it is out of sight. */
export async function select(mrid, { fly = true, push = true, card = null, keep = false } = {}) {
  asking.abort();
  asking = new AbortController();
  cards.hideList();
  if (!keep) app.picked = null;
  if (push) address.write({ element: mrid });
  try {
    app.card = card ?? (await api.element(mrid, asking.signal));
  } catch (error) {
    if (error.name === "AbortError") return;
    unselect({ push: false });
    if (error.status === 404) cards.missing(mrid, null, { close: () => unselect() });
    else notify(error.message, "error");
    panel.reveal("card");
    return;
  }
  drawCard();
  const { geometry } = app.card;
  if (fly && geometry && app.map && !app.map.sees(geometry)) app.map.fitGeometry(geometry);
  if (push) panel.reveal("card");
  announce(`${app.card.name || mrid} selected`);
}

function drawCard() {
  const { card } = app;
  cards.show(card, {
    close: () => unselect(),
    select: (mrid) => select(mrid),
    locate: () => app.map?.fitGeometry(card.geometry),
    trace: (kind) => tracing.run(address.simple(kind, card.mrid)),
    revision: () => (view.scenario() ? whatif.steps() : app.revision),
    again: () => does.changed(),
    back: app.picked && { count: app.picked.length, show: () => choices(app.picked) },
  });
  app.map?.showSelection(card.geometry);
}

export function unselect({ push = true } = {}) {
  app.card = app.picked = null;
  cards.hide();
  cards.hideList();
  app.map?.showSelection(null);
  if (push) address.write({ element: null });
}

/** A place without an element: it is marked, and the map goes there. */
export function goTo({ lng, lat }) {
  unselect();
  app.map?.showSelection({ type: "Point", coordinates: [lng, lat] });
  app.map?.fit([lng, lat, lng, lat]);
}

/** A click on the map: the one element there, or a list of all. */
export function clicked({ point }) {
  const found = app.map.at(point);
  const places = tracer.wanted(found);
  if (places) return picked(places);
  const finding = app.map.findingAt(point);
  if (finding !== null) return findings.choose(finding);
  const outage = app.map.outageAt(point);
  if (outage?.cluster) return quietly(app.map.spread(outage));
  if (outage) return does.fly(app.outages.find(({ id }) => id === outage.id));
  if (!found.length) return unselect();
  app.picked = null;
  if (found[0].layer === "hexes") {
    unselect();
    cards.cell(found[0].properties, () => closer(point), unselect);
    return panel.reveal("pick");
  }
  return found.length === 1 ? choose(found[0]) : choices(found);
}

function choices(found) {
  unselect();
  app.picked = found;
  cards.list(found, choose, unselect);
  panel.reveal("pick");
}

/** A click that means a place of the trace that is being asked for. */
function picked(found) {
  if (!found.length || found[0].layer === "hexes") return notify("There is no element here: zoom in and click one.");
  if (found.length === 1) return pickedOne(found[0]);
  cards.list(found, pickedOne, () => cards.hideList());
  return panel.reveal("pick");
}

async function pickedOne({ layer, id }) {
  cards.hideList();
  const card = await quietly(api.feature(layer, id, app.network.model));
  if (card) tracer.take(card.mrid);
}

function closer(point) {
  const { lng, lat } = app.map.map.unproject(point);
  app.map.fit([lng, lat, lng, lat], { deepest: 13.5 });
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

/** A question that is being answered stays, unless the answer was just given. */
export async function again(own) {
  if (!app.card || (!own && document.querySelector("#card .asking"))) return;
  const card = await api.element(app.card.mrid);
  if (card.mrid !== app.card?.mrid) return;
  app.card = card;
  drawCard();
  if (own && document.activeElement === document.body) $("card").focus({ preventScroll: true });
}
