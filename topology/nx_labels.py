"""Outside names and attributes of nodes and branches: what the NetworkX graphs ask for."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import numpy as np

from topology.masks import Ints

__all__ = ["Attributes", "Batched", "Chunks", "Labels", "Numbers"]

Attributes: TypeAlias = dict[str, Any]
Item = TypeVar("Item")

_CHUNK = 1024
"""Names made at once."""
_KEPT = 256
"""Chunks of names that an iteration holds at most; one of attributes weighs about as much as ten of names."""


class Labels(Protocol):
    """Names of node and branch numbers, and their attributes; one at a time, and of many at once."""

    def node_of(self, label: Hashable) -> int:
        """The number of a node; raises KeyError for a name that no node has."""

    def node_label(self, node: int) -> Hashable:
        """The name of a node."""

    def branch_label(self, branch: int) -> Hashable:
        """The edge key of a branch, unlike those of the others between the same nodes."""

    def node_attributes(self, node: int) -> Attributes:
        """The attributes of a node."""

    def branch_attributes(self, branch: int) -> Attributes:
        """The attributes of a branch."""

    def node_labels(self, nodes: Ints) -> Sequence[Hashable]:
        """The names of these nodes."""

    def branch_labels(self, branches: Ints) -> Sequence[Hashable]:
        """The keys of these branches."""

    def node_records(self, nodes: Ints) -> Sequence[Attributes]:
        """The attributes of these nodes."""

    def branch_records(self, branches: Ints) -> Sequence[Attributes]:
        """The attributes of these branches."""


class Numbers:
    """Nodes and branches are called by their numbers and have no attributes, unless a subclass knows better."""

    def __init__(self, node_count: int) -> None:
        self._nodes = range(node_count)

    def node_of(self, label: Hashable) -> int:
        if isinstance(label, int | np.integer) and label in self._nodes:
            return int(label)
        raise KeyError(label)

    def node_label(self, node: int) -> Hashable:
        return node

    def branch_label(self, branch: int) -> Hashable:
        return branch

    def node_attributes(self, node: int) -> Attributes:
        return {}

    def branch_attributes(self, branch: int) -> Attributes:
        return {}

    def node_labels(self, nodes: Ints) -> Sequence[Hashable]:
        return list(map(self.node_label, nodes.tolist()))

    def branch_labels(self, branches: Ints) -> Sequence[Hashable]:
        return list(map(self.branch_label, branches.tolist()))

    def node_records(self, nodes: Ints) -> Sequence[Attributes]:
        return list(map(self.node_attributes, nodes.tolist()))

    def branch_records(self, branches: Ints) -> Sequence[Attributes]:
        return list(map(self.branch_attributes, branches.tolist()))


class Chunks(Generic[Item]):
    """A sequence that is made a chunk at a time, where it is looked at, and forgets the oldest chunks."""

    __slots__ = ("_chunks", "_most", "_read", "_size")

    def __init__(self, read: Callable[[Ints], Sequence[Item]], size: int, most: int = _KEPT) -> None:
        self._read, self._size, self._most = read, size, most
        self._chunks: dict[int, Sequence[Item]] = {}

    def __getitem__(self, number: int) -> Item:
        chunk = self._chunks.get(number // _CHUNK)
        if chunk is None:
            chunk = self._make(number // _CHUNK)
        return chunk[number % _CHUNK]

    def _make(self, at: int) -> Sequence[Item]:
        if len(self._chunks) == self._most:
            del self._chunks[next(iter(self._chunks))]
        chunk = self._read(np.arange(at * _CHUNK, min((at + 1) * _CHUNK, self._size), dtype=np.int32))
        self._chunks[at] = chunk
        return chunk


class Batched:
    """The same labels for somebody who will look at all of them, near ones after each other."""

    def __init__(self, labels: Labels, node_count: int, branch_count: int) -> None:
        self.node_of = labels.node_of
        self.node_label = Chunks(labels.node_labels, node_count).__getitem__
        self.branch_label = Chunks(labels.branch_labels, branch_count).__getitem__
        self.node_attributes = Chunks(labels.node_records, node_count, _KEPT // 10).__getitem__
        self.branch_attributes = Chunks(labels.branch_records, branch_count, _KEPT // 10).__getitem__
        self.node_labels, self.branch_labels = labels.node_labels, labels.branch_labels
        self.node_records, self.branch_records = labels.node_records, labels.branch_records
