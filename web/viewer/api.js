/** The server's HTTP interface. Every failure is an ApiError whose message is a sentence for people. */

const ROOT = new URL("../", import.meta.url);

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

export const network = () => json(url("api/network"));
export const style = () => json(url("style.json"));
export const outages = () => json(url("api/outages"));
export const element = (mrid, signal) => json(url(`api/elements/${mrid.split("/").map(encodeURIComponent).join("/")}`), { signal });
export const feature = (layer, id, model) => json(url("api/elements", { layer, id, model }));
export const search = (q, limit, signal) => json(url("api/search", { q, limit }), { signal });
export const trace = (kind, start, more = {}) => post("api/traces", { kind, start: [start].flat(), elements: false, ...more });
/** The lines of a trace as GeoJSON features: only for traces of a few thousand, and for zooms without tiles. */
export async function traceLines(kind, start) {
  const { features } = await json(url("api/traces", { kind, start }), { headers: { accept: "application/geo+json" } });
  return features.filter(({ geometry }) => geometry.type === "LineString").map((feature) => ({ ...feature, properties: {} }));
}

export const stream = () => new EventSource(url("api/stream"));

/** Operates switches: {operations: [{mrid, open}]} or {normal: true}. Sending it twice does it once. */
export const operate = (body) => post("api/switching", body, { "idempotency-key": token() });

/** A trace as a file: the media type chooses CSV or GeoJSON. */
export async function download(kind, start, type, name) {
  const address = url("api/traces", { kind, start });
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
