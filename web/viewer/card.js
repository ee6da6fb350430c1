/** The card of one element: what it is, how it is supplied, what can be done with it; and the list of all at a point. */

import * as api from "./api.js";
import { $, announce, cross, h, notify, put, twoStep } from "./dom.js";
import { affected, attribute, className, count, customers, metres, power } from "./format.js";
import { icon } from "./icons.js";
import { KINDS } from "./address.js";
import * as view from "./view.js";

const FIRST = ["upstream", "downstream", "connected"];
const MORE = ["subnetwork", "direction", "protection", "isolation", "restoration", "loops"];
const SUPPLY = { 2: ["live", "Supplied"], 1: ["some", "Partly supplied"], 0: ["dead", "No supply"] };
const HIDDEN = new Set(["kind", "normal_open", "in_service", "locked", "equivalent", "busbar", "head_mrid", "phases"]);

export function hide() {
  $("card").hidden = true;
  $("card").replaceChildren();
}

/** does: {close, select(mrid), locate(), trace(kind), revision(), again(), back: null or {count, show()}}. */
export function show(card, does) {
  const box = $("card");
  const title = h("h2", { id: "card-title" }, card.name || card.mrid);
  box.setAttribute("aria-labelledby", "card-title");
  put(
    box,
    does.back && h("button", { class: "link", onclick: does.back.show }, `← All ${count(does.back.count)} elements here`),
    h(
      "header",
      {},
      icon(card.class, { open: card.open }),
      h("div", {}, title, h("p", { class: "mrid" }, `${className(card.class)}${card.name && card.name !== card.mrid ? ` · ${card.mrid}` : ""}`)),
      cross("Close the card", does.close),
    ),
    h("p", { class: "badges" }, badges(card)),
    h("dl", { class: "facts" }, facts(card, does)),
    actions(card, does),
    neighbours(card, does),
  );
  box.hidden = false;
}

/** A deep link or a neighbour that is not there (any more). */
export function missing(mrid, reason, does) {
  put(
    $("card"),
    h("header", {}, h("h2", {}, "Not found"), cross("Close", does.close)),
    h("p", {}, `This network has no element “${mrid}”. It may have been renamed or removed since the link was made: search for it by a part of its name.`),
    reason && h("p", { class: "hint" }, reason),
  );
  $("card").hidden = false;
}

function badges(card) {
  const badge = (kind, text) => h("span", { class: `badge ${kind}` }, text);
  const found = [];
  if (card.energized !== undefined) {
    const [kind, text] = SUPPLY[card.energized];
    if (card.open) {
      const ends = ["no end live", "one end live", "both ends live"][card.live_ends];
      found.push(badge(card.live_ends ? "live" : "dead", ends));
    } else found.push(badge(kind, card.energized === 1 ? `${text} (${card.energized_phases})` : text));
  }
  if (card.open !== undefined) {
    const usual = card.open === card.normal_open ? "" : card.normal_open ? ", normally open" : ", normally closed";
    found.unshift(badge(card.open ? "open" : "closed", `${card.open ? "Open" : "Closed"}${usual}`));
  }
  if (card.attributes.in_service === false) found.push(badge("dead", "Out of service"));
  return found;
}

function facts(card, does) {
  const rows = [];
  const add = (label, value) => value !== null && value !== undefined && value !== "" && rows.push(fact(label, value));
  add("Feeder", card.feeder && link(card.feeder.name || card.feeder.mrid, () => does.select(card.feeder.mrid)));
  add("Substation", card.substation);
  add("Customers", card.customers === undefined ? null : count(card.customers));
  add("Customers behind it", card.customers_downstream === undefined ? null : count(card.customers_downstream));
  add("Phases", card.attributes.phases);
  if (card.attributes.locked) add("Locked", "may not be operated");
  if (card.attributes.equivalent) add("Equivalent", "stands for a network modelled elsewhere");
  for (const [name, value] of Object.entries(card.attributes)) {
    if (HIDDEN.has(name) || (name === "customer_count" && value < 0)) continue;
    const shown = attribute(name, value);
    if (shown) add(...shown);
  }
  if (!card.geometry) add("On the map", "not shown: it has no coordinates");
  return rows;
}

const fact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
const link = (text, then) => h("button", { class: "link", onclick: then }, text);

function actions(card, does) {
  const box = h("div", { class: "actions" });
  if (card.open !== undefined) box.append(operation(card, does));
  if (card.nodes.length || card.class === "Substation") {
    const buttons = FIRST.map((kind) => h("button", { "data-trace": kind, onclick: () => does.trace(kind) }, KINDS[kind].label));
    buttons.push(moreTraces(does));
    box.append(h("div", { class: "labelled", role: "group", "aria-label": "Trace" }, h("span", {}, "Trace"), h("div", { class: "buttons" }, buttons)));
  }
  if (card.geometry) box.append(h("button", { class: "link", onclick: does.locate }, "Show on the map"));
  return box;
}

/** The traces that are wanted less often, as a list. */
function moreTraces(does) {
  const choices = MORE.map((kind) => h("option", { value: kind }, KINDS[kind].label));
  return h(
    "select",
    { "aria-label": "More traces", id: "more-traces", onchange: ({ target }) => does.trace(target.value) },
    h("option", { value: "", disabled: true, selected: true }, "More…"),
    choices,
  );
}

function operation(card, does) {
  if (!card.operable) return h("p", { class: "hint" }, "This switch may not be operated from here.");
  if (view.isPast()) return h("p", { class: "hint" }, "This is the past: switches are operated in the live state or in a what-if.");
  const opening = !card.open;
  const operations = [{ mrid: card.mrid, open: opening }];
  const seen = view.key();
  return twoStep(`${opening ? "Open" : "Close"} this switch${view.scenario() ? " in the what-if" : ""}`, {
    danger: opening,
    ask: () => before(card, operations),
    run: async () => {
      const request = { operations, expected_revision: does.revision() };
      if (seen !== view.key()) throw new Error("Another state is shown by now, so nothing was operated. Look again, then decide.");
      try {
        told(await api.operate(request), `${card.name || card.mrid} is ${opening ? "open" : "closed"}`);
      } catch (error) {
        if (error.status !== 409) throw error;
        await does.again();
        throw new Error("The network changed in the meantime, so nothing was operated. Look again, then decide.");
      }
      await does.again();
    },
  });
}

/** Says in a note what switching did. */
export const told = (result, what) => notify(`${what}: ${affected(result)}.`);

/** Who would lose and who would get supply, in words and for the button; the server tries it, nothing is operated. */
async function before(card, operations) {
  const { lost, gained } = await api.wouldBe(operations);
  const opening = operations[0].open;
  const label = `${opening ? "Open" : "Close"} it`;
  const parts = [];
  if (lost.customers) parts.push(`${customers(lost.customers)} will lose supply`);
  if (gained.customers) parts.push(`${customers(gained.customers)} will get supply`);
  if (parts.length) return { text: `${parts.join(", ")}.`, label: lost.customers ? `${label}: ${customers(lost.customers)} out` : label };
  if (opening) return { text: card.energized === 0 ? "It has no supply, so opening it takes it from nobody." : "Nobody loses supply: what lies behind it is fed another way, or has no customers.", label };
  if (card.live_ends === 2) return { text: "Both ends are live: closing it joins them, and nobody's supply changes.", label };
  return { text: card.live_ends ? "No customer gets supply by it." : "Neither end is live: closing it alone gives nobody supply.", label };
}

function neighbours(card, does) {
  if (!card.neighbours.length) return null;
  const rows = card.neighbours.map(({ mrid, class: kind }) =>
    h(
      "li",
      {},
      h(
        "button",
        { class: "row", onclick: () => does.select(mrid) },
        icon(kind),
        h("span", { class: "what" }, h("b", {}, mrid)),
        h("span", { class: "chip" }, className(kind)),
      ),
    ),
  );
  const all = card.neighbours.length + card.neighbours_left_out;
  return h(
    "details",
    { class: "more" },
    h("summary", {}, `${count(all)} ${all === 1 ? "neighbour" : "neighbours"}`),
    h("ul", { class: "rows" }, rows),
    card.neighbours_left_out > 0 && h("p", { class: "hint" }, `${count(card.neighbours_left_out)} more are not listed.`),
  );
}

// --- what lies at a point that was clicked: often dozens of switches

const LISTED = 60;
const ORDER = ["substations", "transformers", "switches", "lines", "meters"];
const NUMBERED = { lines: "Line", substations: "Substation", switches: "Switch", transformers: "Transformer", meters: "Meter" };

/** features as NetworkMap.at gives them; `choose(feature)` with the one picked. */
export function list(features, choose, close) {
  const sorted = features.toSorted((a, b) => ORDER.indexOf(a.layer) - ORDER.indexOf(b.layer) || a.id - b.id);
  const rows = sorted.slice(0, LISTED).map((feature) => h("li", {}, listRow(feature, choose)));
  const more = features.length - rows.length;
  put(
    $("pick"),
    h(
      "header",
      {},
      h("h2", {}, `${count(features.length)} elements here`),
      cross("Close the list", close),
    ),
    h("ul", { class: "rows", id: "pick-list" }, rows),
    more > 0 && h("p", { class: "hint" }, `${count(more)} more lie here: zoom in to tell them apart.`),
  );
  $("pick").hidden = false;
  announce(`${features.length} elements at this point`);
}

export function hideList() {
  $("pick").hidden = true;
  $("pick").replaceChildren();
}

function listRow(feature, choose) {
  const { name, mrid, energized, open, feeder } = feature.properties;
  const words = [open === undefined ? null : open ? "open" : "closed", energized ? null : "no supply", feeder];
  return h(
    "button",
    { class: `row ${energized ? "" : "dead"}`, onclick: () => choose(feature) },
    icon(feature.properties.class, { open }),
    h(
      "span",
      { class: "what" },
      h("b", {}, name || mrid || `${NUMBERED[feature.layer]} ${feature.id}`),
      h("small", {}, words.filter(Boolean).join(" · ")),
    ),
    h("span", { class: "chip" }, className(feature.properties.class)),
  );
}

/** The totals of an H3 cell. */
export function cell({ h3, customers, customers_out: out, transformers, line_km: km, rated_kva: kva, energized_share: share, meters }, closer, close) {
  const fact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
  put(
    $("pick"),
    h(
      "header",
      {},
      icon("Hexagon"),
      h("div", {}, h("h2", {}, "Area"), h("p", { class: "mrid" }, `H3 cell ${h3}`)),
      cross("Close", close),
    ),
    h(
      "dl",
      { class: "totals" },
      fact("Customers", count(customers)),
      fact("Without supply", count(out)),
      fact("Transformers", count(transformers)),
      fact("Meters", count(meters)),
      fact("Lines", metres((km ?? 0) * 1000)),
      fact("Rated", power((kva ?? 0) * 1000)),
      fact("Supplied", share === undefined ? "–" : `${Math.floor(share * 1000) / 10} %`),
    ),
    h("div", { class: "buttons" }, h("button", { onclick: closer }, "Zoom in to its elements")),
  );
  $("pick").hidden = false;
}
