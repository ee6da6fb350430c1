/** Puts the viewer together: what is shown follows the address bar and the server's events. */

import * as address from "./address.js";
import * as api from "./api.js";
import { app, quietly, replaced } from "./app.js";
import { onConnection, onEvent } from "./connection.js";
import { $, notify } from "./dom.js";
import { place } from "./format.js";
import * as legend from "./legend.js";
import { listen } from "./live.js";
import * as outages from "./outages.js";
import * as panel from "./panel.js";
import * as search from "./search.js";
import * as sections from "./sections.js";
import * as selection from "./selection.js";
import * as states from "./states.js";
import * as time from "./time.js";
import * as tracer from "./tracer.js";
import * as tracing from "./tracing.js";
import * as view from "./view.js";

const RETRY_MS = 2000;
const font = document.fonts.load("12px 'Noto Sans'").catch(() => []);
window.gridtwin = app;

/** How the network is shown, on the map and in the legend. */
function show(display) {
  app.map?.display(display);
  legend.show(display, (changed) => {
    address.write({ display: changed }, { passing: true });
    show(changed);
  });
}

/** Whatever the address bar names. */
async function restore({ fly }) {
  const { element, trace, view: wanted, display } = address.read();
  show(display);
  if (view.key(wanted) !== view.key()) await states.look(wanted, { push: false });
  if (element) await selection.select(element, { push: false, fly });
  else selection.unselect({ push: false });
  if (trace) await tracing.run(trace, { push: false, quiet: !fly });
  else tracing.clear({ push: false });
}

/** The live network, and the network and its style in the state of the address, all asked for at once. */
function answers() {
  view.choose({});
  const live = api.network();
  view.choose(address.read().view);
  return Promise.all([live, beginning(live)]);
}

/** Where there is no such state as the address names (any more), the live one. */
async function beginning(live) {
  const seen = () => Promise.all([view.isLive() ? live : api.network(), api.style()]);
  try {
    return await seen();
  } catch (error) {
    if (view.isLive() || error.status === 0 || error.status >= 500) throw error;
    notify(`The link shows a state that cannot be shown: ${error.message} You see the live state.`, "error");
    view.choose({});
    address.write({ view: {} }, { passing: true });
    return seen();
  }
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

async function drawMap(engine, style) {
  const { drawn } = await engine;
  const { bounds, zooms } = app.network;
  await font;
  app.map = drawn($("map"), { style, bounds, zooms, room: panel.room });
  if (!app.map) {
    notify("This browser offers no WebGL 2, so the map cannot be drawn. Search, cards, traces and outages still work.", "error");
    return;
  }
  if (!bounds) notify("No element of this network has coordinates, so the map is empty. Search still finds everything.");
  app.map.map.on("click", (event) => selection.clicked(event));
  app.map.map.getCanvas().addEventListener("keydown", ({ key }) => {
    if (key === "Enter") selection.clicked({ point: app.map.middle() }); // where the crosshair is
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
  sections.setUp();
  panel.setUp();
  if (matchMedia("(max-width: 760px)").matches) $("legend").open = false;
  const hadPlace = location.hash.length > 1;
  const engine = import("./map.js"); // which is large, so it loads while the server is asked
  const [live, [network, style]] = await patiently(answers);
  app.network = network;
  [app.model, app.revision] = [live.model, live.revision];
  $("network-name").textContent = network.name;
  document.title = `${network.name || "Network"} – gridtwin`;
  outages.figures(network.customers, network.customers_out, null);
  await drawMap(engine, style);
  search.setUp((result) => (result.mrid ? selection.select(result.mrid) : selection.goTo(result)));
  addEventListener("popstate", () => restore({ fly: false }));
  addEventListener("keydown", ({ key, target }) => key === "Escape" && target.tagName !== "INPUT" && (tracer.stop() || selection.unselect()));
  listen({ onEvent, onConnection });
  time.reached(live.revision);
  if (view.scenario()) panel.open("whatif");
  if (view.isPast()) panel.open("time");
  if (!view.isLive()) states.tellState();
  await Promise.all([quietly(states.readOutages().then(states.readScenario)), restore({ fly: !hadPlace })]);
  // The state may have moved on before anybody listened.
  if (app.revision > live.revision) app.map?.refresh();
  app.ready = true;
}

begin();
