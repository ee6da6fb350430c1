/** The panel of a trace: its totals, where it ends, and files to take away. */

import * as api from "./api.js";
import { $, announce, h, notify, put } from "./dom.js";
import { count, counted, customers, metres, power } from "./format.js";
import { icon } from "./icons.js";

const TITLES = {
  upstream: "Upstream of",
  downstream: "Downstream of",
  connected: "Connected to",
  subnetwork: "Feeder of",
  direction: "Direction at",
  protection: "Protection of",
  isolation: "Isolating",
  restoration: "Restoring around",
  loops: "Loops around",
};
const REASONS = { open: "open point", feeder_head: "feeder head", substation: "substation", barrier: "barrier", operable: "switch" };
const LISTED = 40;

export function hide() {
  $("trace").hidden = true;
  $("trace").replaceChildren();
}

/** does: {clear, fit, select(mrid)}; name of the element it starts from. */
export function show(trace, from, name, does) {
  const nothing = emptiness(trace, name);
  $("trace").setAttribute("aria-labelledby", "trace-title");
  put(
    $("trace"),
    h(
      "header",
      {},
      h("span", { class: "swatch trace" }),
      h("div", {}, h("h2", { id: "trace-title" }, `${TITLES[trace.kind]} ${name}`), h("p", { class: "mrid" }, `As switched now, revision ${trace.revision}`)),
      h("button", { class: "quiet", "aria-label": "Clear the trace", onclick: does.clear }, "×"),
    ),
    nothing && h("p", { class: "hint" }, nothing),
    totals(trace),
    added(trace, does),
    list("Fed from", trace.sources.map((source) => ["EnergySource", source.mrid, source.node]), does),
    list("Ends at", trace.boundaries.map((end) => [end.reason === "open" ? "Switch" : "Feeder", end.mrid, REASONS[end.reason] ?? end.reason]), does),
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "button", onclick: does.fit, disabled: !trace.bounds }, "Fit to map"),
      file("CSV", "text/csv", "csv", trace.kind, from),
      file("GeoJSON", "application/geo+json", "geojson", trace.kind, from),
      h("button", { type: "button", id: "trace-clear", onclick: does.clear }, "Clear"),
    ),
  );
  $("trace").hidden = false;
  announce(nothing || `${TITLES[trace.kind]} ${name}: ${customers(trace.customers)}`);
}

/** A sentence for a trace that finds nothing (but its start). */
function emptiness(trace, name) {
  const { kind, status, sums } = trace;
  if (status === "not_energized") return `${name} has no supply, so nothing feeds it. “Connected” shows what hangs together with it.`;
  if (status === "no_feeder") return `${name} belongs to no feeder.`;
  if (kind === "loops" && !trace.loops.length) return `No loop runs through the feeder around ${name}.`;
  if (kind === "protection" && !trace.devices.length) return `No breaker, recloser or fuse lies between ${name} and a source.`;
  if (kind === "isolation" || kind === "restoration") return isolated(trace, name);
  if (kind === "loops" || kind === "protection" || kind === "direction") return null;
  const { AcLineSegment: lines, Switch: switches, PowerTransformer: transformers, ConnectivityNode: nodes } = sums.counts;
  if (lines + switches + transformers > 1 || nodes > 1) return null;
  if (kind === "downstream") return `Nothing lies downstream of ${name}: nobody depends on it.`;
  if (kind === "upstream") return `Nothing lies upstream of ${name}: it is where the supply begins.`;
  return `Nothing else is connected to ${name} as the switches are now.`;
}

function isolated({ status, kind, switches, customers_inside, customers_beyond, restorations }, name) {
  if (status === "not_isolable") return `${name} cannot be isolated: a source feeds it without a switch between them.`;
  const opening = switches.length ? `Opening ${counted("Switch", switches.length)} isolates it` : "It has no supply to be isolated from";
  const out = `${customers(customers_inside)} on the section and ${customers(customers_beyond)} beyond it are out then`;
  const ways = kind === "restoration" ? ` ${restorations.length ? "Closing one of these switches brings supply back." : "Nothing else can feed them."}` : "";
  return `${opening}; ${out}.${ways}`;
}

/** What the kind of trace says beside its elements. */
function added({ switches, ties, devices, restorations, loops }, does) {
  const listed = (title, mrids, note) => list(title, (mrids ?? []).map((mrid) => ["Switch", mrid, note]), does);
  return [
    list("Close", (restorations ?? []).map((way) => ["Switch", way.tie, `${customers(way.customers)} back`]), does),
    listed("Open", switches, "to isolate"),
    listed("Keep open", ties, "open point"),
    listed("Protected by", devices, "device"),
    list("Loop at", (loops ?? []).map((loop) => ["AcLineSegment", loop.block ?? loop.sources[0], `${count(loop.length)} branches`]), does),
  ];
}

function totals({ sums }) {
  const fact = (id, label, value) => h("div", {}, h("dt", {}, label), h("dd", { id: `total-${id}` }, value));
  const { counts } = sums;
  return h(
    "dl",
    { class: "totals" },
    fact("customers", "Customers", count(sums.customers)),
    fact("length", "Line length", metres(sums.length_m)),
    fact("power", "Transformers", power(sums.rated_power_va)),
    h("div", { class: "wide" }, h("dt", {}, "Elements"), h("dd", {}, elements(counts))),
  );
}

const elements = (counts) =>
  Object.entries(counts)
    .filter(([, number]) => number > 0)
    .map(([name, number]) => counted(name, number))
    .join(", ") || "none";

function list(title, rows, does) {
  if (!rows.length) return null;
  const shown = rows.slice(0, LISTED).map(([kind, mrid, note]) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "row", onclick: () => does.select(mrid) },
        icon(kind, { open: true }),
        h("span", { class: "what" }, h("b", {}, mrid)),
        h("span", { class: "chip" }, note),
      ),
    ),
  );
  return h(
    "details",
    { class: "more" },
    h("summary", {}, `${title} ${rows.length === 1 ? rows[0][1] : `${count(rows.length)} places`}`),
    h("ul", { class: "rows" }, shown),
    rows.length > LISTED && h("p", { class: "hint" }, `${count(rows.length - LISTED)} more are in the answer of the API.`),
  );
}

function file(label, type, extension, kind, from) {
  const name = `${kind} ${from}`.replace(/[^\w.-]+/g, "_");
  const button = h("button", { type: "button", onclick: get, "aria-label": `Download as ${label}` }, label);
  return button;

  async function get() {
    button.disabled = true;
    try {
      await api.download(kind, from, type, `${name}.${extension}`);
    } catch (error) {
      notify(error.message, "error");
    }
    button.disabled = false;
  }
}
