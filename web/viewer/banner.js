/** What cannot be missed while the page does not show the live state. */

import { $, h, put } from "./dom.js";

/** text: what is shown instead, null while live; `back` returns to the live state. */
export function show(text, back) {
  document.body.classList.toggle("not-live", text !== null);
  const banner = $("banner");
  banner.hidden = text === null;
  if (text === null) return put(banner);
  return put(
    banner,
    h("strong", {}, "NOT LIVE"),
    h("span", { id: "banner-text", title: text }, text),
    h("button", { type: "button", id: "back-to-live", onclick: back }, "Back to live"),
  );
}
