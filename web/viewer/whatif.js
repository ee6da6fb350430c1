/** The drawer of what-ifs: made, chosen, switched step by step, undone, compared with their base, deleted. */

import * as api from "./api.js";
import { $, cross, h, notify, put, table, twoStep } from "./dom.js";
import { affected, count, customers } from "./format.js";
import { icon } from "./icons.js";
import * as view from "./view.js";

const STEPS = 200;
let does = null;
let open = null; // the what-if that is shown, with its steps and comparison
let others = [];

/** callbacks: {enter(id), leave(), changed(), close(), compare(trace or null), select(mrid)}. */
export function setUp(callbacks) {
  does = callbacks;
}

export const steps = () => open?.revision ?? 0;
export const name = () => open?.name ?? "";

/** Reads the what-if that the page shows, or the list of all, and draws it; areas: its outages. */
export async function refresh(areas = []) {
  const id = view.scenario();
  if (!id) return listed();
  const found = await api.scenario(id);
  if (view.scenario() !== id) return undefined;
  open = found;
  show();
  const changed = operations(found.comparison.switches);
  const [trace, ties] = await Promise.all([changed.length ? api.wouldBe(changed, { revision: found.base }) : null, restorations(areas, view.now())]);
  if (view.scenario() !== id || open !== found) return undefined;
  does.compare(trace);
  put($("whatif-suggested"), suggestions(ties)); // alone, as a question may be open beside it
  return undefined;
}

async function listed() {
  open = null;
  does.compare(null);
  if ($("whatif").hidden) return;
  others = await api.scenarios();
  if (!view.scenario()) show();
}

/** One step in the what-if that is shown: the drawer may still stand when the page has left it. */
async function step(body) {
  if (view.scenario() !== open?.id) return;
  await api.operate({ ...body, expected_revision: steps() });
  await does.changed();
}

/** What a step would do, in words. */
async function foretold(body, what, label) {
  return { text: `${what}: ${affected(await api.operate({ ...body, dry_run: true }))}.`, label };
}

const told = (error) => notify(error.message, "error");

function show() {
  const title = open ? open.name : "What-if";
  const header = h(
    "header",
    {},
    h("div", {}, h("h2", { id: "whatif-title" }, title), open && h("p", { class: "mrid" }, `What-if on revision ${open.base}, ${open.revision === 1 ? "1 step" : `${count(open.revision)} steps`}`)),
    cross("Close what-ifs", does.close),
  );
  put($("whatif"), header, open ? whole() : beginning());
}

// --- none is shown: make or choose one

function beginning() {
  const input = h("input", { id: "whatif-name", maxlength: 200, required: true, placeholder: "Name of the plan", "aria-label": "Name of the new what-if" });
  const form = h("form", { class: "inline", onsubmit: make }, input, h("button", { type: "submit", class: "sure" }, "Make"));
  return [
    h("p", { class: "hint" }, "Try a switching plan without touching the network. While a what-if is shown, the switch buttons act on it alone."),
    form,
    others.length > 0 && h("ul", { class: "rows", id: "whatif-list" }, others.map(row)),
  ];

  async function make(event) {
    event.preventDefault();
    await api.makeScenario(input.value.trim()).then(({ id }) => does.enter(id)).catch(told);
  }
}

function row({ id, name: called, revision, stale, author }) {
  const words = [revision === 1 ? "1 step" : `${count(revision)} steps`, author, stale && "of an earlier model"];
  const button = h(
    "button",
    { class: "row", onclick: () => does.enter(id) },
    icon("Feeder"),
    h("span", { class: "what" }, h("b", {}, called), h("small", {}, words.filter(Boolean).join(" · "))),
  );
  const away = twoStep("Delete", { ask: () => ({ text: `“${called}” and its steps are forgotten.`, label: "Delete it" }), run: () => forget(id), danger: true });
  return h("li", { class: "with-button" }, button, away);
}

async function forget(id) {
  if (view.scenario() === id) await does.leave(); // first, so that nobody asks for what is gone
  await api.deleteScenario(id);
  await listed();
}

// --- one is shown

function whole() {
  return [
    supply(),
    feeders(),
    h("div", { id: "whatif-suggested" }),
    stepList(),
    h(
      "div",
      { class: "buttons" },
      twoStep("Undo", { id: "whatif-undo", disabled: !open.revision, ask: () => foretold({ undo: true }, "The last step is taken back", "Undo it"), run: () => step({ undo: true }) }),
      h("button", { id: "whatif-leave", onclick: does.leave }, "Leave, back to live"),
    ),
    twoStep("Back to normal in this what-if", {
      id: "whatif-normal",
      ask: () => foretold({ normal: true }, "One step takes every switch to its normal position, in this what-if only", "Back to normal"),
      run: () => step({ normal: true }),
    }),
    twoStep("Delete this what-if", { ask: () => ({ text: `“${open.name}” and its steps are forgotten.`, label: "Delete it" }), run: () => forget(open.id), danger: true }),
  ];
}

function supply() {
  const { lost, gained } = open.comparison;
  const fact = (kind, sign, { customers: number }) =>
    h("div", {}, h("dt", {}, h("span", { class: `swatch ${kind}` }), kind === "lost" ? "Lose supply" : "Gain supply"), h("dd", { id: `whatif-${kind}`, class: number ? kind : null }, number ? `${sign}${count(number)}` : "0"));
  return h(
    "dl",
    { class: "totals", "aria-label": "Customers against the base" },
    fact("lost", "−", lost),
    fact("gained", "+", gained),
    h("div", {}, h("dt", {}, "Out in the what-if"), h("dd", {}, count(open.customers_out))),
  );
}

function feeders() {
  const changed = open.comparison.feeders.filter(({ lost, gained }) => lost || gained);
  if (!changed.length) return null;
  const change = (kind, sign, number) => (number ? h("span", { class: kind }, sign + count(number)) : "0");
  const rows = changed.slice(0, STEPS).map(({ mrid, name: called, lost, gained }) => [called || mrid || "no feeder", change("lost", "−", lost), change("gained", "+", gained)]);
  return table("By feeder", ["Feeder", "Lost", "Gained"], rows);
}

function suggestions(suggested) {
  if (!suggested.length) return null;
  const rows = suggested.slice(0, 5).map(({ mrid, customers: number, operations }) =>
    h(
      "li",
      {},
      h(
        "button",
        { class: "row", "data-suggestion": mrid, onclick: () => step({ operations, note: "suggested restoration" }).catch(told) },
        icon("Switch"),
        h("span", { class: "what" }, h("b", {}, `Close ${mrid}`), h("small", {}, `${customers(number)} back`)),
      ),
    ),
  );
  return h("div", {}, h("h3", {}, "Would bring supply back"), h("ul", { class: "rows", id: "whatif-suggestions" }, rows));
}

function stepList() {
  if (!open.steps.length) return h("p", { class: "hint" }, "No step yet: choose a switch on the map or by search and operate it on its card.");
  const words = ({ normal, operations }) =>
    normal ? "Every switch to normal" : operations.map(({ mrid, open: opens, phases }) => `${opens ? "Open" : "Close"} ${mrid}${phases ? ` (${phases})` : ""}`).join(", ");
  const rows = open.steps.slice(-STEPS).map((each) => {
    const [only] = each.operations ?? [];
    const text = words(each);
    return h("li", {}, only ? h("button", { class: "link", onclick: () => does.select(only.mrid) }, text) : text);
  });
  return h("ol", { class: "steps", start: Math.max(1, open.steps.length - STEPS + 1) }, rows);
}

// --- which open switches could bring supply back: each is tried in the state that is shown, and nothing is operated

const AREAS = 3;
const TIES = 8;

/** [{mrid, customers, operations}], most customers first; areas are outages as the server tells them, seen in a state. */
async function restorations(areas, seen) {
  const found = await Promise.all(areas.slice(0, AREAS).map((area) => around(area, seen)));
  const best = new Map();
  for (const each of found.flat()) if (!(best.get(each.mrid)?.customers >= each.customers)) best.set(each.mrid, each);
  return [...best.values()].toSorted((a, b) => b.customers - a.customers || (a.mrid < b.mrid ? -1 : 1));
}

async function around(area, seen) {
  const { boundaries } = await api.trace("connected", area.id, seen);
  if (seen !== view.now()) return [];
  const ties = boundaries.filter(({ reason, mrid, operable }) => reason === "open" && operable && !area.causes.includes(mrid)).slice(0, TIES);
  return (await Promise.all(ties.map((tie) => tried(tie, seen)))).filter(({ customers: back }) => back);
}

async function tried({ mrid }, seen) {
  const operations = [{ mrid, open: false }];
  const { customers: back } = (await api.wouldBe(operations, seen)).gained;
  return { mrid, customers: back, operations };
}

/** The operations that lead from the base to the what-if; each position is the phases that are open. */
function operations(switches) {
  const found = [];
  const without = (some, others) => [...some].filter((phase) => !others.includes(phase)).join("");
  for (const { mrid, before, after } of switches) {
    const [opened, closed] = [without(after, before), without(before, after)];
    if (opened) found.push({ mrid, open: true, phases: opened });
    if (closed) found.push({ mrid, open: false, phases: closed });
  }
  return found;
}
