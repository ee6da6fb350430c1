/** The newest part of the log of events, and the instants of its revisions. */

import * as api from "./api.js";
import { count } from "./format.js";

const MOST = 5000; // events that are kept, the newest
const PAGE = 1000;

export class Log {
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
export function words({ kind, normal, operations, name }) {
  if (kind === "ModelReplaced") return `Model loaded${name ? `: ${name}` : ""}`;
  if (normal) return "Every switch to normal";
  const [first] = operations;
  const more = operations.length > 1 ? ` and ${count(operations.length - 1)} more` : "";
  return `${first.open ? "Open" : "Close"} ${first.mrid}${more}`;
}
