/** The strip of figures at the top and the list of areas without supply. */

import * as api from "./api.js";
import { told } from "./card.js";
import { $, h, put, twoStep } from "./dom.js";
import { affected, count, customers, since } from "./format.js";
import { icon } from "./icons.js";
import * as view from "./view.js";

const SHOWN = 100;

/** all customers, those out, number of outages and of feeders that they touch (null while not known). */
export function figures(all, out, open, feeders = null) {
  $("kpi-customers").textContent = count(all);
  $("kpi-out").textContent = count(out);
  $("kpi-share").textContent = all ? `${share(out / all)} %` : "–";
  $("kpi-outages").textContent = open === null ? "–" : count(open);
  if (feeders !== null) $("kpi-feeders").textContent = count(feeders);
  for (const id of ["kpi-out", "kpi-outages", "kpi-feeders"]) $(id).classList.toggle("bad", out > 0 || open > 0);
}

/** Rounded down, so that 100 % means everybody. */
function share(lost) {
  return lost === 0 ? "100" : (Math.floor((1 - lost) * 10000) / 100).toFixed(2);
}

/** How many feeders the outages touch. */
export const feedersOf = (list) => new Set(list.flatMap((outage) => outage.feeders)).size;

/** does: {fly(outage), select(mrid), again()}. operable: whether the network itself is shown, and may be operated. instant: the past one that is shown. */
export function show(list, does, { operable = true, instant = null } = {}) {
  const rows = list.slice(0, SHOWN).map((outage) => h("li", { "data-outage": outage.id }, row(outage, does, instant)));
  const asking = operable && $("outages").querySelector(".asking"); // a question stays while outages come and go
  const focused = document.activeElement;
  put(
    $("outages"),
    h("header", {}, h("h2", {}, list.length ? `${count(list.length)} ${list.length === 1 ? "outage" : "outages"}` : "No outages")),
    list.length ? h("ul", { class: "rows" }, rows) : h("p", { class: "hint" }, "Everybody who is supplied in the normal state is supplied now. Click an element on the map, or search, to trace from it or to operate it."),
    list.length > SHOWN && h("p", { class: "hint" }, `The ${count(list.length - SHOWN)} smallest are not listed.`),
    asking || (operable && twoStep("Back to normal", {
      ask: async () => ({ text: `Every switch goes back to its normal position: ${affected(await api.operate({ normal: true, dry_run: true }))}.`, label: "Back to normal" }),
      run: async () => {
        if (!view.isLive()) return; // the list is about to go
        told(await api.operate({ normal: true }), "All switches are in their normal position");
        await does.again();
      },
    })),
  );
  const at = focused.closest("[data-outage]")?.dataset.outage;
  if (asking && asking.contains(focused)) focused.focus();
  else if (at) document.querySelector(`[data-outage="${CSS.escape(at)}"] button`)?.focus();
}

function row(outage, does, instant) {
  const where = [outage.feeder, outage.substation].filter(Boolean).join(" · ");
  const more = outage.feeders.length > 1 ? ` and ${count(outage.feeders.length - 1)} more feeders` : "";
  return [
    h(
      "button",
      { class: "row dead", onclick: () => does.fly(outage) },
      icon("EnergySource"),
      h("span", { class: "what" }, h("b", {}, customers(outage.customers)), h("small", {}, (where || outage.id) + more)),
      outage.since && h("time", { datetime: outage.since }, since(outage.since, instant)),
    ),
    outage.cause && h("p", { class: "cause" }, "Open: ", h("button", { class: "link", onclick: () => does.select(outage.cause) }, outage.cause)),
  ];
}
