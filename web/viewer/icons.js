/** Drawings: small ones for lists and the legend, and images for the map. */

import { svg } from "./dom.js";

/** What an element looks like on the map, 18 × 18. */
export function icon(name, { open = false } = {}) {
  const shape = SHAPES[name] ?? SHAPES[KINDS[name]] ?? SHAPES.Switch;
  return svg("svg", { viewBox: "0 0 18 18", class: "icon", "aria-hidden": "true", focusable: "false" }, ...shape(open));
}

/** What a kind of finding is about; of several that fit, the first. */
const ABOUT = { phase: "Phases", voltage: "PowerTransformer", transformer: "PowerTransformer", loop: "Loop", switch: "Switch", place: "Pin", coord: "Pin", suppl: "EnergySource", source: "EnergySource", length: "AcLineSegment" };
export const findingIcon = (kind) => icon(ABOUT[Object.keys(ABOUT).find((part) => kind.includes(part))] ?? "ConnectivityNode", { open: true });

const circle = (cx, r, more) => svg("circle", { cx, cy: 9, r, ...more });
const stroke = { fill: "none", stroke: "currentColor", "stroke-width": 2 };
const solid = { fill: "currentColor" };

const SHAPES = {
  AcLineSegment: () => [svg("path", { d: "M2 13 7 6l4 5 5-7", ...stroke, "stroke-linejoin": "round", "stroke-linecap": "round" })],
  Switch: (open) => [circle(9, 5, open ? stroke : { ...solid, stroke: "currentColor", "stroke-width": 2 })],
  PowerTransformer: () => [circle(6.5, 4.2, stroke), circle(11.5, 4.2, stroke)],
  Substation: () => [svg("rect", { x: 3, y: 3, width: 12, height: 12, rx: 2, ...solid })],
  EnergyConsumer: () => [circle(9, 3.5, solid)],
  ConnectivityNode: () => [circle(9, 2.5, solid), circle(9, 6.5, { ...stroke, "stroke-width": 1.2 })],
  EnergySource: () => [svg("path", { d: "M10 2 4 10h4l-1 6 7-9h-5z", ...solid })],
  Feeder: () => [svg("path", { d: "M3 15V9h6V3m0 6h6v6", ...stroke, "stroke-linejoin": "round", "stroke-linecap": "round" })],
  Phases: () => [svg("path", { d: "M3 4h12M3 9h12M3 14h12", ...stroke })],
  Loop: () => [svg("path", { d: "M14 6a6 6 0 1 0 1 5M15 2v5h-5", ...stroke })],
  Pin: () => [svg("path", { d: "M9 16C4 10 4 3 9 3s5 7 0 13z", ...stroke }), circle(9, 1.5, solid)],
  Hexagon: () => [svg("path", { d: "M9 2l6 3.5v7L9 16l-6-3.5v-7z", ...solid })],
};
const KINDS = { UsagePoint: "EnergyConsumer", Place: "Pin" };

/** How an image grows with the text that lies on it. */
export const STRETCHED = { "gt-plate": { stretchX: [[14, 18]], stretchY: [[14, 18]], content: [6, 6, 26, 26] } };

/** Images of the overlay, drawn in its colours at two pixels a unit: {name: ImageData}. */
export function mapImages({ paper, ink, trace }) {
  return {
    "gt-plate": draw(16, (c) => {
      c.fillStyle = paper;
      c.strokeStyle = ink;
      c.beginPath();
      c.roundRect(1, 1, 14, 14, 5);
      c.fill();
      c.stroke();
    }),
    "gt-boundary": draw(20, (c) => {
      const shape = new Path2D("M10 2l8 8-8 8-8-8z");
      c.lineWidth = 2.5;
      c.fillStyle = paper;
      c.strokeStyle = trace;
      c.fill(shape);
      c.stroke(shape);
      c.fillStyle = trace;
      c.fillRect(6, 9, 8, 2.2);
    }),
    "gt-start": draw(26, (c) => {
      const ring = (radius, colour) => {
        c.beginPath();
        c.arc(13, 13, radius, 0, 7);
        c.fillStyle = colour;
        c.fill();
      };
      ring(12, paper);
      ring(10, trace);
      ring(6.5, paper);
      ring(3.5, trace);
    }),
    "gt-source": draw(24, (c) => {
      c.fillStyle = ink;
      c.strokeStyle = paper;
      c.lineWidth = 2;
      c.beginPath();
      c.roundRect(2, 2, 20, 20, 4);
      c.fill();
      c.stroke();
      c.fillStyle = paper;
      c.fill(new Path2D("M13 5 7 13h4l-1 6 7-9h-5z"));
    }),
  };
}

function draw(size, paint) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size * 2;
  const context = canvas.getContext("2d", { willReadFrequently: true }); // stays in memory, from where it is read at once
  context.scale(2, 2);
  paint(context);
  return context.getImageData(0, 0, size * 2, size * 2);
}
