/** Which tiles a change made stale. The server sends ranges of Morton codes at a tileset's deepest zoom. */

/** The y bits above the x bits; a tile's children are 4 * code … 4 * code + 3. Exact up to zoom 26. */
export function tileToCode(x, y) {
  let code = 0;
  for (let bit = 0, weight = 1; bit < 26; bit++, weight *= 4) {
    code += (((x >> bit) & 1) + 2 * ((y >> bit) & 1)) * weight;
  }
  return code;
}

/** Whether a tile holds any of the codes; ranges are ascending [low, high), the end excluded. */
export function isStale({ z, x, y }, ranges, deepest) {
  const span = 4 ** (deepest - z);
  const low = tileToCode(x, y) * span;
  let [from, to] = [0, ranges.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (ranges[middle][1] <= low) from = middle + 1;
    else to = middle;
  }
  return from < ranges.length && ranges[from][0] < low + span;
}
