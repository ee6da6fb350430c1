/** What lies at a point that was clicked: often dozens of switches. */

import { $, announce, h, put } from "./dom.js";
import { className, count, metres } from "./format.js";
import { icon } from "./icons.js";

const SHOWN = 60;
const ORDER = ["substations", "transformers", "switches", "lines", "meters"];
const NUMBERED = { lines: "Line", substations: "Substation", switches: "Switch", transformers: "Transformer", meters: "Meter" };

/** features as NetworkMap.at gives them; `choose(feature)` with the one picked. */
export function show(features, choose, close) {
  const sorted = features.toSorted((a, b) => ORDER.indexOf(a.layer) - ORDER.indexOf(b.layer) || a.id - b.id);
  const rows = sorted.slice(0, SHOWN).map((feature) => h("li", {}, row(feature, choose)));
  const more = features.length - rows.length;
  put(
    $("pick"),
    h(
      "header",
      {},
      h("h2", {}, `${count(features.length)} elements here`),
      h("button", { class: "quiet", "aria-label": "Close the list", onclick: close }, "×"),
    ),
    h("ul", { class: "rows", id: "pick-list" }, rows),
    more > 0 && h("p", { class: "hint" }, `${count(more)} more lie here: zoom in to tell them apart.`),
  );
  $("pick").hidden = false;
  announce(`${features.length} elements at this point`);
}

export function hide() {
  $("pick").hidden = true;
  $("pick").replaceChildren();
}

function row(feature, choose) {
  const { name, mrid, energized, open, feeder } = feature.properties;
  const words = [open === undefined ? null : open ? "open" : "closed", energized ? null : "no supply", feeder];
  return h(
    "button",
    { type: "button", class: `row ${energized ? "" : "dead"}`, onclick: () => choose(feature) },
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
export function cell({ h3, customers, customers_out: out, transformers, line_km: km, meters }, closer, close) {
  const fact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
  put(
    $("pick"),
    h(
      "header",
      {},
      icon("Hexagon"),
      h("div", {}, h("h2", {}, "Area"), h("p", { class: "mrid" }, `H3 cell ${h3}`)),
      h("button", { class: "quiet", "aria-label": "Close", onclick: close }, "×"),
    ),
    h(
      "dl",
      { class: "totals" },
      fact("Customers", count(customers)),
      fact("Without supply", count(out)),
      fact("Transformers", count(transformers)),
      fact("Meters", count(meters)),
      fact("Lines", metres((km ?? 0) * 1000)),
    ),
    h("div", { class: "buttons" }, h("button", { type: "button", onclick: closer }, "Zoom in to its elements")),
  );
  $("pick").hidden = false;
}
