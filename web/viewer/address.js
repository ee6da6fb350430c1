/** The address bar is the state: ?element=MRID&trace=KIND&from=MRID&scenario=ID, and the map's place in the hash. */

import { COLOURS, DEFAULT, MEASURES, PARTS } from "./display.js";
import * as requests from "./request.js";

export function read() {
  const query = new URLSearchParams(location.search);
  return { element: query.get("element"), trace: requests.read(query), view: view(query), display: display(query) };
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
  if (now.trace) requests.write(now.trace, query);
  if (now.display.hidden.length) query.set("hide", now.display.hidden.join(","));
  for (const name of ["colour", "measure"]) if (now.display[name] !== DEFAULT[name]) query.set(name, now.display[name]);
  const text = query.toString();
  const next = `${location.pathname}${text ? `?${text}` : ""}${location.hash}`;
  if (next === location.pathname + location.search + location.hash) return;
  if (passing) history.replaceState(null, "", next);
  else history.pushState(null, "", next);
}
