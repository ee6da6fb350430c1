"""A whole real utility: Mux Energia's BDGD of 2024."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyogrio
import pytest

from loaders import formats
from loaders.bdgd import MAPPING, is_bdgd, read_bdgd
from loaders.layers_mapping import read_mapping
from loaders.report import LoadError, LoadReport
from topology.islands import islands
from twin.components import ENERGY_CONSUMER
from twin.elements import card
from twin.engine import Twin
from twin.geopackage import GeoPackageStore
from twin.mrids import Element
from twin.network import Network
from twin.validation import findings

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="session")
def mux_file(shared_data: Path) -> Path:
    (file,) = (shared_data / "bdgd_mux_energia_2024").glob("*.gdb.zip")
    return file


@pytest.fixture(scope="session")
def mux(mux_file: Path) -> tuple[Network, LoadReport]:
    assert is_bdgd(mux_file)
    return formats.read(mux_file)


def test_two_feeders_are_exact_trees_and_every_customer_is_supplied(mux):
    network, report = mux
    assert report.format == "bdgd"
    assert sorted(network.feeders["name"].tolist()) == ["TJB15", "TJB16"]
    assert network.customers == 13_340
    live = network.normal_energized
    assert (live[network.consumers["node"]] & network.consumers["phases"] & 7).all()
    conducting = network.normal_conducting
    graph = network.graph
    node_feeder = islands(graph, conducting)
    for head in network.feeders["head_node"].tolist():
        inside = node_feeder == node_feeder[head]
        branches = (conducting != 0) & inside[graph.branch_u]
        assert np.count_nonzero(branches) == np.count_nonzero(inside) - 1
    assert not np.isnan(network.node_lnglat).any()


def test_rows_are_counted(mux):
    network, report = mux
    used = {"SSDMT": 2173, "SSDBT": 4283, "RAMLIG": 7103, "UNSEMT": 211, "UNTRMT": 273, "UNREMT": 3, "PIP": 3481}
    assert {name: report.used[name] for name in used} == used
    assert (report.used["UCBT"], report.used["UCMT"]) == (13_300, 40)
    assert (len(network.lines), len(network.switches), len(network.transformers)) == (13_559, 211, 276)
    for kind, read in report.read.items():
        assert read == report.used[kind] + sum(s.count for s in report.skipped if s.kind == kind)
    assert np.count_nonzero(network.switches["normal_open"]) == 32
    expected = {"Breaker": 2, "Disconnector": 107, "Fuse": 92, "Recloser": 1, "Switch": 9}
    assert Counter(network.switches["kind"].tolist()) == expected


def test_reliability_is_kept(mux):
    network, report = mux
    hours, counts = (network.consumers.extras[name] for name in ("dic_h", "fic"))
    low = np.strings.startswith(network.consumers["mrid"], "UCBT ")
    assert np.count_nonzero(low) == 13_300
    assert (round(hours[low].mean(), 2), round(counts[low].mean(), 2)) == (1.54, 2.49)
    customers = network.consumer_customers > 0
    assert np.array_equal(~np.isnan(hours), customers) and np.count_nonzero(customers) == 13_340
    assert np.average(hours[customers]) == pytest.approx(1.5347, abs=1e-4)
    assert round(np.average(counts[customers]), 2) == 2.49
    assert any("interrupted 2.49 times for 1.53 h" in note for note in report.notes)


def test_reliability_is_on_the_card_and_in_the_file(mux, tmp_path):
    network, _ = mux
    path = tmp_path / "mux.gpkg"
    with Twin.load(network, GeoPackageStore(path, write=True, create=True)) as twin:
        row = int(np.nanargmax(network.consumers.extras["dic_h"]))
        shown = card(twin.current, Element(ENERGY_CONSUMER, row))["attributes"]
        assert isinstance(shown, dict) and shown["dic_h"] == network.consumers.extras["dic_h"][row] and shown["fic"] > 0
    frame = pyogrio.read_dataframe(
        path, sql="SELECT avg(dic_h) AS hours, count(dic_h) AS customers FROM consumers WHERE mrid LIKE 'UCBT %'"
    )
    assert frame["customers"].tolist() == [13_300] and round(frame["hours"][0], 2) == 1.54
    with Twin.from_store(GeoPackageStore(path)) as again:
        assert again.network.model == network.model


def test_dangling_ties_are_findings(mux):
    network, _ = mux
    dangling = [finding for finding in findings(network) if finding.kind == "dangling_switch"]
    one_end = [finding for finding in dangling if "nothing else is at its end" in finding.message]
    both = [finding.mrids for finding in dangling if "at either end" in finding.message]
    assert len(one_end) == 28 and both == [("UNSEMT 2CF_532",)]
    assert all(finding.lng is not None for finding in dangling)
    assert sum("of another feeder" in finding.message for finding in dangling) == 5


def test_voltages_and_phases_come_from_the_feeder_and_its_transformers(mux):
    network, report = mux
    volts = network.nodes["nominal_voltage_v"]
    heads = network.feeders["head_node"]
    assert (volts[heads] == 13_800).all()
    low = network.transformers["node2"][np.strings.startswith(network.transformers["mrid"], "UNTRMT")]
    assert set(np.unique(volts[low]).tolist()) == {220, 230, 380, 440}
    assert any("3 transformers letter their secondary anew" in note for note in report.notes)
    assert network.substations["name"].tolist() == ["SUBESTAÇÃO RGE TAPEJARA 2"]
    assert (network.feeders["substation"] == 0).all()


def test_lines_run_from_their_first_node(mux):
    network, _ = mux
    at, lines = network.node_lnglat, network.lines
    for row in range(0, len(lines), 97):
        path = network.line_geometry[row]
        assert np.abs(path[0] - at[lines["node1"][row]]).max() < 1e-4
        assert np.abs(path[-1] - at[lines["node2"][row]]).max() < 1e-4


def test_its_mapping_is_whole():
    mapping = read_mapping(MAPPING)
    assert mapping.places is not None and mapping.places.layer == "PONNOT"
    assert len({entry.prefix for entry in mapping.layers}) == len(mapping.layers)


def test_another_source_is_none(tmp_path):
    (tmp_path / "some.gdb.zip").write_bytes(b"PK")
    assert not is_bdgd(tmp_path / "some.gdb.zip")
    with pytest.raises(LoadError, match=r"some.gdb.zip.*GDAL cannot read it"):
        read_bdgd(tmp_path / "some.gdb.zip")
