/** The form of a trace: its kind, where it starts, what stops it, phases and state; places are picked on the map. */

import { $, announce, cross, h, put } from "./dom.js";
import * as requests from "./address.js";

const EMPTY = { kind: "downstream", start: [], to: [], barriers: [], phases: "", state: "current" };
const PLACES = { start: "Start", to: "To", barriers: "Barriers" };
const BRANCHES = new Set(["lines", "switches", "transformers"]);
let does = null;
let request = EMPTY;
let picking = null; // start, to or barriers, while a click on the map means one of them

/** callbacks: {run(request), selected(), close(), picking(field or null)}. */
export function setUp(callbacks) {
  does = callbacks;
  draw();
}

/** Takes over what is shown. */
export function edit(shown) {
  request = { ...EMPTY, ...shown };
  draw();
}

/** Features of the map that the field that is being picked may hold; null while nothing is picked. */
export function wanted(found) {
  if (!picking) return null;
  return picking === "barriers" ? found.filter(({ layer }) => BRANCHES.has(layer)) : found;
}

/** An element was picked on the map. */
export function take(mrid) {
  const field = picking;
  pick(null);
  add(field, mrid);
}

export function stop() {
  if (!picking) return false;
  pick(null);
  return true;
}

function pick(field) {
  picking = field;
  does.picking(field);
  draw();
  if (field) {
    announce(`Click the map to choose: ${PLACES[field]}`);
    document.querySelector(`[data-pick="${field}"]`)?.focus();
  }
}

function add(field, mrid) {
  if (!mrid) return;
  const others = field === "to" ? [] : request[field].filter((each) => each !== mrid);
  change({ [field]: [...others, mrid] });
}

/** A change of a trace that is complete shows at once. */
function change(parts) {
  request = { ...request, ...parts };
  draw();
  if (complete()) does.run(request);
}

const complete = () => request.start.length > 0 && (request.kind !== "shortest_path" || request.to.length > 0);

function draw() {
  const places = Object.keys(PLACES).filter((field) => field === "start" || requests.takes(request, field));
  const focused = document.activeElement?.dataset?.keep;
  put(
    $("tracer"),
    h("header", {}, h("h2", { id: "tracer-title" }, "Trace"), cross("Close the trace form", does.close)),
    h("label", { class: "instant" }, h("span", {}, "Kind"), kinds()),
    places.map(place),
    h("div", { class: "instant" }, requests.takes(request, "phases") && phases(), state()),
    h("button", { class: "sure", id: "tracer-run", "data-keep": "run", disabled: !complete(), onclick: () => does.run(request) }, "Trace"),
  );
  if (focused) $("tracer").querySelector(`[data-keep="${focused}"]`)?.focus();
}

function kinds() {
  const options = Object.entries(requests.KINDS).map(([kind, { label }]) => h("option", { value: kind, selected: kind === request.kind }, label));
  return h("select", { id: "tracer-kind", "data-keep": "kind", onchange: ({ target }) => change({ kind: target.value }) }, options);
}

function place(field) {
  const chips = request[field].map((mrid) =>
    h("li", {}, h("span", {}, mrid), cross(`Remove ${mrid}`, () => change({ [field]: request[field].filter((each) => each !== mrid) }))),
  );
  return h(
    "div",
    { class: "place", role: "group", "aria-label": PLACES[field] },
    h("span", {}, PLACES[field]),
    h("button", { "data-pick": field, "aria-pressed": String(picking === field), onclick: () => pick(picking === field ? null : field) }, picking === field ? "Click the map…" : "Pick on map"),
    h("button", { "data-selected": field, "data-keep": `selected-${field}`, onclick: () => add(field, does.selected()) }, "Selected one"),
    chips.length > 0 && h("ul", { class: "chips" }, chips),
  );
}

function phases() {
  const boxes = ["A", "B", "C"].map((phase) => {
    const checked = !request.phases || request.phases.includes(phase);
    const toggle = () => {
      const chosen = ["A", "B", "C"].filter((each) => (each === phase) !== (!request.phases || request.phases.includes(each))).join("");
      change({ phases: chosen === "ABC" ? "" : chosen || phase });
    };
    return h("label", { class: "check" }, h("input", { type: "checkbox", "data-keep": `phase-${phase}`, checked, onchange: toggle }), phase);
  });
  return h("fieldset", {}, h("legend", {}, "Phases"), boxes);
}

function state() {
  const option = (value, text) => h("option", { value, selected: request.state === value }, text);
  return h(
    "select",
    { id: "tracer-state", "data-keep": "state", "aria-label": "Switch positions", onchange: ({ target }) => change({ state: target.value }) },
    option("current", "As switched"),
    option("normal", "Normal state"),
  );
}
