/** The panel of a trace: its totals, where it ends, and files to take away. */

import * as api from "./api.js";
import { $, announce, h, notify, put } from "./dom.js";
import { count, counted, customers, metres, power } from "./format.js";
import { icon } from "./icons.js";

const TITLES = { upstream: "Upstream of", downstream: "Downstream of", connected: "Connected to", subnetwork: "Feeder of" };
const REASONS = { open: "open point", feeder_head: "feeder head", substation: "substation", barrier: "barrier" };
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
function emptiness({ kind, status, sums }, name) {
  if (status === "not_energized") return `${name} has no supply, so nothing feeds it. “Connected” shows what hangs together with it.`;
  if (status === "no_feeder") return `${name} belongs to no feeder.`;
  const { AcLineSegment: lines, Switch: switches, PowerTransformer: transformers, ConnectivityNode: nodes } = sums.counts;
  if (lines + switches + transformers > 1 || nodes > 1) return null;
  if (kind === "downstream") return `Nothing lies downstream of ${name}: nobody depends on it.`;
  if (kind === "upstream") return `Nothing lies upstream of ${name}: it is where the supply begins.`;
  return `Nothing else is connected to ${name} as the switches are now.`;
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
    rows.length > LISTED && h("p", { class: "hint" }, `${count(rows.length - LISTED)} more are in the CSV file.`),
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
