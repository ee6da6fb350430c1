/** What the server's events change on the page, and what is said while it is not connected. */

import { app, quietly, replaced } from "./app.js";
import { $, announce } from "./dom.js";
import { clock, customers } from "./format.js";
import * as outages from "./outages.js";
import { update } from "./states.js";
import * as time from "./time.js";
import * as view from "./view.js";

export function onEvent(name, data) {
  if (data.model !== app.model) return replaced();
  quietly(time.reached(data.revision));
  if (!view.isLive()) return undefined; // what is shown does not change; on the way back all is read again
  const behind = data.revision > app.revision;
  if (name === "revision") {
    app.map?.refresh(data.stale);
    outages.figures(app.network.customers, data.customers_out, data.outages ?? null);
    announce(`${customers(data.customers_out)} without supply`);
  } else if (behind) app.map?.refresh();
  if (behind || name === "revision") quietly(update());
  return undefined;
}

let lostAt = null;

export function onConnection(connected) {
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
