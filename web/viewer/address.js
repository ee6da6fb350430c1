/** The address bar is the state: ?element=MRID&trace=KIND&from=MRID, and the map's place in the hash. */

export function read() {
  const query = new URLSearchParams(location.search);
  const [kind, from] = [query.get("trace"), query.get("from")];
  return { element: query.get("element"), trace: kind && from ? { kind, from } : null };
}

/** Replaces the parts given; a step back in the browser's history undoes it. */
export function write(parts) {
  const now = { ...read(), ...parts };
  const query = new URLSearchParams();
  if (now.element) query.set("element", now.element);
  if (now.trace) {
    query.set("trace", now.trace.kind);
    query.set("from", now.trace.from);
  }
  const text = query.toString();
  const next = `${location.pathname}${text ? `?${text}` : ""}${location.hash}`;
  if (next !== location.pathname + location.search + location.hash) history.pushState(null, "", next);
}
