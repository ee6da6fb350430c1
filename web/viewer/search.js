/** Search as you type: a combobox with a list of results. */

import * as api from "./api.js";
import { $, announce, h } from "./dom.js";
import { className, place } from "./format.js";
import { icon } from "./icons.js";

const WAIT_MS = 120;
const LIMIT = 12;
const PLACE = /^(-?\d+(?:\.\d+)?)°?\s*([ns]?)\s*[,;\s]\s*(-?\d+(?:\.\d+)?)°?\s*([ew]?)$/i;

/** What "53.64, 11.37" or "53.64 N 11.37 E" means, latitude first; null for anything else. */
function placeIn(text) {
  const [, north, south, east, west] = text.match(PLACE) ?? [];
  const lat = Number(north) * (/s/i.test(south) ? -1 : 1);
  const lng = Number(east) * (/w/i.test(west) ? -1 : 1);
  return Math.abs(lat) <= 90 && Math.abs(lng) <= 180 ? { mrid: null, name: place({ lng, lat }), class: "Place", feeder: "", lng, lat } : null;
}

/** Calls `choose(result)` with what was chosen; a place has no mrid. */
export function setUp(choose) {
  const input = $("search");
  const list = $("results");
  let results = [];
  let active = -1;
  let timer;
  let asking = new AbortController();

  input.addEventListener("input", () => {
    clearTimeout(timer);
    asking.abort();
    timer = setTimeout(find, WAIT_MS);
  });
  input.addEventListener("focus", () => list.childElementCount && input.value.trim() && open(true));
  input.addEventListener("blur", () => open(false));
  input.addEventListener("keydown", onKey);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // keeps the focus in the input
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    event.preventDefault();
    input.focus();
    input.select();
  });

  async function find() {
    const text = input.value.trim();
    if (!text) return open(false);
    asking = new AbortController();
    try {
      const { results: named } = await api.search(text, LIMIT, asking.signal);
      show(text, [placeIn(text) ?? [], named].flat());
    } catch (error) {
      if (error.name === "AbortError") return;
      results = [];
      tell(error.message);
    }
  }

  function show(text, found) {
    results = found;
    active = -1;
    if (!found.length) return tell(`Nothing is called “${text}”. Try a part of a name or id, a feeder, a substation, or latitude and longitude.`);
    list.replaceChildren(...found.map((result, row) => option(result, row)));
    open(true);
    announce(`${found.length === LIMIT ? "The best " : ""}${found.length} results`);
    return undefined;
  }

  function tell(sentence) {
    list.replaceChildren(h("p", { class: "empty" }, sentence));
    open(true);
    announce(sentence);
  }

  function option(result, row) {
    const name = result.name || result.mrid;
    const where = [result.feeder, name === result.mrid ? "" : (result.mrid ?? "latitude, longitude")].filter(Boolean).join(" · ");
    return h(
      "div",
      { role: "option", id: `result-${row}`, "aria-selected": "false", onclick: () => pick(row) },
      icon(result.class),
      h("span", { class: "what" }, h("b", {}, name), h("small", {}, where || " ")),
      h("span", { class: "chip" }, className(result.class)),
    );
  }

  function onKey(event) {
    if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      open(false);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!results.length) return;
      if (list.hidden) open(true);
      activate((active + (event.key === "ArrowDown" ? 1 : active < 0 ? 0 : -1) + results.length) % results.length);
    } else if (event.key === "Enter" && results.length && !list.hidden) {
      event.preventDefault();
      pick(Math.max(0, active));
    }
  }

  function activate(row) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = row;
    list.children[row].setAttribute("aria-selected", "true");
    list.children[row].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", `result-${row}`);
  }

  function pick(row) {
    open(false);
    input.value = results[row].name || results[row].mrid;
    input.blur();
    choose(results[row]);
  }

  function open(now) {
    list.hidden = !now;
    input.setAttribute("aria-expanded", String(now));
    if (!now) {
      input.removeAttribute("aria-activedescendant");
      list.children[active]?.setAttribute("aria-selected", "false");
      active = -1;
    }
  }
}
