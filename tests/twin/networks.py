"""Small networks written as text, and random ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from twin.components import COMPONENTS, Table
from twin.network import Network
from twin.phases import code_to_mask

CLASSES = {"b": "switches", "c": "lines", "t": "transformers"}

F1 = "b1:S-1 c2:1-2 b3:2-3 c4:3-4 b5:4-5 c6:5-6 b7:6-T"
"""Two feeders and a tie between them."""

Columns = dict[str, object]


def columns(branches: str) -> dict[str, Columns]:
    """Columns by table of `b1:S-1 c2:1-2`: b is a switch, c a line of 100 m, t a transformer; nodes 0.001° apart."""
    drawn = [(mrid, *ends.split("-")) for mrid, ends in (each.split(":") for each in branches.split())]
    nodes = list(dict.fromkeys(end for _, *ends in drawn for end in ends))
    lng = [9 + 0.001 * at for at in range(len(nodes))]
    tables: dict[str, Columns] = {"nodes": {"mrid": nodes, "lng": lng, "lat": [52.0] * len(nodes)}}
    for letter, name in CLASSES.items():
        rows = [each for each in drawn if each[0][0] == letter]
        tables[name] = {
            "mrid": [mrid for mrid, _, _ in rows],
            "node1": [nodes.index(end) for _, end, _ in rows],
            "node2": [nodes.index(end) for _, _, end in rows],
        }
    tables["lines"]["length_m"] = 100.0
    return tables


def table_of(name: str, given: Columns) -> Table:
    return Table(next(c for c in COMPONENTS if c.table == name), given)


def draw(
    branches: str,
    *,
    sources: str = "S",
    consumers: Mapping[str, str] | None = None,
    opened: str = "",
    phases: Mapping[str, str] | None = None,
    more: Mapping[str, Columns] | None = None,
    feeders: Sequence[tuple[str, str]] = (),
    name: str = "drawn",
) -> Network:
    """A network. consumers: node by mrid; phases: code by mrid; more: columns by table; feeders: head and load node."""
    tables = columns(branches)
    nodes: list[str] = tables["nodes"]["mrid"]  # type: ignore[assignment]
    tables["switches"]["normal_open"] = [7 * (mrid in opened.split()) for mrid in _mrids(tables["switches"])]
    tables["sources"] = {
        "mrid": [f"source {node}" for node in sources.split()],
        "node": [nodes.index(node) for node in sources.split()],
    }
    loads = dict(consumers or {})
    tables["consumers"] = {"mrid": list(loads), "node": [nodes.index(node) for node in loads.values()]}
    tables["feeders"] = {
        "mrid": [f"feeder {head}" for head, _ in feeders],
        "name": [f"Feeder {head}" for head, _ in feeders],
        "head_mrid": [head for head, _ in feeders],
        "head_node": [nodes.index(node) for _, node in feeders],
    }
    for table in ("switches", "lines", "transformers", "sources", "consumers"):
        tables[table]["phases"] = [code_to_mask((phases or {}).get(mrid, "ABC")) for mrid in _mrids(tables[table])]
    for table, given in (more or {}).items():
        tables[table] = tables.get(table, {}) | given
    return Network.from_tables(name, {table: table_of(table, given) for table, given in tables.items()})


def _mrids(table: Columns) -> list[str]:
    return table["mrid"]  # type: ignore[return-value]


def rng_network(seed: int) -> Network:
    """A random network with every table filled, loops, doubled branches and islands, and some nodes off the map."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 25))
    lng = rng.uniform(8, 9, count)
    lng[rng.random(count) < 0.1] = np.nan
    tables = {
        "nodes": {
            "mrid": [f"n{i}" for i in range(count)],
            "lng": lng,
            "lat": rng.uniform(50, 51, count),
            "nominal_voltage_v": rng.choice([110e3, 20e3, 400.0], count),
            "busbar": rng.random(count) < 0.3,
            "substation": rng.integers(-1, 3, count),
        },
        "substations": {"mrid": ["u0", "u1", "u2"]},
    }
    for name in ("lines", "switches", "transformers"):
        rows = int(rng.integers(0, count + 3))
        tables[name] = {
            "mrid": [f"{name}{i}" for i in rng.permutation(rows)],
            "node1": rng.integers(0, count, rows),
            "node2": rng.integers(0, count, rows),
            "phases": rng.choice([7, 7, 15, 1, 2, 6], rows),
            "in_service": rng.random(rows) < 0.95,
        }
    rows = len(tables["switches"]["mrid"])
    tables["switches"]["normal_open"] = rng.choice([0, 0, 7, 1], rows)
    for name in ("sources", "consumers"):
        rows = int(rng.integers(1, count))
        tables[name] = {"mrid": [f"{name}{i}" for i in range(rows)], "node": rng.integers(0, count, rows)}
        tables[name]["phases"] = rng.choice([7, 1, 3, 8], rows)
    tables["consumers"]["customer_count"] = rng.integers(-1, 4, rows)
    tables["usage_points"] = {"mrid": ["p0", "p1", "p2"], "consumer": rng.integers(0, rows, 3)}
    return Network.from_tables(f"random {seed}", {name: table_of(name, given) for name, given in tables.items()})
