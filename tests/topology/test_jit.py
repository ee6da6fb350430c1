"""Kernels with the JIT off, from many threads, warmed up, and the arguments they take."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.topology.grids import multigraph
from tests.topology.test_energize import numbered
from topology import jit, masks
from topology.energize import Energizer, energize
from topology.results import Start
from topology.trace import connected, downstream, upstream

ROOT = Path(__file__).parents[2]

PLAIN = """
import random
import numpy as np
from tests import oracles
from tests.topology.test_energize import expected, numbered, operate_at_random
from tests.topology.grids import multigraph
from tests.topology import test_energize, test_extent, test_fixtures, test_graph, test_interval, test_loops
from tests.topology import test_nx, test_paths, test_restore, test_sums, test_trace
from topology import jit
from topology.energize import energize
assert not jit.compiled()
jit.warm_up()
networks = test_trace.networks
for module in (test_trace, test_extent, test_loops, test_paths, test_restore):
    module.networks = lambda part, count=0, **sizes: networks(part, 25 + part, **sizes)
test_trace.test_direction(0)
test_trace.test_connected(0)
test_trace.test_upstream(0)
test_trace.test_downstream(0, "flow")
test_trace.test_downstream(0, "exclusive")
test_extent.test_extents_and_traces_agree(0)
test_extent.test_bits_of_a_trace_and_back()
test_interval.test_a_run_that_is_fed_alike_is_found()
extents = test_sums.extents
test_sums.extents = lambda count: extents(10)
test_sums.test_counts_and_totals_by_class()
test_sums.test_points_reached_in_a_phase_of_theirs()
test_energize.test_the_next_set_mask()
test_energize.test_masks_alike_in_some_phases()
test_loops.test_exclusive_weight(1)
test_loops.test_cycle_basis_and_bridges(1)
test_paths.test_shortest_path(1)
test_paths.test_protection(1)
test_restore.test_isolation_kills_the_section_and_opens_nothing_needless(1)
test_restore.test_restoration_by_closing_every_switch(1)
test_fixtures.test_f1_two_feeders_and_an_open_tie()
test_fixtures.test_f3_a_ring()
test_fixtures.test_f10_a_batch_in_any_order()
pairs = test_nx.pairs
test_nx.pairs = lambda count=0, **sizes: pairs(15, **sizes)
test_nx.test_backend_equals_networkx()
for seed in range(40):
    graph, conducting, sources = numbered(multigraph(seed, nodes=14, extra=8))
    assert energize(graph, conducting, sources).tolist() == expected(graph, conducting, sources)
    operate_at_random(graph, conducting, sources, random.Random(seed), batches=4)
u, v = list(range(300)), list(range(1, 301))
built = test_graph.build(301, u, v, [7] * 300, [7] * 300, [7] + [0] * 300)
conducting = built.graph.branch_phases.copy()
conducting[150] = 1
operate_at_random(built.graph, conducting, np.array([7] + [0] * 300, np.uint8), random.Random(1), batches=8)
"""


def test_everything_runs_with_the_jit_off():
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PLAIN],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_warm_up_leaves_nothing_to_compile():
    script = """
import sys
import numpy as np
from topology import extent, jit, loops, paths, restore, sums, trace
from topology.energize import Energizer
from topology.graph import build
from topology.interval import interval
from topology.results import Options, Start

def signatures():
    modules = [module for name, module in sys.modules.items() if name.startswith("topology._kernels")]
    kernels = [kernel for module in modules for kernel in vars(module).values() if hasattr(kernel, "signatures")]
    assert len(kernels) > 30
    return {(kernel.__name__, signature) for kernel in kernels for signature in kernel.signatures}

jit.warm_up()
warm = signatures()
built = build(4, np.array([0, 1, 2]), [1, 2, 3], [7] * 3, np.full(3, 7, np.uint8), [7, 0, 0, 0])
graph, state = built.graph, (built.graph, np.full(3, 7, np.uint8), np.array([7, 0, 0, 0], np.uint8))
energizer = Energizer(*state)
energizer.operate([1], [0])
energizer.operate(np.array([1]), np.array([7], np.uint8))
for ask in (trace.connected, trace.upstream, trace.downstream):
    ask(*state, Start([2]))
    ask(*state, Start([2], [1]), Options(barriers=[0]))
for ask in (trace.upstream, trace.downstream):
    ask(*state, Start([2]), energized=energizer.energized)
for ask in (extent.connected, extent.upstream, extent.downstream):
    found = ask(*state, Start([2]))
    ask(*state, Start([2], [1]), Options(barriers=[0]))
sums.by_class(found, [0] * 3, [1.0] * 3, 1)
sums.points(found, [0], [7], [1])
sums.bounds(graph, found, np.zeros((4, 2)))
interval(*state, energizer.energized, node=2)
trace.direction(*state)
loops.exclusive_weight(*state, np.arange(5), [7] * 4, [1] * 4)
loops.find_loops(*state)
loops.is_radial(*state)
paths.shortest_path(*state, Start([0]), Start([3]))
paths.protection(*state, Start([3]), [True] * 3)
restore.isolation(*state, Start([2]), [True] * 3)
restore.restorations(*state, [True] * 3, [3], np.arange(5), [7] * 4, [1] * 4)
late = signatures() - warm
assert not late, late
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_traces_from_many_threads_at_once():
    graph, conducting, sources = numbered(multigraph(7, nodes=60, extra=20))
    starts = [Start([node]) for node in range(graph.node_count)]

    def ask(start):
        traces = [trace(graph, conducting, sources, start) for trace in (connected, upstream, downstream)]
        return [(trace.nodes.tolist(), trace.branches.tolist(), trace.branch_flow.tolist()) for trace in traces]

    alone = [ask(start) for start in starts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, starts * 5)) == alone * 5


def test_readers_beside_a_writer():
    graph, conducting, sources = numbered(multigraph(9, nodes=60, extra=20))
    energizer = Energizer(graph, conducting, sources)
    with ThreadPoolExecutor(4) as pool:
        reads = [pool.submit(energize, graph, conducting, sources) for _ in range(50)]
        for branch in range(graph.branch_count):
            energizer.operate([branch], [0])
            energizer.operate([branch], [conducting[branch]])
        results = {tuple(read.result().tolist()) for read in reads}
    assert results == {tuple(energizer.energized.tolist())}


def test_exercises_are_registered_once_a_module():
    called = []

    def mine():
        called.append(True)

    assert jit.exercise(mine) is mine
    try:
        jit.warm_up()
    finally:
        jit._exercises.remove(mine)
    assert called == [True]


def test_masks_and_numbers_become_arrays():
    ready = masks.as_masks([1, 2], 2, "given")
    assert masks.as_masks(ready, 2, "given") is ready
    mine = np.array([1, 2], np.uint8)
    assert not masks.as_masks(mine, 2, "given").flags.writeable
    assert mine.flags.writeable
    assert masks.as_ints([]).dtype == np.int32
    with pytest.raises(ValueError, match=r"given has shape \(2,\), expected \(3,\)"):
        masks.as_masks(mine, 3, "given")
    with pytest.raises(TypeError, match="whole numbers"):
        masks.as_ints(["1"])
