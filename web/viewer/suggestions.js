/** Which open switches could bring supply back: each is tried in the state that is shown, and nothing is operated. */

import * as api from "./api.js";

const AREAS = 3;
const TIES = 8;

/** [{mrid, customers, operations}], most customers first; areas are outages as the server tells them. */
export async function restorations(areas) {
  const found = await Promise.all(areas.slice(0, AREAS).map(around));
  const best = new Map();
  for (const each of found.flat()) if (!(best.get(each.mrid)?.customers >= each.customers)) best.set(each.mrid, each);
  return [...best.values()].toSorted((a, b) => b.customers - a.customers || (a.mrid < b.mrid ? -1 : 1));
}

async function around(area) {
  const { boundaries } = await api.trace("connected", area.id);
  const causes = new Set(area.causes);
  const ties = boundaries.filter(({ reason, mrid }) => reason === "open" && !causes.has(mrid)).slice(0, TIES);
  return (await Promise.all(ties.map(tried))).filter((tie) => tie !== null);
}

/** null where closing it helps nobody, or is not allowed. */
async function tried({ mrid }) {
  const operations = [{ mrid, open: false }];
  try {
    const { customers } = (await api.wouldBe(operations)).gained;
    return customers ? { mrid, customers, operations } : null;
  } catch (error) {
    if (error.status === 422 || error.status === 409) return null;
    throw error;
  }
}
