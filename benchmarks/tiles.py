"""Tiles: selection and encoding per feature, whole tiles, staleness; mapbox-vector-tile beside us.

`python -m benchmarks.tiles [--meters N]` prints a table and writes benchmarks/results/tiles.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import mapbox_vector_tile
import numpy as np

from tiles.cache import compress
from tiles.geometry import cut_points
from tiles.index import TileBox
from tiles.layers import NAMES_ZOOM, Layer
from tiles.mercator import lnglat_to_tile
from tiles.mvt import POINT, Columns, encode_layer, one_of_each
from tiles.source import TileSource
from tiles.stale import StaleIndex
from topology.jit import warm_up
from twin.components import (
    AC_LINE_SEGMENT,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    POWER_TRANSFORMER,
    SWITCH,
    Table,
)
from twin.network import Network
from twin.state import Snapshot, State

RESULTS = Path(__file__).parent / "results" / "tiles.json"
CENTRE = (9.0, 48.0)
METERS_EACH = 20
"""Meters behind one transformer, each with a service line of its own."""


@dataclass(frozen=True)
class Row:
    """One measurement: the best of several runs."""

    what: str
    features: int
    milliseconds: float
    per_feature_us: float
    bytes: int = 0


def city(meters: int, seed: int = 1) -> Network:
    """Feeders of 100 transformers behind a breaker, METERS_EACH meters around each, about 800 meters a km²."""
    random = np.random.default_rng(seed)
    transformers = max(meters // METERS_EACH, 1)
    meters = transformers * METERS_EACH
    side = np.sqrt(meters / 800) / 111
    at = np.array(CENTRE) + (random.random((transformers, 2)) - 0.5) * [side / np.cos(np.radians(CENTRE[1])), side]
    at = at[np.lexsort((at[:, 1], (at[:, 0] / (side / np.sqrt(transformers / 100))).round()))]
    place = np.repeat(at, METERS_EACH, axis=0) + random.normal(0, 0.0008, (meters, 2))
    # Nodes: the source's busbar, then medium voltage, low voltage, meters.
    medium = 1 + np.arange(transformers)
    low = medium + transformers
    metered = 1 + 2 * transformers + np.arange(meters)
    head = np.arange(transformers) % 100 == 0
    before = np.where(head, 0, medium - 1)
    nodes = {
        "mrid": np.arange(1 + 2 * transformers + meters).astype(str),
        "lng": np.concatenate([[CENTRE[0]], at[:, 0], at[:, 0], place[:, 0]]),
        "lat": np.concatenate([[CENTRE[1]], at[:, 1], at[:, 1], place[:, 1]]),
        "nominal_voltage_v": np.repeat([20e3, 400.0], [1 + transformers, transformers + meters]),
    }
    line1, line2 = (
        np.concatenate([before[~head], np.repeat(low, METERS_EACH)]),
        np.concatenate([medium[~head], metered]),
    )

    def named(prefix: str, count: int) -> dict[str, object]:
        numbers = np.arange(count).astype(str)
        return {"mrid": np.char.add(prefix, numbers), "name": np.char.add(f"{prefix.upper()} ", numbers)}

    return Network.from_tables(
        "city",
        {
            "nodes": Table(CONNECTIVITY_NODE, nodes),
            "lines": Table(
                AC_LINE_SEGMENT,
                {
                    **named("l", len(line1)),
                    "node1": line1,
                    "node2": line2,
                    "length_m": random.uniform(5, 500, len(line1)).round(1),
                },
            ),
            "switches": Table(
                SWITCH,
                {**named("s", int(head.sum())), "node1": before[head], "node2": medium[head], "kind": "Breaker"},
            ),
            "transformers": Table(
                POWER_TRANSFORMER,
                {**named("t", transformers), "node1": medium, "node2": low, "rated_power_va": 400e3},
            ),
            "sources": Table(ENERGY_SOURCE, {"mrid": ["g"], "node": [0]}),
            "consumers": Table(
                ENERGY_CONSUMER,
                {
                    **named("c", meters),
                    "node": metered,
                    "phases": random.choice([1, 2, 4, 7], meters),
                    "customer_count": random.integers(1, 5, meters),
                },
            ),
        },
    )


def best(call: Callable[[], object], repeats: int = 7) -> float:
    """Seconds of the fastest of several runs, the first not counted."""
    call()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def _row(what: str, features: int, seconds: float, data: bytes = b"") -> Row:
    return Row(what, features, round(seconds * 1e3, 4), round(seconds * 1e6 / max(features, 1), 4), len(data))


def bare_points(layer: Layer, tile: tuple[int, int, int]) -> Row:
    """Selection, geometry and encoding without any attribute."""
    box, tags = TileBox.of(*tile), one_of_each({})

    def make() -> bytes:
        entries, geometry = cut_points(layer.index, box)  # type: ignore[arg-type]
        none = np.zeros(len(entries), dtype=np.int64)
        columns = Columns((), (), np.empty((len(entries), 0), dtype=np.int64))
        ids = layer.index.row[entries] + 1
        return encode_layer("points", POINT, ids, geometry, tags, none, none, columns, repeat_id=False)

    count = len(layer.index.entries(box))  # type: ignore[arg-type]
    return _row(f"bare points z{tile[0]}", count, best(make), make())


def layer_of(layer: Layer, tile: tuple[int, int, int], snapshot: Snapshot) -> Row:
    """Selection, state, geometry and encoding of one layer with its attributes, without mrid and name."""
    box = TileBox.of(*tile)
    unnamed = replace(box, zoom=NAMES_ZOOM - 1)

    def make() -> bytes:
        selection = layer.select(box)
        return layer.encode(selection, unnamed, layer.supply.state(selection.entries, snapshot, 7))

    return _row(f"{layer.name} z{tile[0]}", len(layer.select(box).entries), best(make), make())


def run(meters: int) -> list[Row]:
    """All measurements on a city of so many meters."""
    warm_up()
    begin = time.perf_counter()
    network = city(meters)
    snapshot = Snapshot.of(network, State.normal(network))
    rows = [_row("network from tables", meters, time.perf_counter() - begin)]
    begin = time.perf_counter()
    source = TileSource(network)
    rows.append(_row("layers and indexes", meters, time.perf_counter() - begin))
    begin = time.perf_counter()
    pyramid = source.hexes
    rows.append(_row("H3 pyramid", meters, time.perf_counter() - begin))
    layers = {layer.name: layer for layer in source.layers}
    address = {z: (z, *(int(part) for part in lnglat_to_tile(*CENTRE, z))) for z in range(17)}
    for z in (11, 12, 13, 14, 16):
        rows.append(bare_points(layers["meters"], address[z]))
        rows += [layer_of(layers[name], address[z], snapshot) for name in ("lines", "meters")]
    for z in range(10, 17):
        tile = source.tile("grid", *address[z], snapshot)
        count = sum(len(layer["features"]) for layer in _decoded(tile.data).values())
        rows.append(_row(f"grid z{z}", count, best(lambda z=z: source.tile("grid", *address[z], snapshot)), tile.data))
        packed = best(lambda data=tile.data: compress(data))
        rows.append(_row(f"  gzip level 1 z{z}", count, packed, compress(tile.data)))
    for z in (6, 12):
        data = source.tile("hexes", *address[z], snapshot).data
        count = sum(len(layer["features"]) for layer in _decoded(data).values())
        rows.append(
            _row(f"hexes z{z}, outlines known", count, best(lambda z=z: pyramid.tile(*address[z], snapshot)), data)
        )
    rows += _stale(network, source, snapshot)
    rows.append(_peer(source.tile("grid", *address[16], snapshot).data))
    return rows


def _decoded(data: bytes) -> dict[str, dict[str, list[object]]]:
    found: dict[str, dict[str, list[object]]] = mapbox_vector_tile.decode(data) if data else {}
    return found


def _stale(network: Network, source: TileSource, before: Snapshot) -> list[Row]:
    index = StaleIndex(network, source)
    opened = before.state.open.copy()
    opened[0] = 7
    one = Snapshot.of(network, State(network.model, 1, opened))
    every = Snapshot.of(network, State(network.model, 2, np.full_like(opened, 7)))
    rows = []
    for what, after in (("a feeder's breaker", one), ("every breaker", every)):
        found = index.difference(before, after, 1)
        seconds = best(lambda after=after: index.difference(before, after, 1), 3)
        rows.append(_row(f"stale tiles of {what}", len(found), seconds))
    rows.append(_row("  remembered", len(found), best(lambda: index.changed(before, every, 1), 3)))
    return rows


def _peer(data: bytes) -> Row:
    """mapbox-vector-tile encoding the features of a tile, selection not included."""
    layers = [
        {"name": name, "features": layer["features"], "extent": layer["extent"]}
        for name, layer in mapbox_vector_tile.decode(data).items()
    ]
    count = sum(len(layer["features"]) for layer in layers)
    seconds = best(lambda: mapbox_vector_tile.encode(layers), 2) if layers else 0.0
    return _row("mapbox-vector-tile, encoding only", count, seconds)


def main() -> None:
    """Prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meters", type=int, default=200_000)
    rows = run(parser.parse_args().meters)
    print(f"{'':36} {'features':>9} {'ms':>10} {'µs/feature':>11} {'bytes':>10}")
    for row in rows:
        print(f"{row.what:36} {row.features:9,} {row.milliseconds:10.3f} {row.per_feature_us:11.3f} {row.bytes:10,}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
