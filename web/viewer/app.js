/** What the page holds; modules read it, and those named write it. */

import { notify } from "./dom.js";

/**
 * map: NetworkMap, or null without WebGL (main). network: summary in the state that is shown, outages, revision: of the
 * live state (states). model: live one (main). card, picked: the selected element and the list it is from (selection).
 * trace: {request, from, start, result} (tracing).
 */
export const app = { map: null, network: null, outages: [], card: null, picked: null, trace: null, model: "", revision: 0, ready: false };

/** Says what went wrong; that no answer came is said by the sign of the connection. */
export const quietly = (promise) => promise.catch((error) => void (error.status !== 0 && notify(error.message, "error")));

/** Another network is served now: everything is read anew. */
export function replaced() {
  location.reload();
}
