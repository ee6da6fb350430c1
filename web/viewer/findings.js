/** What is wrong or doubtful in the model: a list that flies there, and marks on the map while it is open. */

import * as api from "./api.js";
import { $, announce, cross, h, put } from "./dom.js";
import { count } from "./format.js";
import { findingIcon } from "./icons.js";

const SHOWN = 200;
const SIGNS = { error: "!", warning: "?", info: "i" };
let does = null;
let all = null;
const FILTERS = ["kind", "severity"];
const chosen = {};

/** callbacks: {close(), show(findings or null), fly(finding), select(mrid), apply(operations, name)}. */
export function setUp(callbacks) {
  does = callbacks;
}

export async function opened() {
  put($("findings"), header("Findings"), h("p", { class: "hint" }, "Looking through the model…"));
  try {
    all = await api.findings();
  } catch (error) {
    put($("findings"), header("Findings"), h("p", { class: "hint" }, error.message));
    return;
  }
  if (!$("findings").hidden) draw();
}

export function closed() {
  does.show(null);
}

/** Number in the list of the one that is marked at a place of the map. */
export function choose(number) {
  const finding = all?.[number];
  if (finding) go(finding);
}

const header = (title) =>
  h("header", {}, h("h2", { id: "findings-title" }, title), cross("Close the findings", does.close));

const words = (name) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`.replaceAll("_", " ");

const wanted = (finding) => FILTERS.every((name) => !chosen[name] || finding[name] === chosen[name]);

function draw() {
  const listed = all.map((finding, number) => ({ ...finding, number })).filter(wanted);
  const found = all.length ? `${count(all.length)} ${all.length === 1 ? "finding" : "findings"}` : "No findings";
  const title = listed.length < all.length ? `${count(listed.length)} of ${found}` : found;
  put(
    $("findings"),
    header(title),
    all.length ? h("div", { class: "inline" }, FILTERS.map(filter)) : h("p", { class: "hint" }, "Nothing in this model is wrong or doubtful."),
    h("ul", { class: "rows", id: "findings-list" }, listed.slice(0, SHOWN).map((finding) => h("li", {}, row(finding)))),
    all.length > 0 && !listed.length && h("p", { class: "hint" }, "No finding is of this kind and this severity."),
    listed.length > SHOWN && h("p", { class: "hint" }, `${count(listed.length - SHOWN)} more are on the map, and in the answer of the API.`),
  );
  does.show(listed);
  announce(title);
}

/** A choice among the kinds or severities that there are. */
function filter(name) {
  const counts = new Map();
  for (const finding of all) counts.set(finding[name], (counts.get(finding[name]) ?? 0) + 1);
  const options = [...counts].map(([value, number]) => h("option", { value, selected: value === chosen[name] }, `${words(value)} (${count(number)})`));
  const change = ({ target }) => {
    chosen[name] = target.value;
    draw();
    $(`findings-${name}`).focus();
  };
  return h("select", { id: `findings-${name}`, "aria-label": words(name), onchange: change }, h("option", { value: "" }, name === "kind" ? "All kinds" : "Any severity"), options);
}

function row(finding) {
  const { kind, severity, message, mrids, repair } = finding;
  const found = h(
    "button",
    { class: "row", onclick: () => go(finding) },
    h("span", { class: `sign ${severity}`, role: "img", "aria-label": words(severity) }, SIGNS[severity]),
    h(
      "span",
      { class: "what" },
      h("b", { title: mrids.join(", ") }, mrids[0] ?? words(kind)),
      h("small", {}, findingIcon(kind), words(kind)),
      h("span", { class: "sentence" }, message),
      repair && h("span", { class: "sentence repair" }, repair.text),
    ),
  );
  const { open = [], close = [] } = repair?.operation ?? {};
  const operations = [...open.map((mrid) => ({ mrid, open: true })), ...close.map((mrid) => ({ mrid, open: false }))];
  return [found, operations.length > 0 && h("button", { class: "link", onclick: () => does.apply(operations, `Repair of ${mrids[0]}`) }, "Try it in a what-if")];
}

function go(finding) {
  does.fly(finding);
  if (finding.mrids.length) does.select(finding.mrids[0]);
}

/** Features for the map. */
export const features = (findings) =>
  findings.filter(({ lng }) => lng !== null).map(({ lng, lat, severity, number }) => ({
    type: "Feature",
    properties: { severity, number, sign: SIGNS[severity] },
    geometry: { type: "Point", coordinates: [lng, lat] },
  }));
