"""pandapower: nets in memory and in JSON files, and what is said of input that cannot be read."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

from loaders import formats
from loaders.pandapower import from_net, is_pandapower, read_pandapower
from loaders.report import LoadError
from twin.engine import Twin
from twin.events import Operation
from twin.network import Network
from twin.validation import findings

Edit = Callable[[dict[str, Any]], None]

# A station: 110 kV – T – 20 kV bus 1, line 0 to bus 2 (a switch at each end), line 1 on to bus 3, a tie back to bus 1.
#
#   ext_grid 0 – bus 0 –trafo 0– /CB 0/ – bus 1 –/1/– line 0 –/2/– bus 2 –line 1– bus 3 –/open 3/– bus 1


@pytest.fixture
def net(station: Any) -> Any:
    return copy.deepcopy(station)


@pytest.fixture(scope="module")
def station() -> Any:
    net = pp.create_empty_network(name="station")
    places = [(9.0, 52.0), (9.001, 52.0), (9.011, 52.0), (9.021, 52.0)]
    for at, place in enumerate(places):
        pp.create_bus(net, 110 if at == 0 else 20, name=f"Bus {at}", geodata=place, type="b" if at < 2 else "n")
    pp.create_ext_grid(net, 0)
    pp.create_transformer(net, 0, 1, "25 MVA 110/20 kV", name="T")
    for at, (a, b) in enumerate([(1, 2), (2, 3)]):
        line = "NA2XS2Y 1x185 RM/25 12/20 kV"
        pp.create_line(net, a, b, 0.7, line, name=f"Line {at}", parallel=at + 1, geodata=[places[a], places[b]])
    pp.create_switch(net, 1, 0, "t", type="CB", name="Breaker")
    pp.create_switch(net, 1, 0, "l", type="LBS")
    pp.create_switch(net, 2, 0, "l", type="DS")
    pp.create_switch(net, 3, 1, "b", type="LS", closed=False)
    pp.create_load(net, 2, 0.1, 0.02, scaling=0.5, name="Mill")
    pp.create_load(net, 3, 0.2, in_service=False)
    return net


def written(net: Any, path: Path) -> Path:
    file = path / "net.json"
    pp.to_json(net, str(file))
    return file


def row(network: Network, mrid: str) -> dict[str, Any]:
    element = network.mrids.find(mrid)
    return network.tables[element.component.table].record(element.row)


def ends(network: Network, mrid: str) -> list[str]:
    """The nodes of a branch."""
    own = row(network, mrid)
    return [str(network.nodes["mrid"][own[name]]) for name in ("node1", "node2")]


def dead(network: Network) -> set[str]:
    return set(network.nodes["mrid"][network.normal_energized == 0].tolist())


# --- what is read -------------------------------------------------------------------------------------------------


def test_a_switch_splits_the_end_of_an_element(net):
    network, report = from_net(net)
    assert ends(network, "switch 0") == ["bus 1", "switch 0 node"]
    assert ends(network, "trafo 0") == ["bus 0", "switch 0 node"]
    assert ends(network, "line 0") == ["switch 1 node", "switch 2 node"]
    assert ends(network, "switch 2") == ["bus 2", "switch 2 node"]
    assert ends(network, "switch 3") == ["bus 3", "bus 1"]
    assert row(network, "switch 2 node")["name"] == "Line 0 at Bus 2"
    assert (row(network, "switch 2 node")["lng"], row(network, "switch 2 node")["nominal_voltage_v"]) == (9.011, 20e3)
    kinds = [row(network, f"switch {at}")["kind"] for at in range(4)]
    assert kinds == ["Breaker", "LoadBreakSwitch", "Disconnector", "Switch"]
    assert [row(network, f"switch {at}")["normal_open"] for at in range(4)] == [0, 0, 0, 7]
    assert network.name == report.source == "station"


def test_columns_in_si_units(net):
    network, report = from_net(net)
    assert row(network, "line 0")["length_m"] == 700
    ampere = net.line.max_i_ka[0] * 1e3
    assert [row(network, f"line {at}")["rated_current_a"] for at in (0, 1)] == pytest.approx([ampere, 2 * ampere])
    assert row(network, "trafo 0")["rated_power_va"] == 25e6
    assert row(network, "load 0") | {"mrid": "", "node": 0} == {
        "mrid": "",
        "name": "Mill",
        "node": 0,
        "phases": 7,
        "p_w": 50e3,
        "q_var": 10e3,
        "customer_count": -1,
        "equivalent": False,
    }
    assert network.feeders["head_mrid"].tolist() == ["switch 1"]
    assert "1 lines are several in parallel: one element each, with the rating of all" in report.notes
    assert [(s.kind, s.first_ids, s.reason) for s in report.skipped] == [("load", ("load 1",), "it is out of service")]
    assert Twin(network).switch([Operation("switch 1", True)]).deenergized.customers == 1


def test_a_file_is_what_the_net_is(net, tmp_path):
    """Read back from JSON a net is the same network, and `auto` finds the format."""
    file = written(net, tmp_path)
    assert is_pandapower(file)
    network, report = formats.read(file)
    assert network.model == from_net(net)[0].model
    assert (report.format, report.source, network.name) == ("pandapower", str(file), "net")
    assert formats.read(file, "pandapower")[0].model == network.model


def test_both_forms_of_coordinates(net):
    network, _ = from_net(net)
    for table, column in (("bus", "geo"), ("line", "geo")):
        places = net[table][column].map(json.loads).map(lambda shape: shape["coordinates"])
        net[table] = net[table].drop(columns=column)
        if table == "bus":
            net.bus_geodata = pd.DataFrame(places.tolist(), columns=["x", "y"], index=places.index)
        else:
            net.line_geodata = pd.DataFrame({"coords": places})
    older, report = from_net(net)
    assert older.model == network.model
    assert (report.used["bus_geodata"], report.used["line_geodata"]) == (4, 2)


def test_geodata_of_nothing_is_left_out(net):
    net.bus_geodata = pd.DataFrame({"x": [1.0], "y": [2.0]}, index=[77])
    _, report = from_net(net)
    assert ("bus_geodata", ("77",)) in [(s.kind, s.first_ids) for s in report.skipped]


def test_the_course_of_a_line(net):
    net.line.loc[1, "geo"] = json.dumps(
        {"type": "LineString", "coordinates": [[9.011, 52], [9.015, 52.1], [9.021, 52]]}
    )
    net.line.loc[0, "geo"] = None
    network, _ = from_net(net)
    course = {mrid: network.line_geometry[network.mrids.find(mrid).row].tolist() for mrid in ("line 0", "line 1")}
    assert course == {"line 0": [[9.001, 52], [9.011, 52]], "line 1": [[9.011, 52], [9.015, 52.1], [9.021, 52]]}


def test_a_named_coordinate_system(net, tmp_path):
    """UTM zone 32: its middle meridian, 9° E, is at 500 km; 52° N is 5,761 km from the equator."""
    for at, x in enumerate((500_000, 500_100, 500_800, 501_500)):
        net.bus.loc[at, "geo"] = json.dumps({"type": "Point", "coordinates": [x, 5_761_038.0]})
    net.line["geo"] = None
    network, report = formats.read(written(net, tmp_path), crs="EPSG:25832")
    assert row(network, "bus 0")["lng"] == pytest.approx(9, abs=1e-6)
    assert row(network, "bus 0")["lat"] == pytest.approx(52, abs=1e-5)
    assert "coordinates were transformed from EPSG:25832" in report.notes
    laid_out, report = from_net(net)
    assert any("laid out around 0° 0°, 1 m to their unit; name their system with --crs" in n for n in report.notes)
    assert row(laid_out, "bus 3")["lng"] == pytest.approx(750 / 111_195, rel=1e-3)


def test_a_drawing_is_laid_out_to_scale(net):
    """In range of degrees, and yet none: the lines would be a hundred times too long."""
    for at in range(4):
        net.bus.loc[at, "geo"] = json.dumps({"type": "Point", "coordinates": [at, 3]})
    net.line["geo"] = None
    network, report = from_net(net)
    assert any("laid out" in note and "700 m to their unit" in note for note in report.notes)
    assert not [finding for finding in findings(network) if finding.kind == "coordinate_outlier"]
    assert network.bounds == pytest.approx([-1050 / 111_195, 0, 1050 / 111_195, 0], rel=1e-3, abs=1e-9)


def test_without_coordinates(net):
    net.bus["geo"] = None
    net.line["geo"] = None
    network, report = from_net(net)
    assert network.bounds is None
    assert report.notes[-1] == "4 buses have no coordinates and are not placed"


def test_two_switches_in_a_row(net):
    pp.create_switch(net, 1, 0, "l", closed=False)
    network, _ = from_net(net)
    assert ends(network, "switch 1") == ["bus 1", "switch 1 node"]
    assert ends(network, "switch 4") == ["switch 1 node", "switch 4 node"]
    assert ends(network, "line 0") == ["switch 4 node", "switch 2 node"]
    assert dead(network) == {"bus 2", "bus 3", "switch 2 node", "switch 4 node"}


def test_a_transformer_with_three_windings_is_a_star(net):
    pp.create_bus(net, 10)
    pp.create_bus(net, 20)
    pp.create_transformer3w(net, 0, 5, 4, "63/25/38 MVA 110/20/10 kV", name="W")
    pp.create_switch(net, 4, 0, "t3", closed=False)
    network, report = from_net(net)
    assert ends(network, "trafo3w 0 hv") == ["bus 0", "trafo3w 0 star"]
    assert ends(network, "trafo3w 0 mv") == ["trafo3w 0 star", "bus 5"]
    assert ends(network, "trafo3w 0 lv") == ["trafo3w 0 star", "switch 4 node"]
    assert [row(network, f"trafo3w 0 {leg}")["rated_power_va"] for leg in ("hv", "mv", "lv")] == [63e6, 25e6, 38e6]
    assert row(network, "trafo3w 0 star")["nominal_voltage_v"] == 110e3
    assert dead(network) == {"bus 4"}
    assert report.used["trafo3w"] == 1


def test_a_bus_out_of_service_takes_all_that_ends_there(net):
    net.bus.loc[2, "in_service"] = False
    network, report = from_net(net)
    assert dead(network) == {"bus 2", "bus 3", "switch 2 node"}
    out = [row(network, mrid)["in_service"] for mrid in ("line 0", "line 1", "switch 2", "switch 1", "trafo 0")]
    assert out == [False, False, False, True, True]
    reasons = {s.reason: s.first_ids for s in report.skipped}
    assert reasons["its bus is out of service"] == ("load 0",)
    assert "1 buses are out of service, and so is whatever ends there" in report.notes


def test_what_joins_buses_in_pandapower_joins_them_here(net):
    for _ in range(3):
        pp.create_bus(net, 20)
    pp.create_impedance(net, 3, 4, 0.1, 0.1, 10)
    pp.create_dcline(net, 4, 5, 1, 1, 1, 1, 1)
    pp.create_tcsc(net, 5, 6, 1, -1, 1, 100)
    network, report = from_net(net)
    assert dead(network) == set()
    note = "1 impedance, 1 tcsc, 1 dcline are kept as lines: pandapower's topology lets them join their buses"
    assert note in report.notes


def test_generators_that_are_slack_feed(net):
    net.ext_grid["in_service"] = False
    pp.create_gen(net, 3, 1, name="plant", slack=True)
    pp.create_gen(net, 2, 1)
    network, report = from_net(net)
    assert sorted(network.sources["mrid"].tolist()) == ["ext_grid 0", "gen 0"]
    assert row(network, "gen 0")["in_service"] and not row(network, "ext_grid 0")["in_service"]
    assert dead(network) == set()
    assert (report.read["gen"], report.used["gen"]) == (2, 1)


def test_phases_of_asymmetric_loads(net):
    pp.create_asymmetric_load(net, 2, p_a_mw=0.1, q_a_mvar=0.01)
    pp.create_asymmetric_load(net, 2, p_b_mw=0.1, p_c_mw=0.2)
    pp.create_asymmetric_load(net, 2, p_c_mw=0.1, type="delta")
    pp.create_asymmetric_load(net, 2)
    network, _ = from_net(net)
    assert [row(network, f"asymmetric_load {at}")["phases"] for at in range(4)] == [1, 6, 5, 7]
    assert row(network, "asymmetric_load 1")["p_w"] == pytest.approx(0.3e6)


def test_what_is_left_out_is_said(net):
    pp.create_sgen(net, 2, 1)
    pp.create_ward(net, 2, 0, 0, 0, 0)
    pp.create_shunt(net, 2, 1)
    pp.create_motor(net, 2, 0.1, 0.9, efficiency_percent=50, loading_percent=50)
    pp.create_measurement(net, "v", "bus", 1, 0.1, 0)
    net.switch.loc[0, "type"] = "HH fuse"
    network, report = from_net(net)
    for kind, read in report.read.items():
        assert read == report.used[kind] + sum(s.count for s in report.skipped if s.kind == kind), kind
    assert {"sgen", "ward", "shunt"} <= {s.kind for s in report.skipped}
    assert row(network, "motor 0")["p_w"] == pytest.approx(0.1e6)
    assert "measurement (1 rows) were not read: they hold no part of the network" in report.notes
    assert "1 switches are of a type that is not known (HH fuse)" in report.notes
    assert row(network, "switch 0")["kind"] == "Switch"


def test_numbers_that_mean_no_limit(net):
    net.line.loc[0, "max_i_ka"] = 99_999.0
    network, report = from_net(net)
    assert row(network, "line 0")["rated_current_a"] is None
    assert "1 lines have a limit above 100 kA, taken for not known" in report.notes


# --- files of older pandapower ------------------------------------------------------------------------------------


def test_a_file_of_format_version_1(net, tmp_path):
    """Up to pandapower 1.6 powers are in kW, and the net is text within the file."""
    net.load["p_kw"], net.load["q_kvar"] = net.load.p_mw * 1e3, net.load.q_mvar * 1e3
    net.trafo["sn_kva"] = net.trafo.sn_mva * 1e3
    net.line = net.line.rename(columns={"max_i_ka": "imax_ka"}).drop(columns="df")
    network, _ = from_net(net)
    net.load, net.trafo = net.load.drop(columns=["p_mw", "q_mvar"]), net.trafo.drop(columns="sn_mva")
    file = written(net, tmp_path)
    whole = json.loads(file.read_text())
    whole["_object"] = json.dumps(whole["_object"])
    file.write_text(json.dumps(whole))
    older, _ = read_pandapower(file)
    assert older.consumers["p_w"].tolist() == network.consumers["p_w"].tolist()
    assert older.transformers["rated_power_va"].tolist() == [25e6]
    assert older.model == network.model


def test_tables_by_column_and_places_as_shapes(net, tmp_path):
    """Older files hold tables by column, and coordinates as GeoDataFrames."""
    network, _ = from_net(net)
    places = [json.loads(geo)["coordinates"] for geo in net.bus.geo]
    net.bus = net.bus.drop(columns="geo")
    file = written(net, tmp_path)
    whole = json.loads(file.read_text())
    tables = whole["_object"]
    split = json.loads(tables["switch"]["_object"])
    columns = {
        name: {str(index): line[at] for index, line in zip(split["index"], split["data"], strict=True)}
        for at, name in enumerate(split["columns"])
    }
    tables["switch"] = {"_module": "pandas", "_class": "DataFrame", "_object": json.dumps(columns)}
    features = [
        {"type": "Feature", "id": str(at), "properties": None, "geometry": {"type": "Point", "coordinates": place}}
        for at, place in enumerate(places)
    ]
    collection = json.dumps({"type": "FeatureCollection", "features": features})
    tables["bus_geodata"] = {"_module": "geopandas.geodataframe", "_class": "GeoDataFrame", "_object": collection}
    file.write_text(json.dumps(whole))
    assert read_pandapower(file)[0].model == network.model


# --- input that cannot be read ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "at", "column", "value", "parts"),
    [
        ("bus", 1, "vn_kv", "twenty", ["table bus row 1: vn_kv is 'twenty'; a finite number is needed"]),
        ("bus", 1, "vn_kv", None, ["table bus row 1: vn_kv is None"]),
        ("bus", 1, "vn_kv", 20_000, ["vn_kv is 20000", "it must lie in 0 … 2000; a voltage in kV"]),
        ("bus", 1, "in_service", "yes", ["bus row 1: in_service is 'yes'; it must be true or false"]),
        ("bus", 1, "geo", "POINT (9 52)", ["bus row 1: geo is 'POINT (9 52)'; it cannot be read as GeoJSON"]),
        ("bus", 1, "geo", '{"type": "Polygon"}', ["it must be a GeoJSON Point or LineString"]),
        ("bus", 1, "geo", '{"type": "Point", "coordinates": [9]}', ["a point is two finite numbers"]),
        ("bus", 1, "geo", '{"type": "Point", "coordinates": [NaN, 9]}', ["a point is two finite numbers"]),
        ("bus", 1, "geo", '{"type": "Point", "coordinates": [9, 1e300]}', ["each up to 1e+09"]),
        ("line", 1, "geo", '{"type": "LineString", "coordinates": [[9, 52]]}', ["line row 1: geo", "two points"]),
        ("line", 1, "geo", '{"type": "LineString", "coordinates": []}', ["line row 1: geo", "list of points"]),
        ("line", 1, "from_bus", 99, ["table line row 1: from_bus is 99; table bus has no such row"]),
        ("line", 1, "to_bus", None, ["line: to_bus is None in row 1", "whole numbers are needed"]),
        ("line", 1, "to_bus", 2.5, ["line: to_bus is 2.5 in row 1"]),
        ("line", 1, "length_km", -1, ["line row 1: length_km is -1", "0 … 10000; a length in km"]),
        ("line", 1, "parallel", 0, ["line row 1: parallel is 0", "a number of systems"]),
        ("trafo", 0, "sn_mva", -25, ["table trafo row 0: sn_mva is -25", "a power"]),
        ("switch", 1, "et", "x", ["switch row 1: et is 'x'; it must be one of b, l, t, t3"]),
        ("switch", 1, "et", None, ["switch row 1: et is None"]),
        ("switch", 1, "element", 9, ["switch row 1: element is 9; table line has no such row"]),
        ("switch", 1, "bus", 3, ["switch row 1: bus is 3; line 0, where it switches, ends at the buses 1, 2"]),
        ("switch", 1, "closed", "open", ["switch row 1: closed is 'open'; it must be true or false"]),
        ("switch", 3, "element", 77, ["switch row 3: element is 77; table bus has no such row"]),
        ("load", 0, "bus", 12, ["table load row 0: bus is 12; table bus has no such row"]),
        ("load", 0, "p_mw", True, ["table load row 0: p_mw is True; a finite number is needed"]),
        ("load", 0, "p_mw", 1e9, ["table load row 0: p_mw is 1000000000", "a power"]),
        ("ext_grid", 0, "bus", -1, ["table ext_grid row 0: bus is -1; table bus has no such row"]),
    ],
)
def test_one_wrong_value_is_named(net, tmp_path, table, at, column, value, parts):
    file = written(net, tmp_path)
    edited(file, lambda tables: put(tables, table, at, column, value))
    with pytest.raises(LoadError) as raised:
        formats.read(file)
    message = str(raised.value)
    for part in [str(file), *parts]:
        assert part in message
    assert "\n" not in message


def edited(file: Path, edit: Edit) -> None:
    whole = json.loads(file.read_text())
    edit(whole["_object"])
    file.write_text(json.dumps(whole))


def put(tables: dict[str, Any], table: str, at: int, column: str, value: object) -> None:
    split = json.loads(tables[table]["_object"])
    split["data"][split["index"].index(at)][split["columns"].index(column)] = value
    tables[table]["_object"] = json.dumps(split)


def reshaped(table: str, **parts: object) -> Edit:
    def edit(tables: dict[str, Any]) -> None:
        tables[table]["_object"] = json.dumps(json.loads(tables[table]["_object"]) | parts)

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda tables: tables.pop("bus"), "has no table bus"),
        (lambda tables: tables.update(bus=3), "table bus is a number; a table is needed"),
        (lambda tables: tables["line"].update(_object="[1, 2"), "table line cannot be read as JSON"),
        (lambda tables: tables["line"].update(_object="[1, 2]"), "table line holds a list where rows are needed"),
        (
            lambda tables: tables["line"].update(_object='{"from_bus": [1]}'),
            "from_bus is a list; a column is an object",
        ),
        (reshaped("line", index=[0]), "table line names 1 rows, but holds 2"),
        (reshaped("line", data=3), "table line: data is a number; a list is needed"),
        (reshaped("line", data=[[1], [2]]), r"table line row 0 has 1 values; it needs one for each of its 1\d columns"),
        (reshaped("line", data=[1, 2]), "table line row 0 has a number"),
        (reshaped("line", index=[0, 0]), "table line: two rows are named 0"),
        (reshaped("line", index=[0, "x"]), "table line: its rows are named 'x'; whole numbers are needed"),
        (reshaped("bus", index=[], data=[]), "table bus has no row; a network needs nodes"),
        (reshaped("switch", columns=list("abcdefgh")), "table switch has no column 'bus'; it has a, b, c"),
        (reshaped("switch", columns=["bus"] * 8), "table switch has more than one column 'bus'"),
    ],
)
def test_a_table_that_is_none(net, tmp_path, edit, message):
    file = written(net, tmp_path)
    edited(file, edit)
    with pytest.raises(LoadError, match=message):
        read_pandapower(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as JSON"),
        (b'{"_class": "pandapowerNet", ', "cannot be read as JSON"),
        (b"\xff\xfe\x00", "line 1: byte 0x00 is no text in UTF-16"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b"[1]", "holds a list where a pandapower net, an object, is needed"),
        (b'{"_class": "MultiNet", "_object": {}}', "_class is 'MultiNet'; only a pandapowerNet can be read"),
        (b'{"_class": "pandapowerNet", "_object": 3}', "_object is a number; a pandapower net is an object of tables"),
        (b'{"_class": "pandapowerNet", "_object": "{"}', "_object cannot be read as JSON"),
        (b'{"some": "thing"}', "has no table bus"),
    ],
)
def test_a_file_that_is_no_net(tmp_path, content, message):
    file = tmp_path / "net.json"
    file.write_bytes(content)
    with pytest.raises(LoadError, match=message):
        formats.read(file, "pandapower")


def test_other_json_is_not_taken_for_a_net(tmp_path):
    file = tmp_path / "places.json"
    file.write_text('{"type": "FeatureCollection"}')
    assert not is_pandapower(file) and not is_pandapower(tmp_path)
    with pytest.raises(LoadError, match="pandapower is a JSON file that pandapower wrote"):
        formats.read(file)


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ("EPSG:99999999", "--crs is 'EPSG:99999999', which is no known coordinate system"),
        ("here", "--crs is 'here', which is no known coordinate system"),
        ("EPSG:25832", "--crs is 'EPSG:25832', in which .* is no place on earth"),
    ],
)
def test_a_coordinate_system_that_is_none(net, tmp_path, crs, message):
    net.bus.loc[3, "geo"] = json.dumps({"type": "Point", "coordinates": [1e9, -1e9]})
    with pytest.raises(LoadError, match=message):
        formats.read(written(net, tmp_path), crs=crs)


def test_a_format_in_degrees_takes_no_coordinate_system(folder):
    with pytest.raises(LoadError, match=r"--crs is 'EPSG:25832', but simbench is in degrees"):
        formats.read(folder.path, crs="EPSG:25832")


@pytest.mark.parametrize("thing", [3, {}, {"bus": [1, 2]}])
def test_what_is_no_net(thing):
    with pytest.raises(LoadError, match="is no pandapower net: it has no table bus"):
        from_net(thing)


def test_a_net_without_a_source_is_a_finding(net):
    net.ext_grid = net.ext_grid.drop(index=0)
    network, _ = from_net(net)
    assert not np.any(network.normal_energized)
    assert "no_source" in {finding.kind for finding in findings(network)}
