"""Pieces in the order in which they make few lines, against NetworkX."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

from tiles.trails import following

Node = tuple[int, int, int]
Piece = tuple[Node, Node]


def some_pieces(seed: int) -> np.ndarray:
    """Walks of two feeders over a few pixels, and one feeder of its own that is a star of pixels; each piece once."""
    random = np.random.default_rng(seed)
    found: dict[tuple[int, frozenset[tuple[int, int]]], tuple[int, ...]] = {}
    for feeder in (0, 2):
        x, y = 10, 10
        for _ in range(int(random.integers(1, 120))):
            dx, dy = random.integers(-4, 5, 2).tolist()
            if (dx, dy) != (0, 0):
                found.setdefault((feeder, frozenset([(x, y), (x + dx, y + dy)])), (feeder, x, y, x + dx, y + dy))
            if random.random() < 0.7:
                x, y = x + dx, y + dy
    star = [(3, 5, 5, 5 + dx, 5 + dy) for dx, dy in ((1, 0), (0, 1), (-1, -1))]
    dot = [(5, 7, 7, 7, 7)]
    return np.array([*found.values(), *star, *dot], dtype=np.int64).T


def ends(column: np.ndarray) -> Piece:
    feeder, x0, y0, x1, y1 = column.tolist()
    return (feeder, x0, y0), (feeder, x1, y1)


def reach(piece: Piece) -> int:
    (_, x0, y0), (_, x1, y1) = piece
    return max(abs(x1 - x0), abs(y1 - y0))


@pytest.mark.parametrize("seed", range(40))
def test_pieces_follow_each_other_in_as_few_lines_as_can_be(seed: int) -> None:
    pieces = some_pieces(seed)
    given, told = [ends(each) for each in pieces.T], [ends(each) for each in following(pieces).T]
    graph = nx.MultiGraph(given)
    leaves = {node for node, degree in graph.degree() if degree == 1}
    sticks_out = [piece for piece in given if reach(piece) == 1 and leaves & set(piece)]
    feeders = {piece[0][0] for piece in given}
    whole = {feeder for feeder in feeders if all(piece in sticks_out for piece in given if piece[0][0] == feeder)}
    kept = [piece for piece in given if piece not in sticks_out or piece[0][0] in whole]
    assert 3 in whole
    assert sorted(map(sorted, told)) == sorted(map(sorted, kept))
    assert [piece[0][0] for piece in told] == sorted(piece[0][0] for piece in told)
    lines = 1 + sum(one[1] != other[0] for one, other in pairwise(told))
    left = nx.MultiGraph(kept)
    parts = [left.subgraph(part) for part in nx.connected_components(left)]
    fewest = sum(max(1, sum(degree % 2 for _, degree in part.degree()) // 2) for part in parts)
    rings = sum(part.number_of_edges() - part.number_of_nodes() + 1 for part in parts)
    assert fewest <= lines <= fewest + rings  # a ring that no line runs through is one of its own


def test_a_line_goes_straight_on_at_a_crossing() -> None:
    pieces = np.array([(0, 0, 5, 5, 5), (0, 5, 0, 5, 5), (0, 5, 5, 10, 5), (0, 5, 5, 5, 10)], dtype=np.int64).T
    lines = following(pieces).T[:, 1:].tolist()
    assert [[[0, 5, 5, 5], [5, 5, 10, 5]], [[5, 0, 5, 5], [5, 5, 5, 10]]] in (
        [lines[:2], lines[2:]],
        [lines[2:], lines[:2]],
    )
