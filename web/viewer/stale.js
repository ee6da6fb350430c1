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

/** The tiles that a view [left, bottom, right, top] can show, shallow ones that stand in for others included. */
export function tilesInView([left, bottom, right, top], zoom, minzoom, maxzoom) {
  const tiles = [];
  for (let z = minzoom; z <= Math.min(maxzoom, Math.ceil(zoom) + 1); z++) {
    const size = 2 ** z;
    const column = (lng) => Math.floor((lng / 360 + 0.5) * size);
    const row = (lat) => {
      const sine = Math.sin((Math.max(-85.05, Math.min(85.05, lat)) * Math.PI) / 180);
      return Math.floor((0.5 - Math.atanh(sine) / (2 * Math.PI)) * size);
    };
    for (let y = Math.max(0, row(top)); y <= Math.min(size - 1, row(bottom)); y++) {
      for (let x = Math.max(0, column(left)); x <= Math.min(size - 1, column(right)); x++) tiles.push({ z, x, y });
    }
  }
  return tiles;
}
