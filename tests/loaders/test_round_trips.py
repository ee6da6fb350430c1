"""What is exported loads again to an equal network, in every format, and exported once more is the same bytes."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

import geopandas
import numpy as np
import orjson
import pandas as pd
import pyogrio
import pytest
from hypothesis import HealthCheck, given, settings

from loaders.bdgd import read_bdgd
from loaders.cim_export import export_cim
from loaders.formats import read
from loaders.generate import generate
from loaders.opendss import read_opendss
from loaders.report import LoadError
from tests.loaders.odd_networks import odd_networks
from tests.tiles.grids import snapshot, town
from tests.topology.grids import CASES
from tests.twin.networks import rng_network, table_of
from tests.twin.test_trace_cases import network_of
from tiles.export_files import ExportError
from tiles.export_layers import TABLES, export_layers
from tiles.export_tables import EXPORT_NAMES
from twin.components import COMPONENTS, ENERGY_SOURCE, Table
from twin.layer_columns import MODEL_LAYERS
from twin.network import Network
from twin.state import Snapshot
from twin.traces import TraceRequest, run
from twin.validation import findings

ENDINGS = (*TABLES, ".xml")
NAMES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


def write(network: Network, path: Path, state: Snapshot | None = None) -> bytes:
    """Exports a network, in its normal state unless another is given; the bytes of the file."""
    state = state or snapshot(network)
    if path.suffix == ".xml":
        with path.open("wb") as stream:
            export_cim(network, state, stream)
    else:
        export_layers(network, state, path)
    return path.read_bytes()


def differences(network: Network, other: Network) -> list[str]:
    """Columns, extras and courses in which two networks differ, element by element, found by their mrids."""
    found = []
    for component in COMPONENTS:
        one, two = network.tables[component.table], other.tables[component.table]
        if sorted(one["mrid"].tolist()) != sorted(two["mrid"].tolist()):
            found.append(f"{component.table}: other mrids")
            continue
        if one.extras.keys() != two.extras.keys():
            found.append(f"{component.table}: extras {sorted(one.extras.keys() ^ two.extras.keys())}")
        for field in component.fields:
            if by_mrid(network, one, field.name) != by_mrid(other, two, field.name):
                found.append(f"{component.table}.{field.name}")
        for name in one.extras.keys() & two.extras.keys():
            pairs = (dict(zip(t["mrid"], plain(t.extras[name]), strict=True)) for t in (one, two))
            if next(pairs) != next(pairs):
                found.append(f"{component.table} extra {name}")
    for network_ in (network, other):
        assert len(network_.line_geometry) == len(network_.lines)
    if not found and courses(network) != courses(other):
        found.append("courses of lines")
    return found


def by_mrid(network: Network, table: Table, column: str) -> dict[str, object]:
    """Values of a column; where it holds rows of another table, their mrids."""
    targets = {"node": "nodes", "node1": "nodes", "node2": "nodes", "head_node": "nodes"}
    targets |= {"substation": "substations", "consumer": "consumers"}
    values = plain(table[column])
    if column in targets:
        mrids = [*network.tables[targets[column]]["mrid"].tolist(), None]
        values = [mrids[row] for row in values]
    return dict(zip(table["mrid"].tolist(), values, strict=True))


def plain(column: np.ndarray) -> list[object]:
    """Python's values, None for NaN."""
    return [None if value != value else value for value in column.tolist()]


def courses(network: Network) -> dict[str, object]:
    return {mrid: network.line_geometry[row].tobytes() for row, mrid in enumerate(network.lines["mrid"].tolist())}


def check(network: Network, folder: Path, ending: str) -> None:
    """There and back, and there again."""
    one, two = folder / f"one{ending}", folder / f"two{ending}"
    written = write(network, one)
    again, report = read(one)
    assert report.format == ("cim" if ending == ".xml" else "gridtwin")
    assert differences(network, again) == []
    assert again.model == network.model
    assert findings(again) == findings(network)
    assert np.array_equal(again.normal_energized, network.normal_energized)
    assert write(again, two) == written


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", NAMES)
def test_cases(tmp_path, name, ending):
    check(network_of(name), tmp_path, ending)


@pytest.mark.parametrize("ending", ENDINGS)
def test_towns(tmp_path, ending):
    for network in (town(1), town(2, uuids=True), rng_network(3), rng_network(4)):
        check(network, tmp_path, ending)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(network=odd_networks())
def test_odd_networks(network):
    with tempfile.TemporaryDirectory() as folder:
        for ending in (".xml", ".geojson", ".geojsonl"):
            check(network, Path(folder), ending)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(network=odd_networks())
def test_odd_networks_in_tables(network):
    with tempfile.TemporaryDirectory() as folder:
        for ending in (".gpkg", ".parquet"):
            check(network, Path(folder), ending)


@pytest.mark.parametrize("ending", ENDINGS)
def test_traces_are_the_same(tmp_path, ending):
    network = network_of("f3_ring")
    write(network, tmp_path / f"one{ending}")
    again, _ = read(tmp_path / f"one{ending}")
    for mrid in network.switches["mrid"].tolist():
        for kind in ("connected", "upstream", "downstream"):
            request = TraceRequest.from_json({"kind": kind, "start": [mrid]})
            answers = [run(snapshot(each), request).to_json() for each in (network, again)]
            assert answers[0] == answers[1]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_generated_utility(tmp_path, ending):
    network, _ = generate(400, seed=5)
    check(network, tmp_path, ending)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("script", ["13Bus/IEEE13Nodeckt.dss", "123Bus/IEEE123Master.dss"])
def test_published_feeders(tmp_path, shared_data, script, ending):
    network, _ = read_opendss(shared_data / "opendss_testfeeders" / script)
    check(network, tmp_path, ending)


@pytest.mark.long
@pytest.mark.parametrize("ending", ENDINGS)
def test_simbench(tmp_path, simbench, ending):
    check(simbench[0], tmp_path, ending)


@pytest.mark.long
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_utility_of_brazil(tmp_path, shared_data, ending):
    (source,) = (shared_data / "bdgd_mux_energia_2024").glob("*.gdb*")
    check(read_bdgd(source)[0], tmp_path, ending)


# --- what is in the files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_switches_that_are_not_as_they_normally_are(tmp_path, ending):
    network = town(3)
    state = snapshot(network, 3)
    write(network, tmp_path / f"one{ending}", state)
    again, report = read(tmp_path / f"one{ending}")
    assert again.model == network.model
    own = network.switches["phases"]
    moved = np.count_nonzero((state.state.open ^ network.switches["normal_open"]) & own)
    (note,) = [note for note in report.notes if "as they normally are" in note]
    assert note.startswith(f"{moved} switches")


def test_the_report_of_layers_adds_up(tmp_path):
    network = town(3)
    write(network, tmp_path / "town.gpkg")
    _, report = read(tmp_path / "town.gpkg")
    assert report.read.keys() == set(EXPORT_NAMES)
    assert report.used == {name: len(network.tables.get(name, ())) for name in report.read}
    assert {each.kind: each.count for each in report.skipped} == {"meters": len(network.meters)}
    assert report.notes == []


def test_the_report_of_cim_says_what_it_is(tmp_path):
    network = town(3)
    path = tmp_path / "town.xml"
    text = write(network, path).decode()
    again, report = read(path)
    assert again.name == network.name == "town 3"
    assert f"the network is the model {network.model}, as gridtwin exported it" in report.notes
    assert report.skipped == []
    path.write_text(text.replace("L 1 ä", "another", 1), encoding="utf-8")
    again, report = read(path)
    assert "another" in again.lines["name"].tolist()
    assert f"the network was changed since it was the model {network.model}, as gridtwin exported it" in report.notes


def test_cim_without_the_extension_is_still_the_network(tmp_path):
    """Another tool may drop what it does not know: then voltages and places come from the equipment."""
    network = read_opendss_like()
    path = tmp_path / "town.xml"
    lines = write(network, path).decode().splitlines()
    kept = [line for line in lines if not line.strip().startswith(("<gridtwin:Conn", "<gridtwin:Feeder", "<extra:"))]
    text = "\n".join(kept)
    start, end = text.index("<gridtwin:Network"), text.index("</gridtwin:Network>")
    path.write_text(text[:start] + text[end + len("</gridtwin:Network>") :], encoding="utf-8")
    again, _ = read(path)
    assert differences(network, again) == []


def read_opendss_like() -> Network:
    """A network that CIM's own terms say all of: placed, with voltages, names, and a feeder per head."""
    names = {"S": "source", "a": "station", "b": "street", "c": "house"}
    return Network.from_tables(
        "plain",
        {
            "nodes": table_of(
                "nodes",
                {
                    "mrid": list(names),
                    "name": list(names.values()),
                    "lng": [9.0, 9.0, 9.01, 9.02],
                    "lat": [48.0, 48.001, 48.0, 48.0],
                    "nominal_voltage_v": [110e3, 20e3, 20e3, 20e3],
                    "substation": [0, 0, -1, -1],
                    "busbar": [False, True, False, False],
                },
            ),
            "substations": table_of("substations", {"mrid": ["north"], "name": ["North"]}),
            "transformers": table_of(
                "transformers",
                {
                    **{"mrid": ["t"], "name": ["T"], "node1": [0], "node2": [1], "rated_power_va": [40e6]},
                    **{"substation": [0], "circuit": ["North"]},
                },
            ),
            "switches": table_of(
                "switches",
                {
                    **{"mrid": ["cb", "tie"], "name": ["CB", "Tie"], "node1": [1, 2], "node2": [2, 3]},
                    **{"kind": ["Breaker", "LoadBreakSwitch"], "phases": [7, 3], "normal_open": [0, 1]},
                    **{"circuit": ["F", "F"], "rated_current_a": [630.0, np.nan]},
                },
            ),
            "lines": table_of(
                "lines",
                {
                    **{"mrid": ["l"], "name": ["L"], "node1": [2], "node2": [3], "phases": [3], "circuit": ["F"]},
                    **{"length_m": [743.2], "rated_current_a": [250.0]},
                },
            ),
            "sources": table_of("sources", {"mrid": ["grid"], "name": ["Grid"], "node": [0]}),
            "consumers": table_of(
                "consumers",
                {
                    **{"mrid": ["shop"], "name": ["Shop"], "node": [3], "phases": [1], "p_w": [9000.0]},
                    **{"q_var": [100.0], "customer_count": [3]},
                },
            ),
            "usage_points": table_of("usage_points", {"mrid": ["meter"], "name": ["Meter"], "consumer": [0]}),
            "feeders": table_of(
                "feeders",
                {"mrid": ["f"], "name": ["F"], "head_mrid": ["cb"], "head_node": [2], "substation": [0]},
            ),
        },
    )


def test_what_xml_cannot_hold(tmp_path):
    plain_network = town(3)
    name = plain_network.lines["name"].copy()
    name[:2] = "a\x01b"
    lines = plain_network.lines.take(np.arange(len(name)), name=name)
    tables = dict(plain_network.tables) | {"lines": lines}
    network = Network.from_tables("odd", tables, plain_network.line_geometry)
    with (tmp_path / "odd.xml").open("wb") as stream:
        made = export_cim(network, snapshot(network), stream)
    first = network.lines["mrid"][0]
    (note,) = made.notes
    assert note.startswith("IdentifiedObject.name of 2 elements has") and repr(first) in note
    again, _ = read(tmp_path / "odd.xml")
    assert again.lines["name"][0] == "a\ufffdb" and differences(network, again) == ["lines.name"]
    sources = Table(ENERGY_SOURCE, {"mrid": ["a\x01b"], "node": [0]})
    broken = Network.from_tables("odd", tables | {"sources": sources}, plain_network.line_geometry)
    with (tmp_path / "odd.xml").open("wb") as stream, pytest.raises(LoadError, match=r"mrid 'a\\x01b' has a character"):
        export_cim(broken, snapshot(broken), stream)


# --- edited exports -----------------------------------------------------------------------------------------------


@pytest.fixture
def features(tmp_path):
    """The features of an export, to change one of them; called, they are written and read."""
    path = tmp_path / "town.geojson"
    write(town(3), path)
    return Features(path)


class Features:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.all = json.loads(path.read_bytes())["features"]

    def of(self, layer: str) -> list:
        return [feature for feature in self.all if feature["properties"]["layer"] == layer]

    def read(self):
        self.path.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": self.all}))
        return read(self.path)


def test_an_export_that_was_edited(features):
    moved, line = features.of("nodes")[5], features.of("lines")[0]
    moved["geometry"] = {"type": "Point", "coordinates": [9.5, 48.5]}
    line["properties"] |= {"length_m": 12, "circuit": "new", "Owner": "x", "year": 1990, "surface": "gravel"}
    node = dict(moved["properties"], mrid="new node", substation=None)
    features.all.append({"type": "Feature", "properties": node, "geometry": None})
    network, report = features.read()
    at = network.mrids.find(moved["properties"]["mrid"]).row
    assert network.node_lnglat[at].tolist() == [9.5, 48.5]
    row = network.mrids.find(line["properties"]["mrid"]).row
    assert (network.lines["length_m"][row], network.lines["circuit"][row]) == (12.0, "new")
    assert network.lines.extras["year"][row] == 1990 and network.lines.extras["surface"][row] == "gravel"
    assert np.isnan(network.node_lnglat[network.mrids.find("new node").row]).all()
    assert "layer lines: columns with such names are not kept: Owner" in report.notes


@pytest.mark.parametrize(
    ("layer", "column", "value", "message"),
    [
        (
            "lines",
            "node1",
            "nowhere",
            r"lines feature \d+: node1 is 'nowhere'; no feature of the layer nodes has",
        ),
        ("lines", "node2", None, "node2 is None; no feature of the layer nodes"),
        ("lines", "phases", "ABX", "phases is 'ABX'; phases 'ABX': use each of the letters"),
        ("lines", "length_m", -1, "length_m is -1.0; a number in 0 … 1e[+]07 m is needed"),
        ("consumers", "customer_count", 1.5, "customer_count is 1.5; a whole number in -1 … inf is needed"),
        ("consumers", "customer_count", 3e9, "customer_count is 3000000000.0; a whole number"),
        ("switches", "normal_open", True, "normal_open is True; normal_open_phases is None, which says otherwise"),
        ("usage_points", "consumer", "nobody", "consumer is 'nobody'; no feature of the layer consumers"),
        ("switches", "mrid", None, "mrid is None; it is needed"),
        ("sources", "mrid", "n0", "share the mrid 'n0'"),
        ("nodes", "layer", None, "layer is None; the name of a layer is needed"),
    ],
)
def test_an_export_that_was_broken(features, layer, column, value, message):
    told = [each["properties"] for each in features.of(layer)]
    next(each for each in told if column != "normal_open" or not each[column])[column] = value
    with pytest.raises(LoadError, match=message):
        features.read()


BROKEN = (None, "", "x", "\u0000", -1, 1.5, 1e300, 2**40, True, [], [1], {}, {"a": 1})


def outcome(path: Path) -> str:
    """Whether a file is refused with an error that says why, or read as a network."""
    try:
        network, _ = read(path)
    except LoadError:
        return "refused"
    assert len(network.nodes) > 0
    return "read"


def test_any_value_broken_is_an_error_or_a_network(tmp_path):
    """Nothing else: no crash, and no number that is not one."""
    path = tmp_path / "town.geojsonl"
    lines = [orjson.loads(line) for line in write(read_opendss_like(), path).splitlines()]
    outcomes: Counter[str] = Counter()
    for at, feature in enumerate(lines):
        for column in feature["properties"]:
            value = BROKEN[(at + 7 * len(outcomes) + outcomes.total()) % len(BROKEN)]
            properties = feature["properties"] | {column: value}
            told = [*lines[:at], feature | {"properties": properties}, *lines[at + 1 :]]
            path.write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in told))
            outcomes[outcome(path)] += 1
    assert outcomes["refused"] > 30 and outcomes["read"] > 30, outcomes


def test_any_line_of_cim_left_out_is_an_error_or_a_network(tmp_path):
    """Also where the extension is there in part."""
    path = tmp_path / "town.xml"
    lines = write(read_opendss_like(), path).splitlines(keepends=True)
    outcomes: Counter[str] = Counter()
    for at in range(0, len(lines), 2):
        path.write_bytes(b"".join(lines[:at] + lines[at + 1 :]))
        outcomes[outcome(path)] += 1
    assert outcomes["refused"] > 20 and outcomes["read"] > 20, outcomes


def test_shapes_of_another_kind(features):
    features.of("nodes")[0]["geometry"] = {"type": "LineString", "coordinates": [[9, 48], [9.1, 48]]}
    with pytest.raises(LoadError, match=r"layer nodes feature \d+: its shape is 'LineString'; a Point is needed"):
        features.read()


def test_a_part_of_a_network_is_no_network(tmp_path):
    network = town(3)
    export_layers(network, snapshot(network), tmp_path / "part.gpkg", ["nodes", "lines"])
    with pytest.raises(LoadError, match="has no layer 'switches': a network is all of nodes, lines, switches"):
        read(tmp_path / "part.gpkg")
    export_layers(
        network,
        snapshot(network),
        tmp_path / "part.gpkg",
        ["lines"],
    )
    with pytest.raises(LoadError, match="say with --mapping what they are"):
        read(tmp_path / "part.gpkg")


@pytest.mark.parametrize("ending", [".gpkg", ".parquet"])
def test_an_export_in_another_coordinate_system(tmp_path, ending):
    network, one, two = town(3), tmp_path / f"one{ending}", tmp_path / f"two{ending}"
    write(network, one)
    if ending == ".parquet":
        geopandas.read_parquet(one).to_crs("EPSG:25832").to_parquet(two)
    else:
        for name in EXPORT_NAMES:
            layer = geopandas.read_file(one, layer=name).to_crs("EPSG:25832")
            layer.to_file(two, layer=name)
        pyogrio.write_dataframe(pd.DataFrame({"note": ["x"]}), two, layer="notes", append=True)
    again, report = read(two)
    assert np.allclose(again.node_lnglat, network.node_lnglat, rtol=0, atol=1e-8, equal_nan=True)
    assert [found for found in differences(network, again) if found not in ("nodes.lng", "nodes.lat")] == []
    others = {each.kind: each.reason for each in report.skipped if each.kind != "meters"}
    assert others == ({"notes": "this layer is none of the model's"} if ending == ".gpkg" else {})


@pytest.mark.parametrize("ending", TABLES)
def test_control_characters_in_layers(tmp_path, ending):
    network = town(3)
    lines = network.lines
    for text, refused in (("a\x01\x1f\x7fb", False), ("a\0b", True)):
        circuit = np.array([text] * len(lines))
        tables = dict(network.tables) | {"lines": lines.take(np.arange(len(lines)), circuit=circuit)}
        odd = Network.from_tables("odd", tables, network.line_geometry)
        if not refused:
            check(odd, tmp_path, ending)
            continue
        with pytest.raises(ExportError, match=r"layer lines: circuit of 'l\d+' has a NUL"):
            write(odd, tmp_path / f"three{ending}")
        assert not (tmp_path / f"three{ending}").exists()


def test_a_coordinate_system_is_refused(tmp_path):
    write(town(3), tmp_path / "town.gpkg")
    with pytest.raises(LoadError, match="exported layers know theirs"):
        read(tmp_path / "town.gpkg", crs="EPSG:25832")


def test_lines_of_geojson_that_are_none(tmp_path):
    path = tmp_path / "town.geojsonl"
    whole = write(town(3), path).splitlines(keepends=True)
    for broken, message in ((b"{\n", "line 3: this is no JSON"), (b"[]\n", "line 3: a feature of GeoJSON")):
        path.write_bytes(b"".join([*whole[:2], broken, *whole[2:]]))
        with pytest.raises(LoadError, match=message):
            read(path)
    feature = orjson.loads(whole[0])
    feature["geometry"] = {"type": "LineString", "coordinates": "here"}
    path.write_bytes(b"".join([orjson.dumps(feature) + b"\n", *whole[1:]]))
    with pytest.raises(LoadError, match=r"line 1: geometry is .*a shape of GeoJSON is needed"):
        read(path)


def test_names_of_layers_are_those_of_tables():
    assert set(MODEL_LAYERS) <= set(EXPORT_NAMES)
    assert Counter(MODEL_LAYERS) == Counter(component.table for component in COMPONENTS)
