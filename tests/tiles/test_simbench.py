"""The demo network's cells, at every zoom: they add up to the network, and copies of a cell are equal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import mapbox_vector_tile
import numpy as np
import pytest

from loaders.simbench import read_simbench
from tiles.mercator import lnglat_to_tile
from tiles.source import ZOOMS, TileSource
from twin.engine import Twin
from twin.events import Operation

SUMMED = ("customers", "customers_out", "meters", "transformers", "line_km")


def test_cells_add_up_at_every_zoom(simbench_folder: Path) -> None:
    network, _ = read_simbench(simbench_folder)
    twin = Twin(network)
    twin.switch([Operation("MV2.101 Switch 7", open=True)])
    source = TileSource(network)
    left, bottom, right, top = network.bounds
    lowest, highest = ZOOMS["hexes"]
    for z in range(lowest, highest + 1):
        x, y = lnglat_to_tile(np.array([left, right]), np.array([top, bottom]), z)
        totals: Counter[str] = Counter()
        cells: dict[str, dict[str, object]] = {}
        last = 2**z - 1
        for column in range(max(int(x[0]) - 1, 0), min(int(x[1]) + 1, last) + 1):
            for row in range(max(int(y[0]) - 1, 0), min(int(y[1]) + 1, last) + 1):
                data = source.tile("hexes", z, column, row, twin.current).data
                for feature in mapbox_vector_tile.decode(data)["hexes"]["features"] if data else ():
                    cell = feature["properties"]
                    owner = cell.pop("owner")
                    assert cells.setdefault(cell["h3"], cell) == cell
                    if owner:
                        totals.update({name: cell[name] for name in SUMMED})
        assert totals["customers"] == network.customers == 33_224, z
        assert totals["customers_out"] == twin.current.customers_out == 1_891, z
        assert totals["meters"] == 36_063, z
        assert totals["transformers"] == 686, z
        assert totals["line_km"] == pytest.approx(network.lines["length_m"].sum() / 1e3, rel=1e-9), z
