/** What the map's signs mean. Every difference in colour is one of shape or dash too. */

import { $, h, svg } from "./dom.js";
import { icon } from "./icons.js";

export function show() {
  const line = (kind, dash) =>
    svg("svg", { viewBox: "0 0 28 18", class: `icon wide ${kind}`, "aria-hidden": "true" }, svg("path", { d: "M2 9h24", stroke: "currentColor", "stroke-width": 3, "stroke-dasharray": dash }));
  const row = (sign, text) => h("li", {}, sign, text);
  const diamond = { fill: "none", stroke: "currentColor", "stroke-width": 2 };
  const end = () => svg("svg", { viewBox: "0 0 28 18", class: "icon wide trace", "aria-hidden": "true" }, svg("path", { d: "M14 2l7 7-7 7-7-7zM11 9h6", ...diamond }));
  const sign = (name, kind, options) => {
    const drawn = icon(name, options);
    drawn.classList.add(kind);
    return drawn;
  };
  $("legend-body").replaceChildren(
    h(
      "ul",
      {},
      row(line("live", null), "Supplied"),
      row(line("some", "9 2.5"), "Partly supplied"),
      row(line("dead", "5 3.5"), "No supply"),
      row(h("span", { class: "swatch trace" }), "Trace, with its flow"),
      row(end(), "Where a trace ends"),
    ),
    h(
      "ul",
      {},
      row(sign("Substation", "ink"), "Substation"),
      row(sign("PowerTransformer", "live"), "Transformer"),
      row(sign("Switch", "live"), "Closed switch"),
      row(sign("Switch", "dead", { open: true }), "Open switch"),
      row(h("span", { class: "ramp" }), "Customers, by area"),
    ),
  );
}
