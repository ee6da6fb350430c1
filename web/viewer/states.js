/** Which state the page shows, and that all of it shows the same one. */

import * as address from "./address.js";
import * as api from "./api.js";
import { app } from "./app.js";
import { $, h, notify, put } from "./dom.js";
import * as outages from "./outages.js";
import * as panel from "./panel.js";
import * as selection from "./selection.js";
import * as time from "./time.js";
import * as tracing from "./tracing.js";
import * as view from "./view.js";
import * as whatif from "./whatif.js";

export function flyTo(outage) {
  if (outage.bounds) app.map?.fit(outage.bounds, { shallowest: 12, amid: [outage.lng, outage.lat] });
  else notify("This outage has no place on the map: none of its elements has coordinates.");
}

/** The past instant that is shown, null in the present. */
async function instant() {
  const { revision, at } = view.now();
  if (revision === undefined) return at ?? null;
  return (await api.events(Math.max(0, revision - 1), 1)).events[0]?.recorded_at ?? null;
}

export async function readOutages() {
  const asked = view.key();
  const [answer, past] = await Promise.all([api.outages(), instant()]);
  if (asked !== view.key() || (view.isLive() && answer.revision < app.revision)) return;
  if (view.isLive()) app.revision = answer.revision;
  app.outages = answer.outages;
  outages.figures(app.network.customers, answer.customers_out, app.outages.length, outages.feedersOf(app.outages));
  const does = { fly: flyTo, select: (mrid) => selection.select(mrid), again: () => update({ own: true }) };
  outages.show(app.outages, does, { operable: view.isLive(), instant: past });
  app.map?.showOutages(app.outages);
}

/** Shows another state everywhere: {} is the live one. */
export async function look(next, { push = true, passing = false } = {}) {
  view.choose(next);
  if (push) address.write({ view: next }, { passing });
  app.map?.look();
  tellState();
  time.draw();
  try {
    const network = await api.network();
    if (view.key() !== view.key(next)) return;
    app.network = network;
    time.figures(network);
    await update({ own: true });
  } catch (error) {
    if (view.key() !== view.key(next)) return;
    notify(error.message, "error");
    if (!view.isLive()) await look({});
  }
}

/** After an operation made here. Tiles of the live state are refreshed when the stream tells which. */
export async function changed() {
  if (!view.isLive()) app.map?.look();
  await update({ own: true });
}

/** Operations that a trace proposes become a step of the what-if that is shown, or of a new one. */
export async function apply(operations, name) {
  try {
    if (!view.scenario()) await look({ scenario: (await api.makeScenario(name)).id });
    panel.open("whatif");
    await api.operate({ operations, note: name });
    await changed();
  } catch (error) {
    notify(error.message, "error");
  }
}

/** The banner, in the words of what is shown. */
export function tellState() {
  const back = () => look({});
  if (view.isLive()) showBanner(null, back);
  else if (view.isPast()) showBanner(time.banner(), back);
  else showBanner(`What-if “${whatif.name()}”: switches operate in it alone.`, back);
}

export async function readScenario() {
  await whatif.refresh(app.outages);
  if (view.scenario()) tellState();
}

let updating = null;
let wanted = null;

/** Reads again whatever a switching operation may have changed, one round at a time; own: one made here. */
export function update({ own = false } = {}) {
  wanted = { own: own || (wanted?.own ?? false) };
  updating ??= (async () => {
    while (wanted) {
      const round = wanted;
      wanted = null;
      try {
        await readOutages();
        await Promise.all([selection.again(round.own), readScenario()]);
        await tracing.again();
      } catch (error) {
        if (!wanted) throw error; // else another state is shown by now, which is read next
      }
    }
  })().finally(() => (updating = null));
  return updating;
}

/** What cannot be missed while the page does not show the live state. text: what is shown instead, null while live; `back` returns to the live state. */
function showBanner(text, back) {
  document.body.classList.toggle("not-live", text !== null);
  const banner = $("banner");
  banner.hidden = text === null;
  if (text === null) return put(banner);
  return put(
    banner,
    h("strong", {}, "NOT LIVE"),
    h("span", { id: "banner-text", title: text }, text),
    h("button", { id: "back-to-live", onclick: back }, "Back to live"),
  );
}
