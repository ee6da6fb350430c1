/** The address bar is the state: ?element=MRID&trace=KIND&from=MRID&scenario=ID, and the map's place in the hash. */

import * as requests from "./request.js";

export function read() {
  const query = new URLSearchParams(location.search);
  return { element: query.get("element"), trace: requests.read(query), view: view(query) };
}

/** At most one of the three names a state; none is the live one. */
function view(query) {
  if (query.get("scenario")) return { scenario: query.get("scenario") };
  if (/^\d+$/.test(query.get("revision") ?? "")) return { revision: Number(query.get("revision")) };
  return query.get("at") ? { at: query.get("at") } : {};
}

/** Replaces the parts given; a step back in the browser's history undoes it, unless it is `passing`. */
export function write(parts, { passing = false } = {}) {
  const now = { ...read(), ...parts };
  const query = new URLSearchParams(now.view);
  if (now.element) query.set("element", now.element);
  if (now.trace) requests.write(now.trace, query);
  const text = query.toString();
  const next = `${location.pathname}${text ? `?${text}` : ""}${location.hash}`;
  if (next === location.pathname + location.search + location.hash) return;
  if (passing) history.replaceState(null, "", next);
  else history.pushState(null, "", next);
}
