/** The direction of flow along a trace: chevrons that wander along its lines, or stand still for who wants it calm. */

const SIZE = [88, 14]; // pixels of the pattern, at two a unit
const PACE_MS = 90;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let timer = 0;
let phase = 0;

/** The pattern `along` a line (1) or against it (-1), moved by a part of its length. */
function pattern(colour, along, moved) {
  const [width, height] = SIZE;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = SIZE;
  const c = canvas.getContext("2d");
  c.strokeStyle = colour;
  c.lineWidth = 3;
  c.lineCap = c.lineJoin = "round";
  for (let at = -1; at < 2; at++) {
    const x = (((along * moved) % 1) + at) * width + width / 2;
    c.stroke(new Path2D(`M${x - 3 * along} 3 ${x + 2 * along} 7 ${x - 3 * along} 11`));
  }
  return c.getImageData(0, 0, width, height);
}

const images = (map, colour, put) => {
  for (const along of [1, -1]) put.call(map, `gt-flow${along}`, pattern(colour, along, phase), { pixelRatio: 2 });
};

/** layer(id, more): adds a line layer of the traced lines. Chevrons are of the paper's colour, on the trace's own. */
export function draw(map, { paper }, layer) {
  if (!map.hasImage("gt-flow1")) images(map, paper, map.addImage);
  for (const along of [1, -1]) layer(`trace-flow${along}`, along, { "line-pattern": `gt-flow${along}` });
  stop();
  if (!calm.matches) timer = setTimeout(step, PACE_MS, map, paper);
}

/** A slow machine gets fewer steps, a hidden or moving page none: the map itself comes first. */
function step(map, paper) {
  if (!map.getLayer("trace-flow1")) return;
  const begun = performance.now();
  const next = (pause) => (timer = setTimeout(step, pause, map, paper));
  if (document.hidden || map.isMoving() || !map.areTilesLoaded() || calm.matches) return next(PACE_MS * 4);
  phase = (phase + 0.0625) % 1;
  images(map, paper, map.updateImage);
  map.once("render", () => next(Math.max(PACE_MS, 4 * (performance.now() - begun))));
  return map.triggerRepaint();
}

export const stop = () => clearTimeout(timer);
