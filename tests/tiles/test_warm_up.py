"""After the warm-up no tile waits for a compiler."""

import numpy as np

from tests.tiles.grids import snapshot, town
from tiles import _kernels, _kernels_cut, _kernels_encode, _kernels_live, _kernels_stale
from tiles.mercator import lnglat_to_tile
from tiles.source import TileSource
from tiles.stale import StaleIndex
from topology.jit import warm_up
from topology.trace import Options, Start, connected


def signatures() -> dict[str, int]:
    modules = (_kernels, _kernels_cut, _kernels_encode, _kernels_live, _kernels_stale)
    named = {name: each for module in modules for name, each in vars(module).items()}
    kernels = {name: getattr(each, "signatures", None) for name, each in named.items()}
    return {name: len(found) for name, found in kernels.items() if found is not None}


def test_the_warm_up_compiles_what_tiles_need() -> None:
    warm_up()
    before = signatures()
    network = town()
    source, state = TileSource(network), snapshot(network)
    trace = connected(network.graph, state.conducting, network.node_sources, Start(nodes=np.array([1])), Options())
    for z in (10, 14, 16):
        x, y = (int(part) for part in lnglat_to_tile(9.0, 48.0, z))
        source.tile("grid", z, x, y, state)
        source.tile("grid", z, x, y, state, trace=trace)
    source.tile("hexes", 0, 0, 0, state)
    index = StaleIndex(network, source)
    index.changed(state, snapshot(network, 1), 1)
    index.revision_of("grid", 10, 5, 5)
    assert signatures() == before
