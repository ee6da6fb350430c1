from benchmarks.tiles import run


def test_the_benchmark_runs() -> None:
    rows = {row.what: row for row in run(meters=400)}
    assert rows["meters z11"].features == 400
    assert rows["grid z12"].bytes > 0
    assert all(row.milliseconds >= 0 for row in rows.values())
