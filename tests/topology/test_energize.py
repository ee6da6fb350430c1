"""Propagation, whole and incremental, against the least fixpoint."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import oracles
from tests.topology.grids import Grid, multigraph
from topology import _kernels_energize
from topology.energize import Energizer, energize
from topology.graph import build


def numbered(m):
    """A multigraph by numbers: graph, ends, phases, conducting, sources."""
    result = build(m.node_count, m.u, m.v, m.phases, m.conducting, m.sources)
    conducting, sources = np.empty(len(m.u), np.uint8), np.empty(m.node_count, np.uint8)
    conducting[result.branch_number], sources[result.node_number] = m.conducting, m.sources
    return result.graph, conducting, sources


def expected(graph, conducting, sources):
    u, v = graph.branch_u.tolist(), graph.branch_v.tolist()
    return oracles.energize(graph.node_count, u, v, list(map(int, conducting)), list(map(int, sources)))


def runs_of(changes):
    columns = (changes.lo, changes.hi, changes.before, changes.after)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("part", range(4))
def test_whole_network(part):
    for seed in range(part, 1200, 4):
        graph, conducting, sources = numbered(multigraph(seed, nodes=14, extra=8))
        assert energize(graph, conducting, sources).tolist() == expected(graph, conducting, sources)
        rng = random.Random(seed)
        other = [rng.randrange(16) & int(phases) for phases in graph.branch_phases]
        feeds = [rng.choice((0, 0, 0, 7, 1, 10)) for _ in range(graph.node_count)]
        assert energize(graph, other, feeds).tolist() == expected(graph, other, feeds)


@pytest.mark.parametrize("part", range(4))
def test_batches_of_operations(part):
    for seed in range(part, 1200, 4):
        graph, conducting, sources = numbered(multigraph(seed, nodes=14, extra=8))
        operate_at_random(graph, conducting, sources, random.Random(seed), batches=12)


def operate_at_random(graph, conducting, sources, rng, batches):
    energizer = Energizer(graph, conducting, sources)
    before = expected(graph, conducting, sources)
    for _ in range(batches):
        count = min(graph.branch_count, rng.choice((0, 1, 1, 1, 2, 3, 8)))
        branches = rng.sample(range(graph.branch_count), count)
        masks = [int(graph.branch_phases[b]) & rng.choice((0, 0, 15, 15, 15, 9, 6, 3)) for b in branches]
        changes = energizer.operate(branches, masks)
        conducting[branches] = masks
        after = expected(graph, conducting, sources)
        assert energizer.energized.tolist() == after
        assert runs_of(changes) == oracles.runs(before, after)
        before = after
    assert not energizer._arrays[-1].any()
    assert not energizer._arrays[-2].any()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_batch_on_any_network(data):
    seed = data.draw(st.integers(0, 10**6))
    graph, conducting, sources = numbered(multigraph(seed, nodes=40, extra=20))
    operate_at_random(graph, conducting, sources, random.Random(seed), batches=6)


def test_islands_joined_phase_by_phase():
    for seed in range(400):
        graph, conducting, sources = numbered(multigraph(seed, nodes=14, extra=8))
        energized = np.zeros(graph.node_count, np.uint8)
        three_alike = all(
            _kernels_energize.alike(masks, 1, other) for masks in (conducting, sources) for other in (2, 4)
        )
        arrays = (graph.parent, graph.parent_branch, graph.chord, graph.branch_u, graph.branch_v)
        for phase, phases in [(1, 7)] if three_alike else [(1, 1), (2, 2), (4, 4)]:
            _kernels_energize.join(phase, phases, *arrays, conducting, sources, energized)
        assert energized.tolist() == expected(graph, conducting, sources)


@pytest.mark.parametrize("phased", [False, True])
def test_a_mesh_in_many_pieces(phased):
    """So many chords lead out of what the forest feeds that islands are joined."""
    rng = random.Random(6)
    count, chords = 1200, 500
    u = [max(0, k - rng.randint(1, 4)) for k in range(1, count)] + [rng.randrange(count) for _ in range(chords)]
    v = list(range(1, count)) + [rng.randrange(count) for _ in range(chords)]
    graph = build(count, u, v, [7] * len(u), [7] * len(u), [7] + [0] * (count - 1)).graph
    for _ in range(20):
        open_share = rng.choice((0.05, 0.2, 0.4))
        masks = (1, 2, 3, 6, 0) if phased else (0,)
        conducting = [rng.choice(masks) if rng.random() < open_share else 7 for _ in u]
        sources = [7 * (rng.random() < 0.002) for _ in range(count)]
        assert energize(graph, conducting, sources).tolist() == expected(graph, conducting, sources)


def test_a_source_below_a_root_feeds_up_and_down():
    for seed in range(200):
        graph, conducting, _ = numbered(multigraph(seed, nodes=30, extra=4))
        for node in range(0, graph.node_count, 3):
            sources = np.zeros(graph.node_count, np.uint8)
            sources[node] = 1 + seed % 7
            assert energize(graph, conducting, sources).tolist() == expected(graph, conducting, sources)


def test_the_next_set_mask():
    rng = random.Random(7)
    for size in (0, 1, 7, 8, 9, 64, 200):
        masks = np.array([rng.choice((0, 0, 0, 0, 0, 0, 0, 0, 1, 8)) for _ in range(size)], np.uint8)
        for part in (masks, masks[size // 3 :]):
            for first in range(part.size + 1):
                after = [at for at in range(first, part.size) if part[at]]
                assert _kernels_energize.next_set(part, first) == (after[0] if after else part.size)


def test_masks_alike_in_some_phases():
    for size in (1, 7, 8, 9, 30):
        for odd in range(size):
            masks = np.full(size, 15, np.uint8)
            assert _kernels_energize.uniform(masks, 7)
            masks[odd] = 14
            assert _kernels_energize.uniform(masks, 6)
            assert _kernels_energize.uniform(masks, 7) == (size == 1)


def test_networks_of_many_blocks():
    """Long enough for intervals that no chord touches, and chunks of every length."""
    rng = random.Random(5)
    for seed in range(12):
        count = rng.choice((700, 1500))
        window = rng.choice((1, 3, 40))
        u = [max(0, k - rng.randint(1, window)) for k in range(1, count)]
        v = list(range(1, count))
        ties = rng.choice((0, 1, 4))
        u += [rng.randrange(count) for _ in range(ties)]
        v += [rng.randrange(count) for _ in range(ties)]
        phases = [7 if rng.random() < 0.98 else rng.randrange(8) for _ in u]
        conducting = [0 if rng.random() < 0.01 else mask for mask in phases]
        conducting[count - 1 :] = [7 * (seed % 2)] * ties
        sources = [7, *([0] * (count - 1))]
        result = build(count, u, v, phases, phases[: count - 1] + [0] * ties, sources)
        masks = np.empty(len(u), np.uint8)
        masks[result.branch_number] = conducting
        fed = np.empty(count, np.uint8)
        fed[result.node_number] = sources
        if seed % 3 == 0:
            fed[count // 2] = 3
        assert energize(result.graph, masks, fed).tolist() == expected(result.graph, masks, fed)
        operate_at_random(result.graph, masks, fed, rng, batches=30)


def test_open_then_close_is_the_identity():
    grid = Grid.case("f1_open_tie").build()
    energizer = Energizer(grid.graph, grid.conducting, grid.sources)
    opened = energizer.operate(grid.rows("b3"), [0])
    closed = energizer.operate(grid.rows("b3"), [7])
    assert [(lo, hi, new, old) for lo, hi, old, new in runs_of(opened)] == runs_of(closed)
    assert energizer.energized.tolist() == energize(grid.graph, grid.conducting, grid.sources).tolist()


def test_a_neutral_alone_carries_nothing():
    grid = Grid.from_text("source S ABCN\nb S 1 N\nc S 2 AN").build()
    alive = energize(grid.graph, grid.conducting, grid.sources)
    assert {name: int(alive[number]) for name, number in grid.node.items()} == {"S": 7, "1": 0, "2": 1}


def test_wrong_operations_change_nothing():
    grid = Grid.case("f1_open_tie").build()
    energizer = Energizer(grid.graph, grid.conducting, grid.sources)
    for branches, error, message in (
        ([0, 99], IndexError, "branch 99 is outside 0 <= branch < 7"),
        ([-1], IndexError, "branch -1 is outside"),
        ([2, 2], ValueError, "branch 2 is operated twice"),
    ):
        with pytest.raises(error, match=message):
            energizer.operate(branches, [0] * len(branches))
    with pytest.raises(ValueError, match="conducting has shape"):
        energizer.operate([1], [0, 0])
    assert energizer.conducting.tolist() == grid.conducting.tolist()
