/** What a trace is asked for: {kind, start, to, barriers, phases, state}; lists of mrids, phases "" for all. */

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
export function write(request, query) {
  const { kind, start, to, barriers, phases, state } = { to: [], barriers: [], ...body(request) };
  query.set("trace", kind);
  for (const mrid of start) query.append("from", mrid);
  for (const mrid of to) query.append("to", mrid);
  for (const mrid of barriers) query.append("barrier", mrid);
  if (phases) query.set("phases", phases);
  if (state) query.set("state", state);
}

/** null where the address asks for none. */
export function read(query) {
  const [kind, start] = [query.get("trace"), query.getAll("from")];
  if (!kind || !start.length) return null;
  const state = query.get("state") === "normal" ? "normal" : "current";
  return { kind, start, to: query.getAll("to"), barriers: query.getAll("barrier"), phases: query.get("phases") ?? "", state };
}
