/** Asks for traces and keeps the one that is shown true to the state that the page shows. */

import * as address from "./address.js";
import * as api from "./api.js";
import { app } from "./app.js";
import { notify } from "./dom.js";
import * as traces from "./trace.js";
import * as view from "./view.js";

const MOST_LINES = 5000; // that are drawn from GeoJSON
let does = null;

/** callbacks: {reveal(), select(mrid), apply(operations), edit(request)}. */
export function setUp(callbacks) {
  does = callbacks;
}

/** Traces and shows it; quiet: after a change of state, without moving the map. */
export async function run(request, { push = true, quiet = false } = {}) {
  const [from] = request.start;
  const asked = view.key();
  let result;
  let start;
  try {
    [result, start] = await Promise.all([api.runTrace(address.body(request)), startOf(from)]);
  } catch (error) {
    if (quiet && error.status === 0) return;
    clear({ push: false });
    notify(error.status === 404 ? `The trace cannot begin at “${from}”: this network has no such element.` : error.message, "error");
    return;
  }
  if (asked !== view.key()) return;
  result.start = start.geometry;
  app.trace = { request, from, start, result };
  if (push) address.write({ trace: request });
  app.map?.showTrace(result);
  traces.show(result, request, named(request, start), {
    clear: () => clear(),
    fit: () => app.map?.fit(result.bounds),
    select: does.select,
    edit: () => does.edit(request),
    apply: does.apply,
  });
  if (!quiet) {
    does.reveal();
    if (result.bounds) app.map?.fit(result.bounds);
  }
  await addLines(result, request);
}

function named({ start: mrids }, start) {
  const name = start.name || start.mrid;
  return mrids.length > 1 ? `${name} and ${mrids.length - 1} more` : name;
}

/** Again, in the state that the page shows now. */
export const again = async () => app.trace && run(app.trace.request, { push: false, quiet: true });

/** Cells hide a trace that spans a country: then its lines are drawn over them. */
async function addLines(result, request) {
  if (!result.bounds || result.sums.counts.AcLineSegment > MOST_LINES || !app.map?.isWide(result.bounds)) return;
  const lines = await api.traceLines(address.body(request)).catch(() => null); // the frame around it stays
  if (!lines || app.trace?.result !== result) return;
  result.lines = lines;
  app.map.showTrace(result);
}

/** Name and geometry of the element that a trace starts from; it has been read already as a rule. */
async function startOf(mrid) {
  if (app.card?.mrid === mrid) return app.card;
  return app.trace?.from === mrid ? app.trace.start : api.element(mrid);
}

export function clear({ push = true } = {}) {
  app.trace = null;
  traces.hide();
  app.map?.showTrace(null);
  if (push) address.write({ trace: null });
}
