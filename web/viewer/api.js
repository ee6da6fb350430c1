/** The server's HTTP interface. Every failure is an ApiError whose message is a sentence for people. */

import * as view from "./view.js";

const ROOT = new URL("./", document.baseURI); // of the page: our own address holds the version of the scripts

export class ApiError extends Error {
  /** status is 0 where no answer came. */
  constructor(message, status = 0, problem = {}) {
    super(message);
    this.status = status;
    this.problem = problem;
  }
}

export function url(path, parameters = {}) {
  const address = new URL(path, ROOT);
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of [value].flat()) if (each !== null && each !== undefined) address.searchParams.append(name, each);
  }
  return address;
}

/** Addresses with {z}, {x} and {y} in them, which URL would escape. */
export const template = (path) => ROOT.href + path;

async function request(address, options = {}) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is gridtwin still running?");
  }
  if (response.ok) return response;
  if (response.status === 401) location.assign(url("signin"));
  const problem = await response.json().catch(() => ({}));
  throw new ApiError(sentence(problem, response.status), response.status, problem);
}

function sentence(problem, status) {
  const text = problem.detail ?? problem.title;
  if (text) return /[.!?]$/.test(text) ? text : `${text}.`;
  return `The server could not answer (HTTP ${status}).`;
}

const json = async (address, options) => (await request(address, options)).json();
const post = (path, body, headers = {}) =>
  json(url(path), {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", ...headers },
    body: JSON.stringify(body),
  });

/** What follows shows the state that the page shows. */
const seen = (path, more = {}, options = {}) => json(url(path, { ...view.now(), ...more }), options);

export const network = () => seen("api/network");
export const style = () => seen("style.json");
export const outages = () => seen("api/outages");
export const element = (mrid, signal) => seen(`api/elements/${mrid.split("/").map(encodeURIComponent).join("/")}`, {}, { signal });
export const feature = (layer, id, model) => seen("api/elements", { layer, id, model });
export const search = (q, limit, signal) => json(url("api/search", { q, limit }), { signal });
/** All findings, page by page. */
export async function findings() {
  const found = [];
  for (let more = true; more; ) {
    const page = await json(url("api/findings", found.length ? { after: found.length } : {}));
    found.push(...page.findings);
    more = page.next;
  }
  return found;
}
export const events = (since, limit) => json(url("api/events", { since, limit }));
export const trace = (kind, start, state = view.now()) => post("api/traces", { kind, start: [start].flat(), elements: false, ...state });
/** What operations would take from whom and give to whom in a state; nothing is operated. */
export const wouldBe = (operations, state = view.now()) => post("api/traces", { kind: "outage", operations, elements: false, ...state });
/** A trace of the fields of its request. */
export const runTrace = (fields) => post("api/traces", { elements: false, ...view.now(), ...fields });
/** Elements of a trace from a position on: branches, then nodes. */
export const traceElements = (id, after) => json(url(`api/traces/${encodeURIComponent(id)}/elements`, { after }));
/** The lines of a trace as GeoJSON features: only for traces of a few thousand, and for zooms without tiles. */
export async function traceLines(fields) {
  const { features } = await seen("api/traces", fields, { headers: { accept: "application/geo+json" } });
  return features.filter(({ geometry }) => geometry.type === "LineString").map((feature) => ({ ...feature, properties: {} }));
}

export const stream = () => new EventSource(url("api/stream"));

/** Operates switches, in the what-if that is shown or else in the network: {operations: [{mrid, open}]} or {normal: true}; with dry_run it is told, not done. */
export async function operate(body) {
  if (view.isPast()) throw new ApiError("This is the past: go back to live to operate a switch.");
  if (view.scenario()) return post(`api/scenarios/${view.scenario()}/switching`, body);
  return post("api/switching", body, body.dry_run ? {} : { "idempotency-key": token() }); // sent twice, it is done once
}

export const scenarios = async () => (await json(url("api/scenarios"))).scenarios;
export const scenario = (id) => json(url(`api/scenarios/${encodeURIComponent(id)}`));
export const makeScenario = (name) => post("api/scenarios", { name });
export const deleteScenario = (id) => request(url(`api/scenarios/${encodeURIComponent(id)}`), { method: "DELETE" });

/** A trace as a file: the media type chooses CSV, GeoJSON or GeoPackage. */
export async function download(fields, type, name) {
  const address = url("api/traces", { ...view.now(), ...fields });
  const blob = await (await request(address, { headers: { accept: type } })).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** crypto.randomUUID is missing outside https and localhost. */
function token() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
