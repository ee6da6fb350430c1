"""Networks for the tests of tiles: a seeded town of feeders with everything that a layer may show."""

from __future__ import annotations

import uuid

import numpy as np

from twin.components import (
    AC_LINE_SEGMENT,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH,
    USAGE_POINT,
    Table,
)
from twin.geometry import LineStrings
from twin.network import Network
from twin.state import Snapshot, State


def town(
    seed: int = 1,
    branches: int = 120,
    centre: tuple[float, float] = (9.0, 48.0),
    size: float = 0.05,
    uuids: bool = False,
) -> Network:
    """A random tree with some loops around `centre`, `size` degrees wide.

    Its root is a 110 kV source behind a substation transformer. Every third branch is a switch, every seventh a
    transformer; lines have bends; some nodes have no place, some attributes are not known, some meters have usage
    points; phases differ.
    """
    random = np.random.default_rng(seed)
    nodes = branches - 5
    lnglat = np.array(centre) + random.normal(0, size, (nodes, 2))
    lnglat[random.random(nodes) < 0.04] = np.nan
    lnglat[0] = lnglat[1] = centre
    volts = random.choice([400.0, 20_000.0, np.nan], nodes)
    volts[:2] = 110_000, 20_000
    parent = np.array([max(int(random.integers(max(i - 12, 0), i)), 0) for i in range(1, nodes)])
    node1 = np.concatenate([parent, random.integers(2, nodes, branches - nodes + 1)])
    node2 = np.concatenate([np.arange(1, nodes), random.integers(2, nodes, branches - nodes + 1)])
    kind = np.array([2 if i % 7 == 0 else 1 if i % 3 == 0 else 0 for i in range(branches)])
    phases = random.choice([7, 7, 7, 1, 3, 15], branches)
    phases[0] = 7
    lines, switches, transformers = (np.flatnonzero(kind == code) for code in range(3))
    mrid = (lambda text: str(uuid.uuid5(uuid.NAMESPACE_OID, text))) if uuids else (lambda text: text)

    def named(prefix: str, count: int) -> dict[str, object]:
        return {
            "mrid": [mrid(f"{prefix}{i}") for i in range(count)],
            "name": [f"{prefix.upper()} {i} ä" if i % 4 else "" for i in range(count)],
        }

    def ends(rows: np.ndarray) -> dict[str, object]:
        return {"node1": node1[rows], "node2": node2[rows], "phases": phases[rows]}

    consumers = 2 * nodes
    usage = random.integers(0, consumers, nodes)
    length = random.uniform(1, 900, len(lines))
    length[random.random(len(lines)) < 0.1] = np.nan
    return Network.from_tables(
        f"town {seed}",
        {
            "nodes": Table(
                CONNECTIVITY_NODE,
                {
                    **named("n", nodes),
                    "lng": lnglat[:, 0],
                    "lat": lnglat[:, 1],
                    "nominal_voltage_v": volts,
                    "substation": np.where(np.arange(nodes) < 4, 0, np.where(np.arange(nodes) == 30, 1, -1)),
                },
            ),
            "lines": Table(AC_LINE_SEGMENT, {**named("l", len(lines)), **ends(lines), "length_m": length}),
            "switches": Table(
                SWITCH,
                {
                    **named("s", len(switches)),
                    **ends(switches),
                    "kind": random.choice(["Breaker", "Fuse", "Jumper"], len(switches)),
                    "normal_open": random.choice([0, 0, 0, 0, 7, 1], len(switches)) & phases[switches],
                },
            ),
            "transformers": Table(
                POWER_TRANSFORMER,
                {
                    **named("t", len(transformers)),
                    **ends(transformers),
                    "rated_power_va": random.choice([250e3, 630e3, np.nan], len(transformers)),
                },
            ),
            "sources": Table(ENERGY_SOURCE, {**named("g", 1), "node": [0]}),
            "consumers": Table(
                ENERGY_CONSUMER,
                {
                    **named("c", consumers),
                    "node": random.integers(1, nodes, consumers),
                    "phases": random.choice([7, 1, 2, 4, 15], consumers),
                    "customer_count": random.choice([-1, 1, 3, 40], consumers),
                    "equivalent": random.random(consumers) < 0.02,
                },
            ),
            "usage_points": Table(USAGE_POINT, {**named("u", nodes), "consumer": usage}),
            "substations": Table(SUBSTATION, named("x", 2)),
        },
        _bent(random, lnglat[node1[lines]], lnglat[node2[lines]], size),
    )


def _bent(random: np.random.Generator, start: np.ndarray, end: np.ndarray, size: float) -> LineStrings:
    lines = []
    for a, b in zip(start, end, strict=True):
        if np.isnan(a).any() or np.isnan(b).any():
            lines.append(np.empty((0, 2)))
            continue
        bends = random.integers(0, 9)
        along = np.linspace(0, 1, bends + 2)[:, None]
        line = a + along * (b - a)
        line[1:-1] += random.normal(0, size / 8, (bends, 2))
        lines.append(line)
    offsets = np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64)
    return LineStrings(offsets, np.concatenate(lines))


def snapshot(network: Network, seed: int | None = None, share: float = 0.2) -> Snapshot:
    """The normal state, or one with a random share of the switches operated, some on single phases."""
    state = State.normal(network)
    if seed is None:
        return Snapshot.of(network, state)
    random = np.random.default_rng(seed)
    opened = state.open.copy()
    for row in np.flatnonzero(random.random(len(opened)) < share):
        opened[row] ^= int(random.choice([7, 7, 1, 2])) & int(network.switches["phases"][row])
    return Snapshot.of(network, State(network.model, seed + 1, opened))
