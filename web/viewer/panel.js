/** The panel, which covers the lower part of a small screen and the right of a large one, the tools that show its sections, and keys. */

import { $, cross, h, put } from "./dom.js";

/** Pixels on each side of the map that panels cover; of the ways around the legend the one that shows bounds larger. */
export function room([left, bottom, right, top] = [0, 0, 1, 1]) {
  const map = $("map").getBoundingClientRect();
  const panel = $("panel").getBoundingClientRect();
  const below = panel.width > map.width * 0.8;
  const margin = Math.min(60, map.width / 12);
  const legend = $("legend").getBoundingClientRect();
  const tall = (top - bottom) / Math.cos(((top + bottom) * Math.PI) / 360);
  const size = (width, height) => Math.min(width / (right - left || 1e-9), height / (tall || 1e-9));
  const wide = panel.left - map.left;
  const [beside, above] = below ? [0, 0] : size(wide - legend.width, map.height) > size(wide, map.height - legend.height) ? [legend.width, 0] : [0, legend.height];
  const most = (pixels, of) => Math.min(pixels, of * 0.6);
  // On a small screen the sheet grows with what it tells, and the tools cover the upper edge.
  const sheet = $("panel").classList.contains("closed") ? panel.height : Math.max(panel.height, parseFloat(getComputedStyle($("panel")).maxHeight) || 0);
  const tools = $("legend").firstElementChild.getBoundingClientRect().bottom - map.top;
  return {
    top: below ? most(margin / 2 + tools, map.height / 2) : margin,
    left: margin + most(beside, map.width),
    right: margin + (below ? 0 : most(map.right - panel.left, map.width)),
    bottom: margin + most(below ? sheet : above, map.height),
  };
}

function show(now) {
  $("panel").classList.toggle("closed", !now);
  $("grip").setAttribute("aria-expanded", String(now));
}

export function reveal(id) {
  show(true);
  $(id).scrollIntoView({ block: "nearest" });
}

const known = new Map();

export function setUp() {
  $("grip").addEventListener("click", () => show($("panel").classList.contains("closed")));
}

/** id: of the tool and its section; does: {opened(), closed()}, both may be missing. */
export function add(id, does) {
  known.set(id, does);
  button(id).addEventListener("click", () => toggle(id));
}

const button = (id) => document.querySelector(`[data-tool="${id}"]`);

export const isOpen = (id) => !$(id).hidden;

export const toggle = (id) => (isOpen(id) ? close(id) : open(id, { focus: true }));

export function open(id, { focus = false } = {}) {
  if (!isOpen(id)) {
    $(id).hidden = false;
    button(id).setAttribute("aria-expanded", "true");
    known.get(id).opened?.();
  }
  if (!focus) return;
  reveal(id);
  $(id).focus({ preventScroll: true });
}

export function close(id) {
  if (!isOpen(id)) return;
  $(id).hidden = true;
  button(id).setAttribute("aria-expanded", "false");
  known.get(id).closed?.();
  button(id).focus();
}

// --- the keys of the page, and the sheet that tells them

const OTHERS = [
  ["/", "Search"],
  ["↑ ↓ ← →, + −", "Move and zoom the map, when it has the focus"],
  ["Enter", "Choose what lies under the cross in the middle of the map"],
  ["Esc", "Stop picking, close the card or this sheet"],
  ["Tab", "On to the next control"],
  ["↑ ↓ Page Home End", "In a table: another row; Enter chooses it"],
];

/** keys: {key: [what it does, function]}. */
export function listen(keys) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const key = keys[event.key];
    if (!key) return;
    event.preventDefault();
    key[1]();
  });
  const rows = [...OTHERS, ...Object.entries(keys).map(([key, [what]]) => [key, what])];
  put(
    $("help"),
    h("header", {}, h("h2", { id: "help-title" }, "Keys"), cross("Close the keys", () => $("help").close())),
    h("dl", {}, rows.map(([key, what]) => h("div", {}, h("dt", {}, key.split(", ").map((each) => h("kbd", {}, each))), h("dd", {}, what)))),
    h("p", { class: "hint" }, "A click on the map lists everything at that point. The address bar holds all that is shown: copy it to share it. Coasts and borders are made with Natural Earth and of the U.S. Census Bureau."),
  );
}

export const help = () => $("help").showModal();
