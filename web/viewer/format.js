/** Numbers, units and class names as people read them. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (number) => (Number.isFinite(number) ? whole.format(number) : "–");
export const brief = (number) => compact.format(number);
export const customers = (number) => `${count(number)} ${number === 1 ? "customer" : "customers"}`;

/** What an operation does or did, as the server tells it. */
export function affected({ deenergized: { customers: lost }, reenergized: { customers: back } }) {
  const parts = [lost && `${customers(lost)} without supply`, back && `${customers(back)} supplied again`];
  return parts.filter(Boolean).join(", ") || "no customer is affected";
}

const scaled = (unit, steps) => (number) => {
  const [factor, prefix] = steps.find(([least]) => Math.abs(number) >= least) ?? steps.at(-1);
  const value = number / factor;
  return `${Math.abs(value) >= 1000 ? whole.format(value) : short.format(value)} ${prefix}${unit}`;
};
const KILO_MEGA = [[1e6, "M"], [1e3, "k"], [1, ""]];
export const metres = scaled("m", [[1e3, "k"], [1, ""]]);
export const power = scaled("VA", [[1e9, "G"], [1e6, "M"], [1e3, "k"]]);

/** Column names end in their unit. */
const UNITS = {
  va: scaled("VA", KILO_MEGA),
  var: scaled("var", KILO_MEGA),
  w: scaled("W", KILO_MEGA),
  v: scaled("V", [[1e3, "k"], [1, ""]]),
  a: scaled("A", [[1, ""]]),
  m: metres,
  km: (number) => `${short.format(number)} km`,
  ohm: scaled("Ω", [[1, ""]]),
};

/** "nominal_voltage_v", 20000 → ["Nominal voltage", "20 kV"]; null for what is not known. */
export function attribute(name, value) {
  if (value === null || value === undefined || value === "") return null;
  const [, stem, unit] = name.match(/^(.+)_([a-z]+)$/) ?? [];
  const known = unit in UNITS && typeof value === "number";
  const words = (known ? stem : name).replaceAll("_", " ");
  const label = words[0].toUpperCase() + words.slice(1);
  if (typeof value === "boolean") return [label, value ? "yes" : "no"];
  if (known) return [label, UNITS[unit](value)];
  return [label, typeof value === "number" ? (Number.isInteger(value) ? whole : short).format(value) : String(value)];
}

const CLASSES = {
  AcLineSegment: "Line",
  PowerTransformer: "Transformer",
  ConnectivityNode: "Node",
  EnergyConsumer: "Consumer",
  EnergySource: "Source",
  UsagePoint: "Meter",
};

/** "LoadBreakSwitch" → "Load break switch". */
export function className(name) {
  if (name in CLASSES) return CLASSES[name];
  const words = String(name).replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** "AcLineSegment", 3 → "3 lines". */
export function counted(name, number) {
  const word = className(name).toLowerCase();
  const plural = /(ch|sh|s|x)$/.test(word) ? `${word}es` : `${word}s`;
  return `${count(number)} ${number === 1 ? word : plural}`;
}

/** "2 min ago", seen from the present, or "for 2 min", seen from a past instant; beyond a day, date and time. */
export function since(moment, instant = null) {
  const then = new Date(moment);
  const minutes = Math.round((new Date(instant ?? Date.now()) - then) / 60000);
  const said = (span) => (instant ? `for ${span}` : `${span} ago`);
  if (minutes < 1) return instant ? "just begun" : "just now";
  if (minutes < 60) return said(`${minutes} min`);
  if (minutes < 24 * 60) return said(`${Math.floor(minutes / 60)} h ${minutes % 60} min`);
  return then.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
}

export const clock = (moment) => moment.toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hour12: false });

/** An instant with its seconds, in the time of this place. */
export const moment = (instant) => new Date(instant).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** Latitude and longitude as search takes them, to about a metre. */
export const place = ({ lng, lat }) => `${lat.toFixed(5)}, ${lng.toFixed(5)}`;
