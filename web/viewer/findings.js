/** What is wrong or doubtful in the model: a list that flies there, and marks on the map while it is open. */

import * as api from "./api.js";
import { $, announce, h, put } from "./dom.js";
import { count } from "./format.js";

const SHOWN = 200;
const SIGNS = { error: "!", warning: "?", info: "i" };
let does = null;
let all = null;
let kind = "";

/** callbacks: {close(), show(findings or null), fly(finding), select(mrid)}. */
export function setUp(callbacks) {
  does = callbacks;
}

export async function opened() {
  put($("findings"), header("Findings"), h("p", { class: "hint" }, "Looking through the model…"));
  try {
    all = (await api.findings()).findings;
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
  h("header", {}, h("h2", { id: "findings-title" }, title), h("button", { type: "button", class: "quiet", "aria-label": "Close the findings", onclick: does.close }, "×"));

const words = (name) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`.replaceAll("_", " ");

function draw() {
  const listed = all.filter((finding) => !kind || finding.kind === kind);
  const title = all.length ? `${count(all.length)} ${all.length === 1 ? "finding" : "findings"}` : "No findings";
  put(
    $("findings"),
    header(title),
    all.length ? kinds() : h("p", { class: "hint" }, "Nothing in this model is wrong or doubtful."),
    h("ul", { class: "rows", id: "findings-list" }, listed.slice(0, SHOWN).map((finding) => h("li", {}, row(finding)))),
    listed.length > SHOWN && h("p", { class: "hint" }, `${count(listed.length - SHOWN)} more are on the map, and in the answer of the API.`),
  );
  does.show(all.map((finding, number) => ({ ...finding, number })).filter((finding) => !kind || finding.kind === kind));
  announce(title);
}

function kinds() {
  const counts = new Map();
  for (const finding of all) counts.set(finding.kind, (counts.get(finding.kind) ?? 0) + 1);
  const options = [...counts].map(([name, number]) => h("option", { value: name, selected: name === kind }, `${words(name)} (${count(number)})`));
  const change = ({ target }) => {
    kind = target.value;
    draw();
    $("findings-kind").focus();
  };
  return h("select", { id: "findings-kind", "aria-label": "Kind of finding", onchange: change }, h("option", { value: "" }, "All kinds"), options);
}

function row(finding) {
  const { severity, message, mrids } = finding;
  return h(
    "button",
    { type: "button", class: "row", onclick: () => go(finding) },
    h("span", { class: `sign ${severity}`, role: "img", "aria-label": words(severity) }, SIGNS[severity]),
    h("span", { class: "what" }, h("b", { title: mrids.join(", ") }, mrids[0] ?? words(finding.kind)), h("span", { class: "sentence" }, message)),
  );
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
