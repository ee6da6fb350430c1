/** The panel, which covers the lower part of a small screen and the right of a large one. */

import { $ } from "./dom.js";

/** Pixels on each side of the map that panels cover. */
export function room() {
  const map = $("map").getBoundingClientRect();
  const panel = $("panel").getBoundingClientRect();
  const below = panel.width > map.width * 0.8;
  const margin = Math.min(60, map.width / 12);
  const most = (pixels, of) => Math.min(pixels, of * 0.6);
  return {
    top: margin,
    left: margin,
    right: margin + (below ? 0 : most(map.right - panel.left, map.width)),
    bottom: margin + (below ? most(map.bottom - panel.top, map.height) : 0),
  };
}

export function open(now) {
  $("panel").classList.toggle("closed", !now);
  $("grip").setAttribute("aria-expanded", String(now));
}

export function reveal(id) {
  open(true);
  $(id).scrollIntoView({ block: "nearest" });
}

export function setUp() {
  $("grip").addEventListener("click", () => open($("panel").classList.contains("closed")));
}
