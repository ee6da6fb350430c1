/** The row of tools over the map; each shows a section of the panel. */

import { $ } from "./dom.js";

const known = new Map();
let reveal = () => {};

/** show(id) brings a section of the panel into view. */
export function setUp(show) {
  reveal = show;
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
