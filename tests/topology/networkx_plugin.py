"""A pytest plugin for NetworkX's own tests: `python -m pytest -p tests.topology.networkx_plugin …`.

$GRIDTWIN_NETWORKX is the mode: `backend` sends the functions that the backend has to it, all other functions stay in
NetworkX; `views` runs every function of NetworkX that only reads on graphs over arrays. $GRIDTWIN_REPORT is the JSON
that it writes: how often each function was called, and the tests by outcome.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from topology.nx import backend
from topology.nx_convert import from_networkx, is_plain
from topology.nx_graph import Arrays
from topology.nx_info import FUNCTIONS

calls: Counter[str] = Counter()
outcomes: dict[str, list[str]] = {}


def counted(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """The same function, which counts its calls."""

    def call(*args: object, **kwargs: object) -> object:
        calls[name] += 1
        return function(*args, **kwargs)

    return call


class Flat(Mapping[Hashable, Any]):
    """A mapping that is one step shallower: the only value of each value."""

    def __init__(self, deep: Mapping[Hashable, Mapping[Hashable, Any]]) -> None:
        self._deep = deep

    def __getitem__(self, label: Hashable) -> Any:
        (attributes,) = self._deep[label].values()
        return attributes

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._deep)

    def __len__(self) -> int:
        return len(self._deep)


class FlatAdjacency(Flat):
    """Node -> neighbour -> attributes, of graphs without keys."""

    def __getitem__(self, label: Hashable) -> Any:
        return Flat(self._deep[label])


class SimpleView(nx.Graph):  # type: ignore[type-arg]
    """A `networkx.Graph` over arrays; NetworkX makes plain empty ones of its class."""

    arrays: Arrays

    def __new__(cls, view: nx.MultiGraph | None = None, *args: object, **kwargs: object) -> Any:
        return nx.Graph(view, *args, **kwargs) if view is None or args or kwargs else object.__new__(cls)

    def __init__(self, view: Any) -> None:
        self.graph, self._node, self._adj = view.graph, view._node, FlatAdjacency(view._adj)
        self.__networkx_cache__ = None  # type: ignore[assignment]

    def __deepcopy__(self, memo: dict[int, object]) -> nx.Graph:
        return deepcopy(nx.Graph(self), memo)


class Views:
    """A backend whose functions are those of NetworkX, on views over arrays."""

    @staticmethod
    def load() -> Views:
        """As an entry point does."""
        return Views()

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name not in nx.utils.backends._registered_algorithms:
            raise AttributeError(name)
        return counted(name, nx.utils.backends._registered_algorithms[name].orig_func)

    def convert_from_nx(self, graph: Any, *, name: str, **_: object) -> Any:
        """A view, unless it is no graph (NetworkX hands on whatever it is given), directed, of a class of its own, or
        about to change."""
        if not isinstance(graph, nx.Graph):
            return graph
        if nx.utils.backends._registered_algorithms[name].mutates_input or graph.is_directed():
            return graph
        if type(graph) not in (nx.Graph, nx.MultiGraph) or not is_plain(graph):
            return graph
        view = from_networkx(graph)
        return view if graph.is_multigraph() else SimpleView(view)

    def convert_to_nx(self, result: Any, **_: object) -> Any:
        """What came of it."""
        return result

    def can_run(self, *_: object) -> bool:
        """Always."""
        return True


def pytest_configure() -> None:
    """Count the calls of the backend's functions."""
    for name in FUNCTIONS:
        setattr(backend, name, counted(name, getattr(backend, name)))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems() -> None:
    """Say what goes where; NetworkX's own hook, which sent everything to one backend, has run."""
    priority = nx.config.backend_priority
    priority.algos, priority.generators = [], []
    assert nx.config.fallback_to_nx is False
    assert nx.utils.backends._dispatchable._is_testing
    if os.environ["GRIDTWIN_NETWORKX"] == "backend":
        for name in FUNCTIONS:
            priority[name] = ["gridtwin"]
        return
    nx.utils.backends.backends["views"] = Views
    nx.utils.backends.backend_info["views"] = {}
    nx.utils.backends._loaded_backends["views"] = Views()
    priority.algos = ["views"]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One outcome a test: of its call, or of whatever went wrong around it."""
    outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
    if report.when == "call" or outcome != "passed":
        outcomes.setdefault(outcome, []).append(report.nodeid)


def pytest_sessionfinish() -> None:
    """Write the report."""
    Path(os.environ["GRIDTWIN_REPORT"]).write_text(json.dumps({"calls": calls, "outcomes": outcomes}))
