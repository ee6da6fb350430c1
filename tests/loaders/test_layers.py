"""GIS layers with a mapping, in every container, joined by codes and by snapping, and broken in many ways."""

from __future__ import annotations

import json
import random
import re
import tomllib
import warnings
import zipfile
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

from loaders import formats
from loaders.layers import is_layers, read_layers
from loaders.layers_mapping import mapping_of, read_mapping
from loaders.layers_source import LayerSource, open_layers
from loaders.layers_suggest import suggested
from loaders.report import LoadError
from twin.components import TEXT
from twin.validation import findings
from web import cli

CRS = "EPSG:25832"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "formats.md"


def example() -> str:
    """The mapping in the documentation."""
    return next(
        block for block in re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S) if "cables" in block
    )


def point(x: float, y: float = 5_800_000.0) -> shapely.Point:
    return shapely.Point(500_000 + x, y)


def line(*xs: float) -> shapely.LineString:
    return shapely.LineString([point(x) for x in xs])


def frames() -> dict[str, geopandas.GeoDataFrame]:
    """S -c1- a [sw] b -c2- c (transformer) d -c3- e, and an open switch from e to nowhere."""
    tables = {
        "stations": ({"no": ["S"], "kv": [20.0]}, [point(0)]),
        "cables": (
            {
                "no": ["c1", "c2", "c3"],
                "a": ["S", "b", "d"],
                "b": ["a", "c", "e"],
                "ph": ["ABC", "CAB", "ABC"],
                "km": [0.1, 0.1, None],
                "state": ["built", "built", "built"],
            },
            [line(0, 50, 100), line(200, 100), line(200, 300)],
        ),
        "switchgear": (
            {"no": ["s1", "s2"], "a": ["a", "e"], "b": ["b", "f"], "state": ["closed", "open"], "type": ["CB", "LBS"]},
            [point(100), point(300)],
        ),
        "trafos": ({"no": ["t1"], "a": ["c"], "b": ["d"], "kva": [630], "lv": [0.4]}, [point(200)]),
        "houses": (
            {"no": [7, 8], "at": ["e", "d"], "hours": [1.5, 0.5], "more": [0.5, None]},
            [point(300), point(200)],
        ),
    }
    return {
        name: geopandas.GeoDataFrame(columns, geometry=shapes, crs=CRS) for name, (columns, shapes) in tables.items()
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "town.gpkg"
    for name, frame in frames().items():
        frame.to_file(path, layer=name)
    return path


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "town.toml"
    path.write_text(example(), encoding="utf-8")
    return path


def put(mapping: Path, old: str, new: str) -> None:
    """One text of the mapping, which must be there once."""
    text = mapping.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    mapping.write_text(text.replace(old, new), encoding="utf-8")


def fed(network, mrids: str) -> list[bool]:
    """Whether consumers are supplied."""
    rows = [network.mrids.find(mrid).row for mrid in mrids.split(",")]
    return [bool(network.normal_energized[network.consumers["node"][row]]) for row in rows]


def test_the_documented_mapping_reads_a_geopackage(source, mapping):
    network, report = formats.read(source, mapping=mapping)
    assert (report.format, network.name) == ("layers", "Town")
    assert [len(network.tables[name]) for name in ("nodes", "lines", "switches", "transformers")] == [7, 3, 2, 1]
    assert fed(network, "house 7,house 8") == [True, True]
    row = network.mrids.find("c2").row
    assert network.lines["phases"][row] == 7 and network.lines["length_m"][row] == 100
    assert network.lines["length_m"][network.mrids.find("c3").row] == pytest.approx(100, rel=0.01)  # as drawn
    start = network.line_geometry[row][0]
    assert start[0] < network.line_geometry[row][-1][0] and start[1] == pytest.approx(52.35, abs=0.01)  # turned round
    tie = network.mrids.find("s2").row
    assert (network.switches["kind"][tie], network.switches["normal_open"][tie]) == ("LoadBreakSwitch", 7)
    assert network.transformers["rated_power_va"].tolist() == [630e3]
    volts = {str(m): v for m, v in zip(network.nodes["mrid"], network.nodes["nominal_voltage_v"], strict=True)}
    assert (volts["node c"], volts["node d"], volts["node e"]) == (20e3, 400, 400)
    kept = dict(zip(network.consumers["mrid"].tolist(), network.consumers.extras["hours"].tolist(), strict=True))
    assert kept["house 7"] == 2.0 and np.isnan(kept["house 8"])
    kinds = [finding.kind for finding in findings(network)]
    assert kinds.count("dangling_switch") == 1 and "no_source" not in kinds


@pytest.mark.parametrize("container", ["shapefiles", "geojson", "gpkg.zip", "gdb", "flatgeobuf", "geoparquet"])
def test_every_container_gives_the_same_network(tmp_path, source, mapping, container):
    expected, _ = read_layers(source, mapping)
    folder = tmp_path / ("other.gdb" if container == "gdb" else "other")
    if container == "gdb":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of GDAL, about what it writes
            for name, frame in frames().items():
                frame.to_file(folder, layer=name, driver="OpenFileGDB")
    elif container == "gpkg.zip":
        folder = tmp_path / "town.zip"
        zipped(folder, source)
    else:
        folder.mkdir()
        suffix = {"shapefiles": "shp", "geojson": "geojson", "flatgeobuf": "fgb", "geoparquet": "parquet"}[container]
        for name, frame in frames().items():
            given = frame.to_crs("EPSG:4326") if suffix == "geojson" else frame
            if suffix == "parquet":
                given.to_parquet(folder / f"{name}.parquet")
            else:
                given.to_file(folder / f"{name}.{suffix}")
    assert is_layers(folder) == (container in ("shapefiles", "gpkg.zip", "gdb"))
    assert_alike(read_layers(folder, mapping)[0], expected)


def assert_alike(network, expected) -> None:
    for table, columns in expected.tables.items():
        mine = network.tables[table]
        assert list(mine.extras) == list(columns.extras)
        for name, values in {**{name: columns[name] for name in columns}, **columns.extras}.items():
            own = mine.extras[name] if name in columns.extras else mine[name]
            if own.dtype.kind == "f":
                np.testing.assert_allclose(own, values, rtol=1e-6, err_msg=f"{table}.{name}")
            else:
                assert own.tolist() == values.tolist(), (table, name)


def test_csv_gives_the_same_network(tmp_path, source, mapping):
    expected, _ = read_layers(source, mapping)
    folder = tmp_path / "csv"
    folder.mkdir()
    for name, frame in frames().items():
        pd.DataFrame(frame).assign(geometry=frame.to_wkt()["geometry"]).to_csv(folder / f"{name}.csv", index=False)
        put(mapping, f"[layers.{name}]\n", f'[layers.{name}]\nwkt = "geometry"\n')
    assert_alike(read_layers(folder, mapping, crs=CRS)[0], expected)


@pytest.fixture
def tables(postgres, database) -> str:
    """The URL of a database with the town's layers as tables, one of them in a schema of its own, and one a view."""
    statements = ["CREATE SCHEMA plant", "CREATE TYPE \"kind of\" AS ENUM ('CB', 'LBS')"]
    types = {"i": "bigint", "f": "numeric(9, 3)", "O": "text"}
    for name, frame in frames().items():
        table = {"trafos": "plant.trafos", "houses": '"all houses"'}.get(name, name)
        own = [column for column in frame.columns if column != "geometry"]
        kinds = [f'"{column}" {types.get(frame[column].dtype.kind, "text")}' for column in own]
        kinds[0] += " PRIMARY KEY"
        statements.append(f"CREATE TABLE {table} (shape geometry(Geometry, 25832), {', '.join(kinds)})")
        for row in reversed(list(frame.itertuples())):
            values = ["NULL" if pd.isna(value) else f"'{value}'" for value in (getattr(row, column) for column in own)]
            shape = f"ST_GeomFromText('{row.geometry.wkt}', 25832)"
            statements.append(f"INSERT INTO {table} VALUES ({shape}, {', '.join(values)})")
    statements += [
        'ALTER TABLE switchgear ALTER COLUMN type TYPE "kind of" USING type::"kind of"',
        'CREATE VIEW houses AS SELECT * FROM "all houses" ORDER BY no',
    ]
    postgres.execute(database, *statements)
    return postgres.url(database)


@pytest.mark.postgis
def test_tables_of_postgis_give_the_same_network(tables, source, mapping):
    expected, _ = read_layers(source, mapping)
    put(mapping, "[layers.trafos]\n", '[layers.trafos]\nlayer = "plant.trafos"\n')
    network, report = read_layers(tables, mapping)
    assert_alike(network, expected)
    assert "***" in report.source and report.source.startswith("postgresql://")
    skipped = {each.kind: each.reason for each in report.skipped}
    assert skipped["all houses"] == "the mapping does not name this layer"
    network, _ = formats.read(tables, mapping=mapping)
    assert network.model == read_layers(tables, mapping)[0].model


@pytest.mark.postgis
def test_what_is_wrong_with_tables_is_said(tables, mapping, postgres, database):
    shown = r"postgresql://gridtwin:\*\*\*@127.0.0.1:\d+/test_\d+"
    with pytest.raises(LoadError, match=rf"{shown} has no layer 'trafos'; it has .*plant.trafos") as raised:
        read_layers(tables, mapping)
    assert postgres.password not in str(raised.value)
    put(mapping, "[layers.trafos]\n", '[layers.trafos]\nlayer = "plant.trafos"\n')
    put(mapping, 'column = "km"', 'column = "miles"')
    with pytest.raises(LoadError, match=rf"{shown} layer cables: there is no column 'miles'; it has no, a, b"):
        read_layers(tables, mapping)
    with pytest.raises(LoadError, match="holds GIS layers: say with --mapping"):
        formats.read(tables)
    for url, message in (
        (postgres.url("nowhere"), "the database nowhere is not there"),
        (postgres.url(database, password="wrong"), "lets gridtwin not in"),
        ("postgresql://there:port/is", "no URL of a PostGIS store"),
        ("mysql://there/is", "no layers are read from mysql:// addresses"),
        (postgres.url(database) + "?schema=empty", "has no layer 'cables'; it has .*public.stations"),
    ):
        with pytest.raises(LoadError, match=message):
            read_layers(url, mapping)
    layers = open_layers(tables)
    first = suggested(layers)
    layers.close()
    assert '[layers."public.cables"]' not in first and '[layers."cables"]' in first and "AcLineSegment" in first


def run(monkeypatch, capsys, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["gridtwin", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_layers_are_checked_before_they_are_stored(source, mapping, monkeypatch, capsys):
    words = ("check", str(source), "--mapping", str(mapping))
    code, out, _ = run(monkeypatch, capsys, *words)
    assert code == 1 and "warning: dangling_switch at 9.00" in out and "Join 'node f' to what 's2' leads to." in out
    code, out, _ = run(monkeypatch, capsys, *words, "--near", "0.1", "--json")
    assert {each["kind"] for each in json.loads(out)["findings"]} >= {"dangling_switch"}
    code, _, said = run(monkeypatch, capsys, *words, "--near", "101")
    assert code == 2 and "--near" in said


@pytest.mark.postgis
def test_tables_are_loaded_from_the_command_line(tables, mapping, tmp_path, monkeypatch, capsys, postgres):
    put(mapping, "[layers.trafos]\n", '[layers.trafos]\nlayer = "plant.trafos"\n')
    store = str(tmp_path / "grid.gpkg")
    code, out, said = run(monkeypatch, capsys, "load", tables, "--mapping", str(mapping), "--store", store)
    assert code == 0 and "Stored in" in said and postgres.password not in said + out
    assert run(monkeypatch, capsys, "check", store)[0] == 1
    code, out, _ = run(monkeypatch, capsys, "load", tables, "--suggest-mapping", "-")
    assert code == 0 and tomllib.loads(out)["layers"]["cables"]["class"] == "AcLineSegment"
    code, _, said = run(monkeypatch, capsys, "load", tables, "--store", store)
    assert code == 2 and "holds GIS layers: say with --mapping" in said and postgres.password not in said


def test_parquet_that_is_none(tmp_path, mapping, monkeypatch):
    (tmp_path / "cables.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(LoadError, match=r"cables.parquet is no Parquet that can be read"):
        read_layers(tmp_path / "cables.parquet", mapping)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LoadError, match=r"cables.parquet: Parquet needs the package pyarrow: pip install"):
        read_layers(tmp_path / "cables.parquet", mapping)
    with pytest.raises(LoadError, match=r"layers in PostGIS need the extra of that name"):
        read_layers("postgresql://there/is", mapping)


def test_parquet_without_shapes(tmp_path):
    pd.DataFrame({"no": ["w"], "one": ["a"], "two": ["b"], "made": [None]}).to_parquet(tmp_path / "wires.parquet")
    pd.DataFrame({"no": ["g"], "at": ["a"]}).to_parquet(tmp_path / "plants.parquet")
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        '[layers.wires]\nclass = "AcLineSegment"\n'
        'fields = { mrid = "no", node1 = "one", node2 = "two", name = "made" }\n'
        '[layers.plants]\nclass = "EnergySource"\nfields = { mrid = "no", node = "at" }\n'
    )
    network, _ = read_layers(tmp_path, mapping)
    assert network.normal_energized.tolist() == [7, 7] and network.lines["name"].tolist() == [""]


def test_a_shapefile_keeps_ten_letters_of_a_name(tmp_path, source, mapping):
    expected, _ = read_layers(source, mapping)
    folder = tmp_path / "shapes"
    folder.mkdir()
    for name, frame in frames().items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of GDAL, about names that it cuts
            frame.rename(columns={"ph": "phases_present"}).to_file(folder / f"{name}.shp")
    put(mapping, 'phases = "ph"', 'phases = "phases_present"')
    assert_alike(read_layers(folder, mapping)[0], expected)


def test_columns_that_the_model_has_no_place_for_are_kept(tmp_path):
    path = tmp_path / "town.gpkg"
    rows = {
        "joints": ({"no": ["a", "b"], "made": [1990, None]}, [point(0), point(100)]),
        "wires": ({"no": ["w"], "one": ["a"], "two": ["c"], "metal": ["Al"]}, [line(0, 200)]),
        "cables": ({"no": ["k"], "one": ["a"], "two": ["b"], "metal": [7]}, [line(0, 100)]),
        "plants": ({"no": ["g"], "at": ["a"]}, [point(0)]),
        "people": ({"no": ["p", "q"], "at": ["b", "c"], "vip": [True, False]}, [point(100), point(200)]),
        "meters": ({"no": ["m"], "of": ["p"], "serial": [" 007 "]}, [point(100)]),
    }
    for name, (columns, shapes) in rows.items():
        geopandas.GeoDataFrame(columns, geometry=shapes, crs=CRS).to_file(path, layer=name)
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        """
[layers]
joints = { class = "ConnectivityNode", fields = { mrid = "no" }, keep = { made_in = "made" } }
wires = { class = "AcLineSegment", fields = { mrid = "no", node1 = "one", node2 = "two" }, keep = { metal = "metal" } }
cables = { class = "AcLineSegment", fields = { mrid = "no", node1 = "one", node2 = "two" }, keep = { metal = "metal" } }
plants = { class = "EnergySource", prefix = "plant ", fields = { mrid = "no", node = "at" } }
people = { class = "EnergyConsumer", fields = { mrid = "no", node = "at" }, keep = { important = "vip" } }
meters = { class = "UsagePoint", fields = { mrid = "no", consumer = "of" }, keep = { serial = "serial" } }
"""
    )
    network, _ = read_layers(path, mapping)

    def kept(table: str, name: str) -> dict[str, object]:
        extras = network.tables[table].extras[name].tolist()
        return dict(zip(network.tables[table]["mrid"].tolist(), extras, strict=True))

    made = kept("nodes", "made_in")
    assert made["a"] == 1990 and np.isnan(made["b"]) and np.isnan(made["node c"])
    assert kept("lines", "metal") == {"w": "Al", "k": "7"}
    assert kept("usage_points", "serial") == {"m": "007"}
    assert kept("consumers", "important") == {"p": "true", "q": "false"}
    assert "made_in" not in network.lines.extras and not network.sources.extras


def zipped(target: Path, source: Path) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        archive.write(source, source.name)


def test_ends_without_codes_are_snapped(source, mapping):
    for name, ends in (("cables", 1), ("switchgear", 1), ("trafos", 1)):
        assert ends
        text = mapping.read_text(encoding="utf-8")
        head, section, rest = text.partition(f"[layers.{name}.fields]\n")
        body, bracket, tail = rest.partition("\n[")
        body = "\n".join(each for each in body.split("\n") if not each.startswith("node"))
        mapping.write_text(head + section + body + bracket + tail, encoding="utf-8")
    put(mapping, 'node = "at"', "")
    put(mapping, 'node = "no"', "")
    put(
        mapping,
        'phases = "ph"',
        'phases = "ph"\nnominal_voltage_v = { column = "no", values = { c3 = 400 }, other = 20000 }',
    )
    network, report = read_layers(source, mapping)
    assert any("joined where they lie within 0.5 m" in note for note in report.notes)
    assert fed(network, "house 7,house 8") == [True, True]
    lines, trafo = network.lines, network.transformers
    ends = {m: {int(a), int(b)} for m, a, b in zip(lines["mrid"], lines["node1"], lines["node2"], strict=True)}
    assert int(trafo["node1"][0]) in ends["c2"] and int(trafo["node2"][0]) in ends["c3"]
    closed = network.mrids.find("s1").row
    assert {int(network.switches[end][closed]) for end in ("node1", "node2")} <= ends["c1"] | ends["c2"]
    assert not ends["c1"] & ends["c2"]


@pytest.mark.parametrize(("gap_m", "together"), [(0.4, True), (0.6, False)])
def test_the_tolerance_is_in_metres(tmp_path, gap_m, together):
    path = tmp_path / "two.gpkg"
    geopandas.GeoDataFrame({"no": ["1", "2"]}, geometry=[line(0, 100), line(100 + gap_m, 200)], crs=CRS).to_file(
        path, layer="c"
    )
    geopandas.GeoDataFrame({"no": ["g"]}, geometry=[point(0)], crs=CRS).to_file(path, layer="g")
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        'snap_m = 0.5\n[layers.c]\nclass = "AcLineSegment"\nfields = { mrid = "no" }\n'
        '[layers.g]\nclass = "EnergySource"\nfields = { mrid = "no" }\n'
    )
    network, _ = read_layers(path, mapping)
    assert (len(network.nodes), bool(network.normal_energized.all())) == ((3, True) if together else (4, False))


def test_csv_with_coordinates_and_with_wkt(tmp_path):
    pd.DataFrame({"id": ["g"], "x": [9.0], "y": [52.0]}).to_csv(tmp_path / "plants.csv", index=False)
    rows = {
        "id": ["1", "2"],
        "shape": ["LINESTRING (9 52, 9.01 52)", "LINESTRING (9.01 52, 9.02 52)"],
        "open": ["", ""],
    }
    pd.DataFrame(rows).to_csv(tmp_path / "wires.csv", index=False)
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        '[layers.wires]\nclass = "AcLineSegment"\nwkt = "shape"\nfields = { mrid = "id" }\n'
        '[layers.plants]\nclass = "EnergySource"\nlng = "x"\nlat = "y"\nfields = { mrid = "id" }\n'
    )
    network, report = read_layers(tmp_path, mapping)
    assert network.normal_energized.tolist() == [7, 7, 7]
    assert any("taken for degrees" in note for note in report.notes)
    (tmp_path / "plants.csv").write_text("id,x,y\ng,500000,52\n")
    with pytest.raises(LoadError, match=r"plants.csv layer plants: row 1 is at 500000, 52; no degrees.*--crs"):
        read_layers(tmp_path, mapping)
    (tmp_path / "plants.csv").write_text("id,x,y\ng,9,52\n")
    (tmp_path / "wires.csv").write_text("id,shape\n1,LINESTRUNG (9 52)\n")
    with pytest.raises(LoadError, match=r"wires.csv layer wires feature 1: shape is 'LINESTRUNG"):
        read_layers(tmp_path, mapping)


def test_an_id_twice_is_an_error_or_a_finding(source, mapping):
    frames()["houses"].assign(no=[7, 7]).to_file(source, layer="houses")
    with pytest.raises(LoadError, match=r"layer houses feature 2: no is '7'.*same id"):
        read_layers(source, mapping)
    put(mapping, "[layers.houses]\n", "[layers.houses]\nrepeated_ids = true\n")
    network, _ = read_layers(source, mapping)
    assert set(network.consumers.extras["repeated_id"].tolist()) == {"7"}
    (twice,) = (finding for finding in findings(network) if finding.kind == "duplicate_id")
    assert twice.mrids == ("house 7", "house 7 (2)")


def test_nothing_is_left_out_unsaid(source, mapping):
    put(mapping, 'where = { state = ["built"] }', 'where = { state = ["planned"] }')
    geopandas.GeoDataFrame({"n": [1, 2]}, geometry=[point(0), point(1)], crs=CRS).to_file(source, layer="trees")
    _, report = read_layers(source, mapping)
    skipped = {each.kind: (each.count, each.reason) for each in report.skipped}
    assert skipped["cables"][0] == 3 and "state is none of planned" in skipped["cables"][1]
    assert skipped["trees"] == (2, "the mapping does not name this layer")
    for kind, read in report.read.items():
        assert read == report.used[kind] + sum(each.count for each in report.skipped if each.kind == kind)


def test_an_end_without_a_code_is_a_node_of_its_own(source, mapping):
    frame = frames()["switchgear"].assign(b=["b", " "])
    frame.to_file(source, layer="switchgear")
    network, report = read_layers(source, mapping)
    assert any("ends name no node" in note and "s2" in note for note in report.notes)
    assert network.mrids.find("s2 end 2").component.name == "ConnectivityNode"


def _column(layer: str, **columns: list[object]):
    def broken(source: Path) -> None:
        frames()[layer].assign(**columns).to_file(source, layer=layer)

    return broken


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (_column("cables", no=["c1", "c1", "c3"]), "layer cables feature 2: no is 'c1'.*same id"),
        (_column("cables", no=["c1", None, "c3"]), "layer cables feature 2: no is None.*an id is needed"),
        (_column("cables", ph=["ABC", "ABX", "C"]), "layer cables feature 2: ph is 'ABX', for cables.phases"),
        (_column("cables", km=["x", "1", "2"]), "layer cables feature 1: km is 'x'.*a finite number"),
        (_column("cables", km=[-1.0, 1, 2]), "layer cables feature 1: km is -1.0.*0 … 1e"),
        (_column("cables", km=[1e300, 1, 2]), "layer cables feature 1: km is 1e.300"),
        (
            _column("switchgear", state=["closed", "half"]),
            "layer switchgear feature 2: state is 'half'.*values are closed, open",
        ),
        (
            _column("switchgear", no=["c1", "s2"]),
            "layer switchgear feature 1: no is 'c1'.*layer cables feature 1.*prefix",
        ),
        (_column("trafos", lv=["low"]), "layer trafos feature 1: lv is 'low'"),
        (_column("houses", hours=["a", "b"]), "layer houses feature 1: hours is 'a'"),
    ],
)
def test_a_broken_value_is_named(source, mapping, broken, message):
    broken(source)
    with pytest.raises(LoadError, match=message):
        read_layers(source, mapping)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[layers.cables]", "[layers.cables", "is no TOML"),
        ('class = "AcLineSegment"', 'class = "Cable"', "class is 'Cable'; it must be one of ConnectivityNode"),
        ('class = "AcLineSegment"', "class = 3", "class is 3; text"),
        ('phases = "ph"', 'fase = "ph"', "AcLineSegment has no field 'fase'; it has mrid"),
        ('phases = "ph"', "phases = 7", "fields.phases is 7"),
        ('phases = "ph"', "phases = {}", "either column or value"),
        ('phases = "ph"', 'phases = { column = "ph", scale = "x" }', "scale is 'x'"),
        ('phases = "ph"', 'phases = { column = "ph", vals = {} }', "'vals' is not known"),
        ('phases = "ph"', 'phases = "phase"', "layer cables: there is no column 'phase'; it has no, a, b"),
        ("snap_m = 0.5", "snap_m = -1", "snap_m is -1"),
        ("snap_m = 0.5", 'snap_m = "near"', "snap_m is 'near'"),
        ("snap_m = 0.5", "snap = 1", "'snap' is not known; known are name"),
        ("[layers.trafos]", "[layers.transformers]", "it has stations, cables|class is None"),
        ('node2 = "to"', "", "needed"),
        ('node = "at"', 'node = "at"\nplace = "at"', r"has no table \[places\]"),
        ('where = { state = ["built"] }', "where = { state = [] }", r"state is \[\]"),
        ('where = { state = ["built"] }', 'lng = "km"', "lng is given alone"),
        ('where = { state = ["built"] }', "optional = 1", "optional is 1; true or false"),
        (
            'hours = ["hours", "more"]',
            'Hours = "hours"',
            "keep: the extra column 'Hours' needs a name",
        ),
        ('hours = ["hours", "more"]', 'mrid = "hours"', "'mrid' has the name of a column that is there already"),
        ('hours = ["hours", "more"]', "hours = [1]", r"keep.hours is \[1\]; a column's name"),
        ('hours = ["hours", "more"]', 'hours = "hour"', r"layer houses: there is no column 'hour'"),
        ('hours = ["hours", "more"]', 'hours = ["at"]', r"layer houses feature 1: at is 'e', for houses.at; a finite"),
    ],
)
def test_a_broken_mapping_is_named(source, mapping, old, new, message):
    if old == 'node2 = "to"':
        old, message = 'node2 = "b"\nphases', "one of node1 and node2 is given"
        new = "phases"
    put(mapping, old, new)
    with pytest.raises(LoadError, match=message):
        read_layers(source, mapping)


GIVEN = ('""', '"x"', "1", "true", "{}", "[]", "-1", "nan", "inf", '{ column = "no" }', "{ value = [1] }", '"km"')


@pytest.mark.parametrize("seed", range(4))
def test_a_mapping_broken_anywhere_is_a_load_error_or_reads(source, mapping, seed):
    chance = random.Random(seed)
    whole = example().split("\n")
    outcomes = set()
    for _ in range(25):
        lines = list(whole)
        at = chance.randrange(len(lines))
        key, equals, _ = lines[at].partition("=")
        lines[at] = f"{key}= {chance.choice(GIVEN)}" if equals else ""
        mapping.write_text("\n".join(lines), encoding="utf-8")
        try:
            formats.read(source, mapping=mapping)
            outcomes.add("")
        except LoadError as error:
            outcomes.add(str(error))
    assert "" in outcomes and len(outcomes) > 5
    assert all("town" in said and "\n" not in said for said in outcomes if said)


def test_mappings_that_are_none(tmp_path):
    with pytest.raises(LoadError, match=r"no.toml cannot be read: No such file"):
        read_mapping(tmp_path / "no.toml")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(LoadError, match=r"latin.toml is no text in UTF-8: byte 8"):
        read_mapping(tmp_path / "latin.toml")
    for document, message in (
        ({}, "maps no layer"),
        ({"layers": []}, "layers is"),
        ({"layers": {"a": 1}}, r"a table \[layers.a\]"),
        ({"layers": {"a": {"class": "Feeder"}}}, "Feeder needs the field 'node'"),
    ):
        with pytest.raises(LoadError, match=message):
            mapping_of(document, "m")


def test_sources_that_are_none(tmp_path, mapping):
    (tmp_path / "broken.gpkg").write_bytes(b"SQLite format 3\0 and no more")
    with pytest.raises(LoadError, match=r"broken.gpkg.*GDAL cannot read it"):
        read_layers(tmp_path / "broken.gpkg", mapping)
    (tmp_path / "empty").mkdir()
    with pytest.raises(LoadError, match="holds no layer"):
        read_layers(tmp_path / "empty", mapping)


def test_an_unknown_system_is_named(source, mapping, tmp_path):
    frame = frames()["cables"]
    frame.to_file(tmp_path / "c.shp")
    (tmp_path / "c.prj").unlink()
    mapping.write_text('[layers.c]\nclass = "AcLineSegment"\nfields = { mrid = "no", node1 = "a", node2 = "b" }\n')
    for crs, message in (
        ("EPSG:1", "'EPSG:1', which is no known"),
        (None, "no degrees, and the layer names no system"),
    ):
        with pytest.raises(LoadError, match=message):
            read_layers(tmp_path / "c.shp", mapping, crs=crs)
    network, _ = read_layers(tmp_path / "c.shp", mapping, crs=CRS)
    assert network.node_lnglat[0] == pytest.approx((9.0, 52.35), abs=0.01)


def test_layers_alone_ask_for_a_mapping(source, mapping):
    with pytest.raises(LoadError, match=r"--mapping.*--suggest-mapping"):
        formats.read(source)
    with pytest.raises(LoadError, match="--format is 'simbench'"):
        formats.read(source, "simbench", mapping=mapping)


def test_a_suggested_mapping_loads(tmp_path):
    path = tmp_path / "utility.gpkg"
    names = {"no": "id", "a": "from_node", "b": "to_node", "at": "node", "ph": "phase", "state": "status"}
    layers = {"cables": "mv_cables", "switchgear": "switches", "trafos": "transformers", "houses": "customers"}
    for old, new in layers.items():
        frames()[old].rename(columns=names).to_file(path, layer=new)
    frames()["stations"].rename(columns={"no": "node"}).to_file(path, layer="sources")
    frames()["stations"].to_file(path, layer="mystery")
    text = suggested(LayerSource(path))
    document = tomllib.loads(text)
    assert {name: table["class"] for name, table in document["layers"].items()} == {
        "mv_cables": "AcLineSegment",
        "switches": "Switch",
        "transformers": "PowerTransformer",
        "customers": "EnergyConsumer",
        "sources": "EnergySource",
    }
    assert document["layers"]["transformers"]["fields"]["rated_power_va"] == {"column": "kva", "scale": 1000}
    assert '# [layers."mystery"]' in text
    mapping = tmp_path / "first.toml"
    mapping.write_text(text, encoding="utf-8")
    network, _ = read_layers(path, mapping)
    assert network.normal_energized.astype(bool).sum() == len(network.nodes) - 1  # all but behind the open switch
    assert network.consumers["mrid"].dtype == TEXT and fed(network, "customers 7") == [True]
