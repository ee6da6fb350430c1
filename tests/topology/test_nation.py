"""The nation benchmark at a size that takes no time: it counts right, and refuses what does not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import nation
from benchmarks.topology_networks import BREAKER, TIE, numbered, substations_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that even a small nation has several parts."""
    monkeypatch.setattr(nation, "PART_NODES", 4_000)


@pytest.mark.usefixtures("small_parts")
def test_a_nation_of_parts_is_what_it_says() -> None:
    *steps, made = nation.make(70, 7_000)
    assert [what for what, _ in steps] == ["generate", "number", "put together"]
    shape = nation.shape_of(70, 7_000)
    assert made.meters == 70 * shape.trunk * nation.METERS_EACH >= 7_000
    assert made.graph.node_count == 7 * shape.substation_nodes
    assert np.count_nonzero(made.kinds == BREAKER) == 7 * (nation.FEEDERS_EACH + 2)
    assert np.count_nonzero(made.conducting == 0) == np.count_nonzero(made.kinds == TIE)
    # The meters are the leaves, but for ends of trunks without a tie.
    ends = np.bincount(np.concatenate((made.graph.branch_u, made.graph.branch_v)))
    metered = np.diff(made.meters_before) > 0
    assert (ends[metered] == 1).all() and metered.sum() == made.meters


def test_a_nation_of_one_part_is_what_build_makes() -> None:
    shape = nation.shape_of(20, 2_000)
    *_, made = nation.make(20, 2_000)
    expected = numbered("", *substations_of(2, shape))
    assert np.array_equal(made.graph.parent, expected.graph.parent)
    assert np.array_equal(made.graph.branch_u, expected.graph.branch_u)
    assert np.array_equal(made.conducting, expected.conducting) and np.array_equal(made.kinds, expected.kinds)


@pytest.mark.usefixtures("small_parts")
def test_every_measurement_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = nation.resource.getrlimit(nation.resource.RLIMIT_AS)
    nation.main(["--feeders", "30", "--meters", "3000", "--gigabytes", "64", "--results", str(tmp_path)])
    assert nation.resource.getrlimit(nation.resource.RLIMIT_AS) == before
    rows = json.loads((tmp_path / "nation.json").read_text())
    names = [row["what"] for row in rows]
    for what in ("number", "energise everything", "operate a breaker", "upstream of any node", "peak"):
        assert what in names
    assert all(what in capsys.readouterr().out for what in names[:1])
    breaker = rows[names.index("operate a breaker")]
    assert breaker["worst"] >= breaker["seconds"] > 0
    assert rows[names.index("operate a coupler")]["note"] == "0 meters at most"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--feeders", "0"], "at least one feeder"), (["--feeders", "9", "--meters", "8"], "--feeders 9 --meters 8")],
)
def test_what_cannot_be_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        nation.main(arguments)
    assert message in capsys.readouterr().err


def test_what_does_not_fit_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.nation", "--gigabytes", "3", "--results", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "150,000,000 meters do not fit in --gigabytes 3" in done.stderr
    assert not list(tmp_path.iterdir())
