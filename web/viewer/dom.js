/** Elements without a framework. Everything goes in as text, so no name in a network can become markup. */

const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

/** h("button", {class: "quiet", onclick: f, "aria-label": "Close"}, "×"): null and false leave an attribute or child out. Buttons send no form. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), tag === "button" ? { type: "button", ...attributes } : attributes, children);
}

/** The small cross that closes what it stands in. */
export const cross = (label, onclick) => h("button", { class: "quiet", "aria-label": label, onclick }, "×");

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

/** Replaces what an element holds. */
export function put(element, ...children) {
  element.replaceChildren(...present(children));
}

const present = (children) => children.flat().filter((child) => child !== null && child !== undefined && child !== false);

/** A table that scrolls by itself; rows are nodes or texts by column, the first names the row. */
export function table(label, heads, rows) {
  const head = h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)));
  const body = rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, first), rest.map((each) => h("td", {}, each))));
  return h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, h("table", {}, h("thead", {}, head), h("tbody", {}, body)));
}

/** Tells people who do not see the page what has changed on it. */
export function announce(text) {
  $("announcer").textContent = text;
}

/** A sentence at the top of the map; kind is "error" or "info". Errors stay until closed. */
export function notify(text, kind = "info") {
  const note = h(
    "div",
    { class: `note ${kind}`, role: kind.startsWith("error") ? "alert" : "status" },
    h("span", {}, text),
    h("button", { class: "quiet", "aria-label": "Dismiss", onclick: () => note.remove() }, "×"),
  );
  for (const old of $("notes").children) if (old.firstChild.textContent === text) old.remove();
  $("notes").append(note);
  if (!kind.startsWith("error")) setTimeout(() => note.remove(), 8000);
}

/** A button that needs a second press: `ask` gives the words for it (a string or a promise), `run` does it. */
export function twoStep(label, { ask, run, id = null, danger = false, disabled = false }) {
  const box = h("div", { id, class: "two-step" });
  const start = h("button", { class: danger ? "danger" : "", disabled, onclick: prepare }, label);
  box.append(start);
  return box;

  async function prepare() {
    start.disabled = true;
    start.textContent = "Looking up what it would do…";
    let words;
    try {
      words = await ask();
    } catch (error) {
      words = { text: `What it would do is not known: ${error.message}`, label };
    }
    const sure = h("button", { class: danger ? "danger sure" : "sure", onclick: go }, words.label ?? label);
    const never = h("button", { onclick: reset }, "Cancel");
    box.replaceChildren(h("p", { role: "status" }, words.text), h("div", { class: "buttons" }, sure, never));
    box.classList.add("asking");
    sure.focus();

    async function go() {
      sure.disabled = never.disabled = true;
      try {
        await run();
      } catch (error) {
        notify(error.message, "error");
      }
      reset();
    }
  }

  function reset() {
    start.disabled = false;
    start.textContent = label;
    box.classList.remove("asking");
    box.replaceChildren(start);
    if (document.activeElement === document.body) start.focus();
  }
}
