"""NetworkX's own tests, through the backend and on graphs over arrays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from topology.nx_info import FUNCTIONS

ROOT = Path(__file__).parents[2]
NETWORKX = Path(nx.__file__).parent
MODULES = (
    "algorithms/components/tests/test_biconnected.py",
    "algorithms/components/tests/test_connected.py",
    "algorithms/shortest_paths/tests/test_generic.py",
    "algorithms/shortest_paths/tests/test_unweighted.py",
    "algorithms/tests/test_bridges.py",
    "algorithms/tests/test_dag.py",
    "algorithms/traversal/tests/test_bfs.py",
)
"""Where NetworkX tests the functions that the backend has."""

EXPECTED_BY_NETWORKX = {"test_distance_measures.py::TestCenter::test_center_non_tree[G8]"}
"""What NetworkX itself expects to fail, with any backend: no function that the backend has."""

ABOUT_DISPATCHING = (
    "utils/tests/test_backends.py::test_not_implemented_by_nx",
    "utils/tests/test_config.py::test_nxconfig",
    "utils/tests/test_config.py::test_nxconfig_context",
)
"""Tests of how NetworkX is configured, which the plugin does in its own way: NetworkX cannot set its list of backends
again once single functions have theirs."""

ABOUT_ORDER = tuple(
    f"algorithms/tests/test_cycles.py::TestMinimumCycleBasis::{name}"
    for name in (
        "test_gh6787_and_edge_attribute_names",
        "test_petersen_graph",
        "test_unweighted_diamond",
        "test_weighted_diamond",
    )
)
"""These expect one of several minimum cycle bases, and of each cycle one first node. Which ones follow from which of
several shortest paths `shortest_path` gives; NetworkX promises none, see the test below."""


def run(mode: str, folder: Path, *arguments: str | Path) -> dict[str, Any]:
    """The plugin's report of a run in a process of its own. $NETWORKX_FALLBACK_TO_NX must not be set to anything:
    NetworkX takes any text for yes, "False" too."""
    report = folder / "report.json"
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("NETWORKX_", "PYTEST_"))}
    environment |= {
        "NETWORKX_TEST_BACKEND": "gridtwin",
        "GRIDTWIN_NETWORKX": mode,
        "GRIDTWIN_REPORT": str(report),
        "PYTHONPATH": str(ROOT),
    }
    options = ("-q", "-p", "no:cacheprovider", "-p", "tests.topology.networkx_plugin", "--tb=short")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-c", os.devnull, f"--rootdir={NETWORKX}", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    found["output"] = done.stdout
    return found


def test_networkx_tests_of_our_functions_pass_through_the_backend(tmp_path: Path) -> None:
    report = run("backend", tmp_path, *(NETWORKX / module for module in MODULES))
    assert set(report["outcomes"]) == {"passed"}, report["output"]
    assert len(report["outcomes"]["passed"]) > 150
    assert set(report["calls"]) == set(FUNCTIONS)
    assert min(report["calls"].values()) >= 1


def test_a_cycle_basis_depends_on_the_order_in_which_a_graph_was_made() -> None:
    """NetworkX alone, the diamond and the Petersen graph of its tests with their edges in other orders."""
    for graph in (nx.Graph([(1, 2), (2, 3), (3, 4), (4, 1), (2, 4)]), nx.petersen_graph()):
        edges = list(graph.edges)
        bases = [nx.minimum_cycle_basis(nx.Graph(edges[at:] + edges[:at])) for at in range(len(edges))]
        assert len(set(map(str, bases))) > 1
        assert len({tuple(sorted(map(len, basis))) for basis in bases}) == 1


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", ["backend", "views"])
def test_all_networkx_tests_pass(mode: str, tmp_path: Path) -> None:
    """Every test of NetworkX: our functions through the backend, then each function that only reads on arrays."""
    left_out = ABOUT_DISPATCHING + (ABOUT_ORDER if mode == "backend" else ())
    report = run(mode, tmp_path, NETWORKX, *(f"--deselect={name}" for name in left_out))
    assert set(report["outcomes"]) <= {"passed", "skipped", "xfailed"}, report["output"]
    assert len(report["outcomes"]["passed"]) > 6_000
    assert {name.rpartition("/")[2] for name in report["outcomes"].get("xfailed", [])} <= EXPECTED_BY_NETWORKX
    if mode == "backend":
        assert set(report["calls"]) == set(FUNCTIONS)
    else:
        assert len(report["calls"]) > 200
