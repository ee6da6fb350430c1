"""Every kernel as the plain Python that it is: the tests of kernels with the JIT off, and none left out."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TESTS = (
    "tests/conformance/test_hubs.py",
    "tests/topology/test_cases.py",
    "tests/topology/test_energize.py",
    "tests/topology/test_fixtures.py",
    "tests/topology/test_graph.py",
    "tests/topology/test_interval.py",
    "tests/topology/test_loops.py",
    "tests/topology/test_paths.py",
    "tests/topology/test_restore.py",
    "tests/topology/test_nx.py::test_any_kind_of_graph_weight_and_method",
    "tests/topology/test_sums.py",
    "tests/topology/test_trace.py::test_downstream",
    "tests/tiles/test_feeders.py::test_a_line_across_many_tiles_is_cut_at_their_edges",
    "tests/tiles/test_geometry.py",
    "tests/tiles/test_index.py",
    "tests/tiles/test_live.py",
    "tests/tiles/test_mvt.py",
    "tests/tiles/test_source.py::test_a_trace_is_a_layer",
    "tests/tiles/test_stale.py::test_a_switch_that_feeds_nothing_is_stale_itself",
    "tests/tiles/test_stale.py::test_an_index_made_anew_from_its_epoch_on_agrees",
    "tests/tiles/test_trails.py",
    "tests/twin/test_search.py",
    "tests/twin/test_texts.py",
)


def kernels_in_sources() -> int:
    """How many functions are decorated as kernels."""
    found = 0
    for folder in ("topology", "twin", "tiles"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    found += any(isinstance(each, ast.Name) and each.id == "kernel" for each in node.decorator_list)
    return found


@pytest.mark.timeout(600)
def test_every_kernel_as_plain_python(tmp_path):
    written = tmp_path / "kernels.json"
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.conformance.kernel_calls",
            "-p",
            "no:cacheprovider",
            *TESTS,
        ],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "KERNELS_NOT_CALLED": str(written), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    result = json.loads(written.read_text(encoding="utf-8"))
    assert result["not_called"] == [], "name the tests of these kernels in TESTS"
    assert result["kernels"] == kernels_in_sources() > 80
