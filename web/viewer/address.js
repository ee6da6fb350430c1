/** The address bar is the state: ?element=MRID&trace=KIND&from=MRID&scenario=ID, and the map's place in the hash. */

import { COLOURS, DEFAULT, MEASURES, PARTS } from "./display.js";

export function read() {
  const query = new URLSearchParams(location.search);
  return { element: query.get("element"), trace: readTrace(query), view: view(query), display: display(query) };
}

/** At most one of the three names a state; none is the live one. */
function view(query) {
  if (query.get("scenario")) return { scenario: query.get("scenario") };
  if (/^\d+$/.test(query.get("revision") ?? "")) return { revision: Number(query.get("revision")) };
  return query.get("at") ? { at: query.get("at") } : {};
}

function display(query) {
  const known = (table, name, otherwise) => (Object.hasOwn(table, query.get(name) ?? "") ? query.get(name) : otherwise);
  const hidden = (query.get("hide") ?? "").split(",").filter((part) => PARTS.includes(part));
  return { hidden, colour: known(COLOURS, "colour", DEFAULT.colour), measure: known(MEASURES, "measure", DEFAULT.measure) };
}

/** Replaces the parts given; a step back in the browser's history undoes it, unless it is `passing`. */
export function write(parts, { passing = false } = {}) {
  const now = { ...read(), ...parts };
  const query = new URLSearchParams(now.view);
  if (now.element) query.set("element", now.element);
  if (now.trace) writeTrace(now.trace, query);
  if (now.display.hidden.length) query.set("hide", now.display.hidden.join(","));
  for (const name of ["colour", "measure"]) if (now.display[name] !== DEFAULT[name]) query.set(name, now.display[name]);
  const text = query.toString();
  const next = `${location.pathname}${text ? `?${text}` : ""}${location.hash}`;
  if (next === location.pathname + location.search + location.hash) return;
  if (passing) history.replaceState(null, "", next);
  else history.pushState(null, "", next);
}

// --- what a trace is asked for: {kind, start, to, barriers, phases, state}; lists of mrids, phases "" for all

/** Kinds by name: their label, and which fields they take beside start. */
export const KINDS = {
  downstream: { label: "Downstream", takes: ["barriers", "phases"] },
  upstream: { label: "Upstream", takes: ["barriers", "phases"] },
  connected: { label: "Connected", takes: ["barriers", "phases"] },
  subnetwork: { label: "Feeder", takes: ["barriers", "phases"] },
  direction: { label: "Direction of supply", takes: ["phases"] },
  protection: { label: "Protective device", takes: ["phases"] },
  isolation: { label: "Isolate a fault", takes: [] },
  restoration: { label: "Restore around a fault", takes: [] },
  shortest_path: { label: "Shortest path", takes: ["to", "barriers", "phases"] },
  loops: { label: "Loops", takes: ["phases"] },
};

export const simple = (kind, from) => ({ kind, start: [from], to: [], barriers: [], phases: "", state: "current" });

export const takes = ({ kind }, field) => KINDS[kind]?.takes.includes(field) ?? false;

/** As the server takes it: only fields that the kind knows, and none that say nothing. */
export function body(request) {
  const told = { kind: request.kind, start: request.start };
  for (const field of ["to", "barriers", "phases"]) {
    if (takes(request, field) && request[field].length) told[field] = request[field];
  }
  if (request.state === "normal") told.state = "normal";
  return told;
}

/** Adds it to the query of the address bar. */
function writeTrace(request, query) {
  const { kind, start, to, barriers, phases, state } = { to: [], barriers: [], ...body(request) };
  query.set("trace", kind);
  for (const mrid of start) query.append("from", mrid);
  for (const mrid of to) query.append("to", mrid);
  for (const mrid of barriers) query.append("barrier", mrid);
  if (phases) query.set("phases", phases);
  if (state) query.set("state", state);
}

/** null where the address asks for none. */
function readTrace(query) {
  const [kind, start] = [query.get("trace"), query.getAll("from")];
  if (!kind || !start.length) return null;
  const state = query.get("state") === "normal" ? "normal" : "current";
  return { kind, start, to: query.getAll("to"), barriers: query.getAll("barrier"), phases: query.get("phases") ?? "", state };
}
