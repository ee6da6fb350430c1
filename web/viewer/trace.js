/** The panel of a trace: its totals, where it ends, and files to take away. */

import * as api from "./api.js";
import { $, announce, cross, h, notify, put, table } from "./dom.js";
import { className, count, counted, customers, metres, power } from "./format.js";
import { icon } from "./icons.js";
import * as requests from "./address.js";
import { virtualTable } from "./table.js";
import * as view from "./view.js";

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
  shortest_path: "Shortest path from",
};
const REASONS = { open: "open point", feeder_head: "feeder head", substation: "substation", barrier: "barrier", operable: "switch" };
const LISTED = 40;
const FEEDERS = 200;

export function hide() {
  $("trace").hidden = true;
  $("trace").replaceChildren();
}

/** does: {clear, fit, select(mrid), edit, apply(operations, name)}; name: where it starts. */
export function show(trace, request, name, does) {
  const wasOpen = $("trace-table")?.open ?? false;
  const nothing = emptiness(trace, name);
  $("trace").setAttribute("aria-labelledby", "trace-title");
  put(
    $("trace"),
    h(
      "header",
      {},
      h("span", { class: "swatch trace" }),
      h("div", {}, h("h2", { id: "trace-title" }, `${TITLES[trace.kind]} ${name}`), h("p", { class: "mrid" }, seen(trace))),
      cross("Clear the trace", does.clear),
    ),
    nothing && h("p", { class: "hint" }, nothing),
    totals(trace),
    byFeeder(trace, does),
    added(trace, name, does),
    feeders(trace, does),
    elementTable(trace, does, wasOpen),
    list("Fed from", trace.sources.map((source) => ["EnergySource", source.mrid, source.node]), does),
    list("Ends at", trace.boundaries.map((end) => [end.reason === "open" ? "Switch" : "Feeder", end.mrid, REASONS[end.reason] ?? end.reason]), does, trace.boundaries_left_out),
    h(
      "div",
      { class: "buttons" },
      h("button", { onclick: does.fit, disabled: !trace.bounds }, "Fit to map"),
      h("button", { id: "trace-edit", onclick: does.edit }, "Change"),
      h("button", { id: "trace-link", onclick: copy }, "Copy link"),
      file("CSV", "text/csv", "csv", request),
      file("GeoJSON", "application/geo+json", "geojson", request),
      file("GeoPackage", "application/geopackage+sqlite3", "gpkg", request),
      h("button", { id: "trace-clear", onclick: does.clear }, "Clear"),
    ),
  );
  $("trace").hidden = false;
  announce(nothing || `${TITLES[trace.kind]} ${name}: ${customers(trace.customers)}`);
}

/** Which state was traced. */
function seen({ state, revision }) {
  const positions = state === "normal" ? "Normal switch positions" : view.scenario() ? "As switched in the what-if" : view.isPast() ? "As switched then" : "As switched now";
  return view.scenario() ? positions : `${positions}, revision ${revision}`;
}

/** A sentence for a trace that finds nothing (but its start). */
function emptiness(trace, name) {
  const { kind, status, sums } = trace;
  if (status === "not_energized") return `${name} has no supply, so nothing feeds it. “Connected” shows what hangs together with it.`;
  if (status === "no_feeder") return `${name} belongs to no feeder.`;
  if (kind === "loops" && !trace.loops.length) return `No loop runs through the feeder around ${name}.`;
  if (kind === "protection" && !trace.devices.length) return `No breaker, recloser or fuse lies between ${name} and a source.`;
  if (kind === "isolation" || kind === "restoration") return isolated(trace, name);
  if (status === "unreachable") return `No way leads there from ${name} as the switches are.`;
  if (kind === "shortest_path") return `${metres(trace.path.length_m)} of line between them, over ${counted("Branch", trace.path.hops)}.`;
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
function added({ switches, ties, devices, restorations, loops, operations }, name, does) {
  const listed = (title, mrids, note) => list(title, (mrids ?? []).map((mrid) => ["Switch", mrid, note]), does);
  return [
    list("Close", (restorations ?? []).map((way) => ["Switch", way.tie, `${customers(way.customers)} back`]), does),
    restorations?.length > 0 && h("button", { class: "sure", id: "trace-apply", onclick: () => does.apply(operations, `Restoration around ${name}`) }, "Try it in a what-if"),
    listed("Open", switches, "to isolate"),
    listed("Keep open", ties, "open point"),
    listed("Protected by", devices, "device"),
    list("Loop at", (loops ?? []).map((loop) => ["AcLineSegment", loop.block ?? loop.sources[0], `${count(loop.length)} branches`]), does),
  ];
}

/** All elements, branches first; made when it is opened. */
function elementTable(trace, does, open) {
  const { counts } = trace.sums;
  const total = counts.AcLineSegment + counts.Switch + counts.PowerTransformer + counts.ConnectivityNode;
  const summary = h("summary", {}, `Table of all ${count(total)} elements`);
  const box = h("details", { class: "more", id: "trace-table", ontoggle: fill }, summary);
  if (total && open) box.open = true;
  return total ? box : null;

  function fill() {
    if (!box.open || box.childElementCount > 1) return;
    box.append(
      virtualTable({
        total,
        label: "Elements of the trace",
        columns: [
          ["Element", ({ mrid }) => mrid],
          ["Class", (row) => className(row.class ?? "ConnectivityNode")],
          ["Depth", ({ depth }) => count(depth)],
          ["Phases", ({ phases }) => phases],
        ],
        page: async (after) => {
          const { edges, nodes } = await api.traceElements(trace.id, after);
          return [...edges, ...nodes];
        },
        choose: ({ mrid }) => does.select(mrid),
      }),
    );
  }
}

/** The feeders that the kind of trace tells of. */
function feeders({ feeders: found }, does) {
  return list("Feeder", (found ?? []).map(({ mrid, name, parallel }) => ["Feeder", mrid, parallel ? `${name}, joined` : name]), does);
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

/** The same by feeder, which is chosen by its name. */
function byFeeder({ by_feeder: all, by_feeder_left_out: leftOut }, does) {
  if (!all.length) return null;
  const shown = all.slice(0, FEEDERS);
  const rows = shown.map(({ mrid, name, customers: served, length_m: length, rated_power_va: rated, counts }) => {
    const called = mrid ? h("button", { class: "link", title: elements(counts), onclick: () => does.select(mrid) }, name) : h("span", { title: elements(counts) }, "no feeder");
    return [called, count(served), metres(length), power(rated)];
  });
  const more = all.length - shown.length + leftOut;
  return h(
    "details",
    { class: "more", id: "trace-feeders", open: all.length < 6 },
    h("summary", {}, `By feeder: ${count(all.length + leftOut)}`),
    table("Totals by feeder", ["Feeder", "Customers", "Lines", "Rated"], rows),
    more > 0 && h("p", { class: "hint" }, `${count(more)} with fewer customers are in the answer of the API.`),
  );
}

async function copy() {
  try {
    await navigator.clipboard.writeText(location.href);
    notify("The link is copied: it shows this trace in this place and state.");
  } catch {
    notify("The browser did not let the link be copied: take it from the address bar.", "error");
  }
}

const elements = (counts) =>
  Object.entries(counts)
    .filter(([, number]) => number > 0)
    .map(([name, number]) => counted(name, number))
    .join(", ") || "none";

/** leftOut: how many more there are than rows. */
function list(title, rows, does, leftOut = 0) {
  if (!rows.length) return null;
  const all = rows.length + leftOut;
  const shown = rows.slice(0, LISTED).map(([kind, mrid, note]) =>
    h(
      "li",
      {},
      h(
        "button",
        { class: "row", onclick: () => does.select(mrid) },
        icon(kind, { open: true }),
        h("span", { class: "what" }, h("b", {}, mrid)),
        h("span", { class: "chip" }, note),
      ),
    ),
  );
  return h(
    "details",
    { class: "more" },
    h("summary", {}, `${title} ${all === 1 ? rows[0][1] : `${count(all)} places`}`),
    h("ul", { class: "rows" }, shown),
    all > shown.length && h("p", { class: "hint" }, `${count(all - shown.length)} more are in the answer of the API.`),
  );
}

function file(label, type, extension, request) {
  const name = `${request.kind} ${request.start[0]}`.replace(/[^\w.-]+/g, "_");
  const button = h("button", { onclick: get, "aria-label": `Download as ${label}` }, label);
  return button;

  async function get() {
    button.disabled = true;
    try {
      await api.download(requests.body(request), type, `${name}.${extension}`);
    } catch (error) {
      notify(error.message, "error");
    }
    button.disabled = false;
  }
}
