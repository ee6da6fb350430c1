/** The slider over the log: every view at an instant of the past, event by event or played. */

import * as api from "./api.js";
import { $, cross, h, notify, put } from "./dom.js";
import { count, moment } from "./format.js";
import * as view from "./view.js";

const PAUSE_MS = 900; // between two events while playing
const SETTLED_MS = 120; // after the last move of the slider
let does = null;
let parts = null;
let head = 0;
let timer;
let playing = false;

/** callbacks: {look(view, options), close()}. */
export function setUp(callbacks) {
  does = callbacks;
}

/** The log has reached a revision. */
export async function reached(revision) {
  head = Math.max(head, revision);
  if ($("time").hidden) return;
  await log.grow(head);
  draw();
}

/** The revision that the page shows. */
function shown() {
  const { revision, at } = view.now();
  if (revision !== undefined) return revision;
  return at === undefined ? log.last : log.revisionAt(at);
}

/** What the banner says of a past view. */
export function banner() {
  const { revision, at } = view.now();
  const event = revision === undefined ? null : log.at(revision);
  if (at !== undefined) return `The network as it was at ${moment(at)}.`;
  return `The past: revision ${count(revision)}${event ? `, ${moment(event.recorded_at)}` : ""}.`;
}

export async function opened() {
  make();
  await log.grow(head);
  draw();
}

export function closed() {
  stop();
}

/** network: its summary in the state that is shown. */
export function figures(network) {
  if (!parts) return;
  const { nodes, switches_open: open } = network.counts;
  parts.figures.textContent = `${count(network.nodes_supplied ?? nodes)} of ${count(nodes)} nodes supplied, ${count(open ?? 0)} switches open`;
}

function make() {
  if (parts) return;
  const slider = h("input", { type: "range", id: "time-slider", step: 1, "aria-label": "Event of the log", oninput: slid });
  const button = (id, label, text, onclick) => h("button", { id, "aria-label": label, title: label, onclick }, text);
  const play = button("time-play", "Play", "▶", () => (playing ? stop() : start()));
  const instant = h("input", { type: "datetime-local", id: "time-instant", step: 1, "aria-label": "Instant to go to", onchange: go });
  parts = { slider, play, instant, event: h("p", { id: "time-event", role: "status" }), figures: h("p", { class: "hint", id: "time-figures" }) };
  const controls = [button("time-back", "One event back", "◀", () => step(-1)), play, button("time-on", "One event on", "▶❙", () => step(1)), button("time-live", "Back to live", "Live", () => does.look({}))];
  put(
    $("time"),
    h("header", {}, h("h2", { id: "time-title" }, "Time"), cross("Close time", does.close)),
    slider,
    parts.event,
    h("div", { class: "buttons" }, controls),
    h("label", { class: "instant" }, h("span", {}, "Go to"), instant),
    parts.figures,
  );
}

/** After another state was chosen, or the log has grown. */
export function draw() {
  if (!parts || !log.events.length) return;
  const at = Math.min(Math.max(shown(), log.first), log.last);
  const { slider } = parts;
  [slider.min, slider.max, slider.value] = [log.first, log.last, at];
  slider.disabled = log.first === log.last;
  const event = log.at(at);
  const text = `${moment(event.recorded_at)} · ${words(event)}`;
  slider.setAttribute("aria-valuetext", text);
  put(parts.event, h("b", {}, view.isLive() ? `Live · ${text}` : view.isPast() ? text : `Newest event: ${text}`), h("small", {}, `Event ${count(at - log.first + 1)} of ${count(log.events.length)}${event.note ? ` · ${event.note}` : ""}`));
  $("time-back").disabled = at <= log.first;
  $("time-on").disabled = at >= log.last;
  parts.play.disabled = log.first === log.last;
}

function slid() {
  stop();
  clearTimeout(timer);
  timer = setTimeout(() => show(parts.slider.valueAsNumber), SETTLED_MS);
}

function step(by) {
  stop();
  return show(shown() + by);
}

const show = (revision, options) => does.look({ revision }, options);

function go() {
  stop();
  const instant = new Date(parts.instant.value);
  if (Number.isNaN(instant.getTime())) return;
  if (instant > new Date()) {
    notify("This instant has not come yet: choose an earlier one.", "error");
    return;
  }
  if (instant < new Date(log.events[0].recorded_at)) {
    notify(`The log goes back to ${moment(log.events[0].recorded_at)}: choose a later instant.`, "error");
    return;
  }
  does.look({ at: instant.toISOString() });
}

/** From the beginning, if the end is shown; one event after the other, each when the one before is there. */
async function start() {
  playing = true;
  parts.play.textContent = "❙❙";
  parts.play.setAttribute("aria-label", "Pause");
  let next = shown() >= log.last ? log.first : shown() + 1;
  while (playing && next <= log.last) {
    await show(next, { passing: true });
    if (!view.isPast()) break;
    next += 1;
    if (next <= log.last) await new Promise((then) => setTimeout(then, PAUSE_MS));
  }
  stop();
}

function stop() {
  playing = false;
  if (!parts) return;
  parts.play.textContent = "▶";
  parts.play.setAttribute("aria-label", "Play");
}

// --- the newest part of the log of events, and the instants of its revisions

const MOST = 5000; // events that are kept, the newest
const PAGE = 1000;

class Log {
  constructor() {
    this.events = []; // oldest first, without gaps
  }

  /** First and last revision that can be shown. */
  get first() {
    return this.events[0]?.revision ?? 0;
  }

  get last() {
    return this.events.at(-1)?.revision ?? 0;
  }

  /** The event that made a revision. */
  at(revision) {
    return this.events[revision - this.first] ?? null;
  }

  /** The revision that was the newest one at an instant; the first one for an earlier instant. */
  revisionAt(instant) {
    const moment = new Date(instant).getTime();
    let [from, to] = [0, this.events.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (new Date(this.events[middle].recorded_at).getTime() <= moment) from = middle + 1;
      else to = middle;
    }
    return Math.max(this.first, this.first + from - 1);
  }

  /** Reads what came since, of a long log only the newest events. */
  async grow(head) {
    let since = Math.max(this.last, head - MOST);
    if (since > this.last) this.events = [];
    for (;;) {
      const page = await api.events(since, PAGE);
      this.events.push(...page.events.filter(({ revision }) => revision > this.last));
      if (page.next === null || !page.events.length) break;
      since = page.events.at(-1).revision;
    }
    // A state of another model cannot be shown beside this one: the log begins with the model that is in force.
    const begins = this.events.findLastIndex(({ kind }) => kind === "ModelReplaced");
    if (begins > 0) this.events.splice(0, begins);
    if (this.events.length > MOST) this.events.splice(0, this.events.length - MOST);
  }
}

/** What an event did, in a few words. */
function words({ kind, normal, operations, name }) {
  if (kind === "ModelReplaced") return `Model loaded${name ? `: ${name}` : ""}`;
  if (normal) return "Every switch to normal";
  const [first] = operations;
  const more = operations.length > 1 ? ` and ${count(operations.length - 1)} more` : "";
  return `${first.open ? "Open" : "Close"} ${first.mrid}${more}`;
}

const log = new Log();
