"""SimBench: what is read, and what is said of input that cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from loaders.report import LoadError
from loaders.simbench import is_simbench, read_simbench
from twin.engine import Twin
from twin.events import Operation
from twin.validation import findings

# --- the demo network ---------------------------------------------------------------------------------------------


def test_demo_network_counts(simbench):
    network, _ = simbench
    assert {name: len(table) for name, table in network.tables.items()} == {
        "nodes": 105_615,
        "lines": 34_606,
        "switches": 73_511,
        "transformers": 686,
        "sources": 7,
        "consumers": 36_063,
        "usage_points": 0,
        "substations": 41,
        "feeders": len(network.feeders),
    }
    assert np.count_nonzero(network.switches["normal_open"]) == 2_603
    assert network.customers == 33_224
    assert len(network.feeders) > 100


def test_every_node_of_the_demo_network_is_fed(simbench):
    network, _ = simbench
    assert (network.normal_energized == 7).all()
    assert not [finding for finding in findings(network) if finding.severity == "error"]


def test_demo_report_adds_up(simbench):
    _, report = simbench
    assert report.read.keys() == report.used.keys()
    for kind, read in report.read.items():
        assert read == report.used[kind] + sum(s.count for s in report.skipped if s.kind == kind), kind
    assert (report.used["PowerPlant"], report.used["ExternalNet"]) == (7, 0)
    assert "2839 loads stand for networks modelled elsewhere and count no customers" in report.notes
    assert all(len(s.first_ids) == 5 and s.reason for s in report.skipped)
    assert report.to_json()["read"] == report.read


# --- six nodes ----------------------------------------------------------------------------------------------------


def test_small_folder(folder):
    steps = []
    network, report = read_simbench(folder.path, progress=steps.append)
    assert is_simbench(folder.path) and not is_simbench(folder.path / "elsewhere")
    assert network.customers == 1  # of two loads one is an equivalent
    assert network.name == folder.path.name
    assert (network.normal_energized == 7).all()
    assert network.feeders["head_mrid"].tolist() == ["CB1"]
    assert network.feeders["name"].tolist() == ["MV1_Feeder1"]
    line = network.mrids.find("L1").row
    assert (network.lines["length_m"][line], network.lines["rated_current_a"][line]) == (700, 250)
    assert network.transformers["rated_power_va"].tolist() == [25e6]
    assert network.switches["kind"][network.mrids.find("CB1").row] == "Breaker"
    consumer = network.mrids.find("Load 1").row
    assert (network.consumers["p_w"][consumer], network.consumers["q_var"][consumer]) == (100e3, 20e3)
    assert {"reading Line.csv", "numbering the network"} <= set(steps)
    assert report.used["ExternalNet"] == 1
    assert Twin(network).switch([Operation("CB1", True)]).deenergized.nodes == 4


def test_other_rows_are_counted_as_left_out(folder):
    folder.write("RES", "id;node|sun 1;c|sun 2;d")
    folder.write("PowerPlant", "id;node;calc_type;subnet|plant 1;HV;vavm;HV1|plant 2;HV;pvm;HV1")
    folder.write("ExternalNet", "id;node;calc_type;subnet|grid;HV;vavm;MV1_HV1_eq")
    folder.write("LoadProfile", "time;a|1;2")
    network, report = folder.read()
    assert network.sources["mrid"].tolist() == ["plant 1"]
    assert (report.read["RES"], report.used["RES"]) == (2, 0)
    left_out = {s.kind: s.first_ids for s in report.skipped}
    assert left_out == {"RES": ("sun 1", "sun 2"), "PowerPlant": ("plant 2",), "ExternalNet": ("grid",)}
    assert any("LoadProfile.csv was not read" in note for note in report.notes)


def test_equivalents_feed_where_nothing_else_does(folder):
    folder.put("ExternalNet", "vavm;HV1", "vavm;MV1_HV1_eq")
    network, report = folder.read()
    assert network.sources["mrid"].tolist() == ["grid"]
    assert report.used["ExternalNet"] == 1 and not report.skipped
    assert any("the external nets feed the network" in note for note in report.notes)


def test_no_source_is_a_finding(folder):
    folder.write("ExternalNet", "id;node;calc_type;subnet")
    network, _ = folder.read()
    assert not network.normal_energized.any()
    assert ("no_source", "error") in [(finding.kind, finding.severity) for finding in findings(network)]


def test_a_place_far_off_is_a_finding(folder):
    folder.put("Coordinates", "p4;9.03;52.0", "p4;52.0;9.03")  # swapped, and yet a place on earth
    outliers = [finding for finding in findings(folder.read()[0]) if finding.kind == "coordinate_outlier"]
    assert [finding.mrids for finding in outliers] == [("L2", "c")]  # or "d", its other end
    assert outliers[0].lng == pytest.approx((9.02 + 52.0) / 2) and outliers[0].lat == pytest.approx((52 + 9.03) / 2)
    assert "0.700 km long" in outliers[0].message


def test_a_node_without_coordinates_is_not_placed(folder):
    folder.put("Node", "d;node;20;p4", "d;node;20;NULL")
    network, report = folder.read()
    assert "1 nodes have no coordinates and are not placed" in report.notes
    assert [f.mrids for f in findings(network) if f.kind == "unplaced"] == [("d",)]
    assert network.line_geometry.placed.tolist().count(False) == 1


# --- input that cannot be read ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "old", "new", "parts"),
    [
        ("Line", "L2;c;d", "L2;c;nowhere", ["Line.csv line 3: nodeB is 'nowhere'; no row of Node.csv has that id"]),
        ("Load", "Load 1;c", "Load 1;x", ["Load.csv line 2: node is 'x'"]),
        ("Transformer", "25 MVA", "26 MVA", ["Transformer.csv line 2: type is '26 MVA'", "TransformerType.csv"]),
        ("Node", "a;auxiliary;20;p1;North", "a;auxiliary;20;p1;South", ["Node.csv line 4: substation is 'South'"]),
        ("Node", "c;node;20;p3", "c;node;20;p9", ["Node.csv line 6: coordID is 'p9'", "Coordinates.csv"]),
        ("Node", "c;node", "b;node", ["Node.csv line 6: id is 'b'; the same id stands in line 5"]),
        ("Switch", "LBS1;b", "CB1;b", ["Switch.csv line 3: id is 'CB1'", "line 2"]),
        ("Switch", "LBS1;b", ";b", ["Switch.csv line 3: id is ''; an id is needed"]),
        ("Switch", "LBS1;b", "L1;b", ["Switch.csv line 3: id is 'L1'", "Line.csv", "line 2"]),
        ("Load", "Load 2", "HV", ["Load.csv line 3: id is 'HV'", "Node.csv", "line 2"]),
        ("Coordinates", "p2;9.01", "p2;NaN", ["Coordinates.csv line 3: x is 'NaN'; a finite number is needed"]),
        ("Coordinates", "p2;9.01", "p2;NULL", ["Coordinates.csv line 3: x is 'NULL'"]),
        ("Coordinates", "p2;9.01;52.0", "p2;9.01;152.0", ["Coordinates.csv line 3: y is '152.0'", "swapped?"]),
        ("Line", "L1;a;b;cable;0.7", "L1;a;b;cable;long", ["Line.csv line 2: length is 'long'; a finite number"]),
        ("Line", "L1;a;b;cable;0.7", "L1;a;b;cable;0,7", ["Line.csv line 2: length is '0,7'"]),
        ("Line", "L2;c;d;cable;0.7", "L2;c;d;cable;-0.7", ["Line.csv line 3: length is '-0.7'", "0 … 10000"]),
        ("Line", "L2;c;d;cable;0.7", "L2;c;d;cable;inf", ["Line.csv line 3: length is 'inf'"]),
        ("Switch", "b;c;LBS", "b;c;XYZ", ["Switch.csv line 3: type is 'XYZ'; it must be one of CB, LBS, LS, DS"]),
        ("Switch", "c;LBS;1", "c;LBS;2", ["Switch.csv line 3: cond is '2'; it must be one of 0, 1"]),
        ("Node", "b;node", "b;pole", ["Node.csv line 5: type is 'pole'"]),
        ("Node", "b;node;20", "b;node;20000", ["Node.csv line 5: vmR is '20000'", "a voltage in kV"]),
        ("TransformerType", "25 MVA;25", "25 MVA;-25", ["TransformerType.csv line 2: sR is '-25'"]),
        ("Load", "Load 1;c;0.1;0.02;MV1", "Load 1;c;0.1", ["Load.csv line 2: qLoad is ''; a finite number is needed"]),
        ("Line", "0.7;100;MV1_Feeder1\nL2", "0.7;100;MV1_Feeder1;5\nL2", ["Line.csv", "line 2"]),
        ("Line", "L2;c;d;cable;0.7", "\n\nL2;c;d;cable;x", ["Line.csv line 5: length is 'x'"]),
        (
            "Line",
            "0.7;100;MV1_Feeder1\nL2;c;d;cable;0.7;100;MV1_Feeder1",
            "0.7;1;M;5\nL2;c;d;cable;1;1;M;5",
            ["Line.csv line 2 has more values"],
        ),
    ],
)
def test_one_wrong_value_is_named(folder, name, old, new, parts):
    folder.put(name, old, new)
    with pytest.raises(LoadError) as raised:
        folder.read()
    message = str(raised.value)
    for part in parts:
        assert part in message
    assert str(folder.path) in message and "\n" not in message


@pytest.mark.parametrize("name", ["Node", "Coordinates", "Line", "LineType", "Switch", "Load", "ExternalNet"])
def test_missing_table(folder, name):
    (folder.path / f"{name}.csv").unlink()
    with pytest.raises(LoadError, match=rf"{name}\.csv is missing"):
        folder.read()


@pytest.mark.parametrize(
    ("name", "column"), [("Node", "coordID"), ("Line", "length"), ("Switch", "cond"), ("Load", "pLoad")]
)
def test_missing_column(folder, name, column):
    folder.put(name, column, "other")
    with pytest.raises(LoadError, match=rf"{name}\.csv line 1 has no column '{column}'; it has id, .*other"):
        folder.read()


def test_empty_node_table(folder):
    folder.write("Node", "id;type;vmR;coordID;substation;subnet")
    with pytest.raises(LoadError, match=r"Node\.csv has no row"):
        folder.read()


@pytest.mark.parametrize("content", [b"", bytes(range(128, 256)), b"id;type\0;\0\xff\xfe", b"\x1f\x8b\x08\0\0\xff\xff"])
def test_not_text(folder, content):
    (folder.path / "Node.csv").write_bytes(content)
    with pytest.raises(LoadError, match=r"Node\.csv line 1(: byte 0x|: the names| has no column)"):
        folder.read()


def test_a_spreadsheet_with_commas(folder):
    file = folder.path / "Node.csv"
    file.write_text(file.read_text().replace(";", ","))
    with pytest.raises(LoadError, match=r"Node\.csv line 1 has no column 'id'"):
        folder.read()


def test_blank_lines_count_for_nothing(folder):
    folder.write("Substation", "id||North||")
    folder.put("Line", "L2;", "\nL2;")
    network, report = folder.read()
    assert (report.read["Line"], report.read["Substation"]) == (2, 1)
    assert network.mrids.find("L2")


def test_ids_keep_their_letters(folder):
    """Blanks, umlauts, quotes and what looks like a number or like nothing stay as they are."""
    for name, old, new in [("Line", "L2;", "007;"), ("Load", "Load 2;", "NA;"), ("Switch", "TIE;", "Trenner Süd 1/2;")]:
        folder.put(name, old, new)
    network, _ = folder.read()
    for mrid in ("007", "NA", "Trenner Süd 1/2"):
        assert network.mrids.find(mrid)
