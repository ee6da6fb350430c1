/** Which state of the network the whole page shows: the live one, a what-if, or a past one. */

let shown = {};

/** {} for the live state, else one of {scenario: ID}, {revision: NUMBER}, {at: INSTANT}. */
export const now = () => shown;
export const isLive = () => Object.keys(shown).length === 0;
export const isPast = () => "revision" in shown || "at" in shown;
export const scenario = () => shown.scenario ?? null;

/** A text that no other view has, to tell whether an answer is still wanted. */
export const key = (view = shown) => JSON.stringify(view);

export function choose(view) {
  shown = view;
}

/** The same as parameters of an address, with the "?" or "&" that it begins with; empty for the live state. */
export function suffix(first = "?") {
  const text = new URLSearchParams(shown).toString();
  return text && first + text;
}
