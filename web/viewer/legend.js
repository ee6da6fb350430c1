/** What the map's signs mean, and which of them are shown. Every difference in colour is one of shape or dash too. */

import { $, h, put, svg } from "./dom.js";
import { COLOURS, MEASURES, PHASES, VOLTAGES, palette, ramp, steps } from "./display.js";
import { brief } from "./format.js";
import { icon } from "./icons.js";

/** shown: as in display.js; `change(shown)` after a choice. */
export function show(shown, change) {
  const focused = document.activeElement?.dataset?.part ?? document.activeElement?.id;
  const hide = (part) => {
    const hidden = shown.hidden.includes(part) ? shown.hidden.filter((each) => each !== part) : [...shown.hidden, part];
    change({ ...shown, hidden });
  };
  const row = (part, sign, text) =>
    h("li", {}, h("button", { class: "toggle", "data-part": part, "aria-pressed": String(!shown.hidden.includes(part)), onclick: () => hide(part) }, sign, h("span", {}, text)));
  put(
    $("legend-body"),
    h("div", { class: "choices" }, choice("legend-colour", "Colours tell", COLOURS, shown.colour, (colour) => change({ ...shown, colour })), choice("legend-measure", "Cells show", labels(MEASURES), shown.measure, (measure) => change({ ...shown, measure }))),
    h("ul", { "aria-label": "Supply" }, row("live", line("live", null), "Supplied"), row("some", line("some", "9 2.5"), "Partly supplied"), row("dead", line("dead", "5 3.5"), "No supply"), row("lines", sign("AcLineSegment", "ink"), "Lines"), row("cells", icon("Hexagon"), "Areas"), row("context", icon("Pin"), "Background")),
    h(
      "ul",
      { "aria-label": "Elements" },
      row("substations", sign("Substation", "ink"), "Substation"),
      row("transformers", sign("PowerTransformer", "live"), "Transformer"),
      row("closed", sign("Switch", "live"), "Closed switch"),
      row("open", sign("Switch", "dead", { open: true }), "Open switch"),
      row("meters", sign("EnergyConsumer", "live"), "Meter"),
    ),
    cells(shown.measure),
    h("ul", { class: "meanings", "aria-label": "Colours" }, colours(shown.colour), h("li", {}, h("span", { class: "swatch trace" }), "Trace"), h("li", {}, end(), "Where it ends"), h("li", {}, outage(), "Outage and its customers")),
  );
  if (focused) document.querySelector(`#legend [data-part="${focused}"], #legend #${CSS.escape(focused)}`)?.focus();
}

const labels = (measures) => Object.fromEntries(Object.entries(measures).map(([name, { label }]) => [name, label]));

function choice(id, label, options, chosen, then) {
  const each = Object.entries(options).map(([value, text]) => h("option", { value, selected: value === chosen }, text));
  return h("label", {}, h("span", {}, label), h("select", { id, onchange: ({ target }) => then(target.value) }, each));
}

const sign = (name, kind, options) => {
  const drawn = icon(name, options);
  drawn.classList.add(kind);
  return drawn;
};
const drawing = (kind, ...shapes) => svg("svg", { viewBox: "0 0 28 18", class: `icon wide ${kind}`, "aria-hidden": "true" }, ...shapes);
const line = (kind, dash) => drawing(kind, svg("path", { d: "M2 9h24", stroke: "currentColor", "stroke-width": 3, "stroke-dasharray": dash }));
const end = () => drawing("trace", svg("path", { d: "M14 2l7 7-7 7-7-7zM11 9h6", fill: "none", stroke: "currentColor", "stroke-width": 2 }));

const outage = () => drawing("dead", svg("circle", { cx: 14, cy: 9, r: 8.5, fill: "currentColor" }), svg("path", { d: "M11.5 7 14 5v8m-2.5 0h5", fill: "none", class: "on-dead", "stroke-width": 1.6 }));

/** A line in a colour that no class of the stylesheet has. */
function swatch(colour, width = 3) {
  return drawing("", svg("path", { d: "M2 9h24", stroke: colour, "stroke-width": width }));
}

function colours(by) {
  const some = palette();
  if (by === "voltage") {
    const used = [some[7], some[0], some[2], some[4]];
    return VOLTAGES.map(([text], number) => h("li", {}, swatch(used[number], 1.5 + 1.5 * number), text));
  }
  if (by === "phase") return PHASES.map(([text], number) => h("li", {}, swatch(some[number]), number < 2 ? `${text} phases` : `phase ${text}`));
  if (by === "feeder") return h("li", { class: "wide-text" }, "Feeders take seven colours in turn, so two may share one; closer in, their names stand at the lines.");
  return null;
}

/** The colours of cells, each with a value that has it. */
function cells(measure) {
  const share = measure === "energized_share";
  const colours = share ? ramp(measure).toReversed() : ramp(measure);
  const text = (value) => (share ? `${value * 100} %` : brief(Math.round(value)));
  const each = steps(measure).map((value, at) => h("li", {}, svg("svg", { viewBox: "0 0 60 8", class: "icon scale", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { width: 60, height: 8, fill: colours[at] })), text(value)));
  return h("ul", { class: "scales", "aria-label": MEASURES[measure].label }, each);
}
