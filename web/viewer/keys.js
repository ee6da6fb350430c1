/** The keys of the page, and the sheet that tells them. */

import { $, cross, h, put } from "./dom.js";

const OTHERS = [
  ["/", "Search"],
  ["↑ ↓ ← →, + −", "Move and zoom the map, when it has the focus"],
  ["Enter", "Choose what lies under the cross in the middle of the map"],
  ["Esc", "Stop picking, close the card or this sheet"],
  ["Tab", "On to the next control"],
  ["↑ ↓ Page Home End", "In a table: another row; Enter chooses it"],
];

/** keys: {key: [what it does, function]}. */
export function setUp(keys) {
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
    h("p", { class: "hint" }, "A click on the map lists everything at that point. The address bar holds all that is shown: copy it to share it."),
  );
}

export const help = () => $("help").showModal();
