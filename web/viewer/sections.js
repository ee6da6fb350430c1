/** Connects the tools and their sections with the rest of the page. */

import { app, quietly } from "./app.js";
import { $, notify } from "./dom.js";
import * as findings from "./findings.js";
import * as panel from "./panel.js";
import * as selection from "./selection.js";
import * as states from "./states.js";
import * as time from "./time.js";
import * as tracer from "./tracer.js";
import * as tracing from "./tracing.js";
import * as view from "./view.js";
import * as whatif from "./whatif.js";

export function setUp() {
  selection.setUp({ changed: states.changed, fly: states.flyTo });
  panel.add("whatif", { opened: () => quietly(states.readScenario()) });
  tracing.setUp({
    reveal: () => panel.reveal("trace"),
    select: (mrid) => selection.select(mrid),
    edit: (request) => {
      tracer.edit(request);
      panel.open("tracer", { focus: true });
    },
    apply: states.apply,
  });
  tracer.setUp({
    run: (request) => tracing.run(request),
    selected: () => app.card?.mrid ?? notify("No element is selected: click one, or search for it."),
    close: () => panel.close("tracer"),
    picking: (field) => document.body.classList.toggle("picking", field !== null),
  });
  panel.add("tracer", { opened: () => app.trace && tracer.edit(app.trace.request), closed: tracer.stop });
  findings.setUp({
    close: () => panel.close("findings"),
    show: (found) => app.map?.showFindings(found),
    fly: ({ lng, lat }) => lng !== null && app.map?.fit([lng, lat, lng, lat], { deepest: 14 }),
    select: (mrid) => selection.select(mrid, { fly: false }),
    apply: states.apply,
  });
  panel.add("findings", findings);
  panel.listen({
    t: ["Trace", () => panel.toggle("tracer")],
    w: ["What-if", () => panel.toggle("whatif")],
    h: ["Time (history)", () => panel.toggle("time")],
    f: ["Findings", () => panel.toggle("findings")],
    l: ["Legend", () => ($("legend").open = !$("legend").open)],
    m: ["To the map", () => document.querySelector("#map canvas")?.focus()],
    "?": ["This sheet", panel.help],
  });
  $("open-help").addEventListener("click", panel.help);
  panel.add("time", {
    opened: async () => {
      await quietly(time.opened());
      time.figures(app.network);
      if (view.isPast()) states.tellState();
    },
    closed: time.closed,
  });
  time.setUp({ look: states.look, close: () => panel.close("time") });
  whatif.setUp({
    enter: (id) => states.look({ scenario: id }),
    leave: () => states.look({}),
    changed: states.changed,
    close: () => panel.close("whatif"),
    compare: (trace) => app.map?.showChanges(trace),
    select: (mrid) => selection.select(mrid),
  });
}
