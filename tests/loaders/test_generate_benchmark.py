"""The benchmarks of made-up utilities and of loading run, at a size that takes no time, and write what they say."""

from __future__ import annotations

import json

import pytest

from benchmarks import generate, loading
from loaders.generate import generate as made_up
from tests.loaders.opendss_scripts import Script
from twin.components import Table
from twin.engine import Twin
from twin.network import Network
from twin.stores import open_store


def test_a_utility_is_made_and_stored(tmp_path):
    store = tmp_path / "made.gpkg"
    rows, place = generate.made(300, 1, 4, str(store))
    assert [row.what for row in rows] == ["generate", "check", "store in a GeoPackage", "GeoPackage"]
    with Twin.from_store(open_store(str(store))) as twin:
        network = twin.network
        transformer = network.transformers["node1"][network.mrids.find(place.transformer).row]
        assert network.node_lnglat[transformer].tolist() == [place.lng, place.lat]
        assert network.model == made_up(300, 1, 4)[0].model and place.head in network.feeders["head_mrid"].tolist()


@pytest.mark.long
def test_a_utility_is_made_stored_and_served(tmp_path, capsys):
    results = tmp_path / "results.json"
    generate.main(["--meters", "300", "--seed", "4", "--folder", str(tmp_path), "--results", str(results)])
    rows = {row["what"]: row for row in json.loads(results.read_text())}
    assert list(rows) == [
        *("generate", "check", "store in a GeoPackage", "GeoPackage"),
        *("start of the server", "27 first requests", "its process", "of which the twin"),
    ]
    assert all(row["meters"] == 300 for row in rows.values())
    assert rows["its process"]["megabytes"] > rows["of which the twin"]["megabytes"] > -50
    assert rows["its process"]["bytes_per_meter"] == pytest.approx(rows["its process"]["megabytes"] * 1e6 / 300)
    assert "store in a GeoPackage" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [results]


def changed(network: Network, table: str, column: str, value: object) -> Network:
    """The same network with another value in all of a column."""
    old = network.tables[table]
    columns = {name: old[name] for name in old} | {column: value}
    return Network.from_tables("changed", {**network.tables, table: Table(old.component, columns)})


@pytest.mark.parametrize(
    ("table", "column", "value", "what"),
    [
        ("switches", "normal_open", 0, "a feeder is not radial"),
        ("lines", "in_service", False, "consumers are without supply"),
        ("consumers", "customer_count", 40, "the meters are not as many"),
    ],
)
def test_a_utility_that_is_not_what_it_is_to_be(table, column, value, what):
    network = made_up(3_000)[0]
    generate.check(network, 3_000)
    with pytest.raises(AssertionError, match=what):
        generate.check(changed(network, table, column, value), 3_000)


def test_a_source_is_read_and_stored(tmp_path, capsys):
    results = tmp_path / "results.json"
    loading.main([str(Script(tmp_path / "town").folder), "--results", str(results), "--profile"])
    rows = json.loads(results.read_text())
    assert [row["what"] for row in rows] == ["read", "store in a GeoPackage", "both"]
    assert all(row["seconds"] >= 0 and row["peak_megabytes"] > 50 for row in rows)
    assert "function calls" in capsys.readouterr().out
