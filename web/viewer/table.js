/** A table of any length: only the rows in sight exist, and their pages are fetched as they come into sight. */

import { h } from "./dom.js";
import { count } from "./format.js";

const ROW = 44; // pixels; the head is one of them
const TALLEST = 8_000_000; // pixels: browsers know no taller boxes
const SPARE = 6; // rows beyond the edges
const PAGE = 1000;
const KEPT = 20; // pages

/**
 * columns: [[title, row => text]]; page: async position => rows from there on, PAGE of them; choose(row).
 * Arrow keys, Page Up and Down, Home and End scroll it.
 */
export function virtualTable({ total, columns, page, choose, label }) {
  const pages = new Map();
  const spacer = h("div", { class: "spacer", role: "presentation" });
  spacer.style.height = `${Math.min(total * ROW, TALLEST)}px`;
  const body = h("div", { class: "body", role: "rowgroup" });
  const titles = columns.map(([title]) => h("span", { role: "columnheader" }, title));
  const head = h("div", { role: "rowgroup", class: "head" }, h("div", { class: "line", role: "row", "aria-rowindex": 1 }, titles));
  const grid = h("div", { class: "virtual", tabindex: 0, role: "grid", "aria-label": label, "aria-rowcount": total + 1, onkeydown: onKey }, head, spacer, body);
  let active = -1;
  let due = 0;
  const later = () => (due ||= requestAnimationFrame(draw));
  grid.addEventListener("scroll", later, { passive: true });
  new ResizeObserver(later).observe(grid);
  return grid;

  /** How many whole rows fit, how far it scrolls, and which row is the first in sight. */
  function place() {
    const fit = Math.max(1, Math.floor(grid.clientHeight / ROW) - 1);
    const range = Math.max(1, grid.scrollHeight - grid.clientHeight);
    const below = Math.max(0, total - fit);
    return { fit, range, below, top: Math.min(below, Math.round((grid.scrollTop / range) * below)) };
  }

  function draw() {
    due = 0;
    const { fit, top } = place();
    const first = Math.max(0, top - SPARE);
    const last = Math.min(total, top + fit + SPARE);
    const rows = [];
    for (let number = first; number < last; number++) rows.push(line(number));
    body.style.transform = `translateY(${grid.scrollTop + (first - top) * ROW}px)`;
    body.replaceChildren(...rows);
    if (active >= first && active < last) grid.setAttribute("aria-activedescendant", `row-${active}`);
    else grid.removeAttribute("aria-activedescendant");
  }

  function line(number) {
    const row = rowAt(number);
    const cells = columns.map(([, text]) => h("span", { role: "gridcell" }, row ? text(row) : "…"));
    const attributes = { class: "line", role: "row", id: `row-${number}`, "aria-rowindex": number + 2, "aria-selected": String(number === active) };
    return h("div", { ...attributes, onclick: () => pick(number) }, cells);
  }

  function pick(number) {
    activate(number);
    const row = rowAt(number);
    if (row) choose(row);
  }

  function onKey(event) {
    const { fit } = place();
    const moves = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + fit, PageUp: active - fit, Home: 0, End: total - 1 };
    if (event.key === "Enter" && active >= 0) pick(active);
    if (!(event.key in moves)) return;
    event.preventDefault();
    activate(Math.max(0, Math.min(total - 1, moves[event.key])));
  }

  function activate(number) {
    active = number;
    const { fit, range, below, top } = place();
    const wanted = number < top ? number : number >= top + fit ? number - fit + 1 : top;
    if (wanted !== top) grid.scrollTop = (wanted / below) * range;
    later();
  }

  function rowAt(number) {
    const at = Math.floor(number / PAGE);
    if (!pages.has(at)) fetchPage(at);
    const rows = pages.get(at);
    return rows?.[number - at * PAGE];
  }

  async function fetchPage(at) {
    pages.set(at, null);
    for (const old of pages.keys()) if (pages.size > KEPT && old !== at) pages.delete(old);
    try {
      pages.set(at, await page(at * PAGE));
    } catch (error) {
      pages.delete(at);
      body.replaceChildren(h("p", { role: "status" }, `Rows from ${count(at * PAGE + 1)} on could not be read: ${error.message}`));
      return;
    }
    if (grid.isConnected) later();
  }
}
