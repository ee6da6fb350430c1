"""The benchmark of memory runs, at a size that takes no time, and writes what it says."""

from __future__ import annotations

import json

import pytest

from benchmarks import memory


def test_memory_is_told_of_each_store_and_of_each_further_meter(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(memory, "until_idle", lambda process, used: None)
    results = tmp_path / "memory.json"
    memory.main(["--meters", "100", "3000", "--tiles", "5", "--traces", "5", "--results", str(results)])
    small, large = json.loads(results.read_text())
    assert 100 <= small["meters"] < large["meters"] >= 3000
    for row in (small, large):
        assert row["ready_s"] > 0
        assert row["bytes_a_meter"] == pytest.approx(row["made_mb"] * 2**20 / row["meters"], rel=0.01)
        assert all(row[name] > 50 for name in ("ready_mb", "made_mb", "tiles_mb", "traces_mb"))
    assert "each further meter: " in capsys.readouterr().out


def test_each_further_meter_leaves_out_what_every_process_takes() -> None:
    rows = [memory.Row(meters, 1, 0, 100 + meters / 2**20 * 250, 0, 0, 0) for meters in (2_000_000, 1_000_000)]
    assert round(memory.each_further(rows)) == 250
