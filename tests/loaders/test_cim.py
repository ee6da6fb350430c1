"""CIM: a small model in its dialects, and the published feeders beside OpenDSS text of the same feeders."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from loaders.cim import is_cim, read_cim
from loaders.formats import read
from loaders.opendss import read_opendss
from tests.loaders.cim_models import BODY, END, HEAD, Model, end, live, named, phase, place, row, terminals, thing
from twin.engine import Twin
from twin.events import Operation
from twin.network import Network

PAIRS = (("IEEE13.xml", "13Bus/IEEE13Nodeckt.dss", 16), ("IEEE123.xml", "123Bus/IEEE123Master.dss", 130))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(tmp_path / "town.xml")


# --- a small model ------------------------------------------------------------------------------------------------


def test_small_model(model):
    network, report = model.read()
    assert {name: len(table) for name, table in network.tables.items()} == {
        **{"nodes": 8, "lines": 3, "switches": 3, "transformers": 2, "sources": 1, "consumers": 1},
        **{"usage_points": 1, "substations": 1, "feeders": 1},
    }
    assert live(network) == {"SRC": 7, "MV": 7, "a": 7, "b": 7, "c": 7, "d": 3, "e": 2, "f": 2}
    assert row(network, "TX")["phases"] == row(network, "L3")["phases"] == row(network, "shop")["phases"] == 2
    assert row(network, "L2")["phases"] == 3 and row(network, "L1")["length_m"] == 700
    assert row(network, "CB1")["kind"] == "Breaker" and row(network, "CB1")["rated_current_a"] == 400
    assert row(network, "TIE")["normal_open"] == 7 and row(network, "T1")["rated_power_va"] == 10e6
    assert row(network, "b")["nominal_voltage_v"] == 12_470 and row(network, "SRC")["nominal_voltage_v"] == 110_000
    assert row(network, "MV")["busbar"] and row(network, "MV")["substation"] == row(network, "T1")["substation"] == 0
    feeder = row(network, "F1")
    assert feeder["head_mrid"] == "CB1" and network.nodes["name"][feeder["head_node"]] == "a"
    assert feeder["substation"] == 0 and network.customers == 3 and row(network, "shop")["p_w"] == 9000
    assert "quantities are in V, W and m" in report.notes
    assert Twin(network).switch([Operation("SW1", True)]).deenergized.customers == 3


def test_report_adds_up(model):
    model.add(named("LinearShuntCompensator", "cap") + terminals("cap", "b"))
    model.add(
        named("Nonsense", "n1") + named("Nonsense", "n2") + named("SynchronousMachine", "gen") + terminals("gen", "b")
    )
    model.add(named("ACLineSegment", "loose") + named("EnergyConsumer", "nowhere") + named("UsagePoint", "alone"))
    _, report = model.read()
    assert report.read.keys() == report.used.keys()
    for kind, count in report.read.items():
        assert count == report.used[kind] + sum(s.count for s in report.skipped if s.kind == kind), kind
    left_out = {s.kind: (s.count, s.first_ids[0]) for s in report.skipped}
    assert left_out["Nonsense"] == (2, "n1") and left_out["LinearShuntCompensator"] == (1, "cap")
    assert left_out["ACLineSegment"] == (1, "loose") and left_out["EnergyConsumer"] == (1, "nowhere")
    assert left_out["SynchronousMachine"] == (1, "gen") and left_out["UsagePoint"] == (1, "alone")
    assert left_out["Terminal"][0] == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("http://iec.ch/TC57/CIM100#", "http://iec.ch/TC57/2013/CIM-schema-cim16#"),
        ("http://iec.ch/TC57/CIM100#", "http://iec.ch/TC57/2010/CIM-schema-cim15#"),
        ("cim:", "c:"),
        ('rdf:ID="_', 'rdf:about="#_'),
        ('"#_', '"town.xml#_'),
        ("utf-8", "utf-16"),
    ],
)
def test_dialects_are_equal(model, tmp_path, old, new):
    whole = (HEAD + BODY + END).replace(old, new)
    whole = whole.replace("xmlns:cim", "xmlns:c") if new == "c:" else whole
    other = tmp_path / "other"
    other.mkdir()
    (other / "town.xml").write_text(whole, encoding="utf-16" if new == "utf-16" else "utf-8")
    assert is_cim(other) and read_cim(other / "town.xml")[0].model == model.read()[0].model


def test_urn_uuid_and_description(model):
    text = (HEAD + BODY + END).replace('rdf:ID="_', 'rdf:about="urn:uuid:').replace('"#_', '"urn:uuid:')
    text = text.replace(
        '<cim:Breaker rdf:about="urn:uuid:CB1">',
        '<rdf:Description rdf:about="urn:uuid:CB1"><rdf:type rdf:resource="http://iec.ch/TC57/CIM100#Breaker"/>',
    ).replace("</cim:Breaker>", "</rdf:Description>")
    expected = model.read()[0].model
    model.file.write_text(text, encoding="utf-8")
    assert read_cim(model.file)[0].model == expected


def test_switch_phases_and_state(model):
    model.add(phase("Switch", "SW1", "A", SwitchPhase__normalOpen="true", SwitchPhase__closed="false"))
    model.add(phase("Switch", "SW1", "B", SwitchPhase__normalOpen="false", SwitchPhase__closed="true"))
    network, report = model.read()
    assert row(network, "SW1")["phases"] == 3 and row(network, "SW1")["normal_open"] == 1
    assert live(network)["c"] == 2 and not any("not as they normally are" in note for note in report.notes)
    model.put("<cim:SwitchPhase.closed>true", "<cim:SwitchPhase.closed>false")
    network, report = model.read()
    assert live(network)["c"] == 2 and any("1 switches are not as they normally are (SW1)" in n for n in report.notes)


def test_open_is_normal_where_nothing_else_is_said(model):
    model.put("<cim:Switch.normalOpen>true</cim:Switch.normalOpen>", "<cim:Switch.open>true</cim:Switch.open>")
    assert row(model.read()[0], "TIE")["normal_open"] == 7


def test_three_windings_are_a_star(model):
    model.add(named("ConnectivityNode", "tertiary") + end("T1", 3, "LV"))
    model.add(terminals("T1", "SRC", "MV", "tertiary").split("</cim:Terminal>\n")[2] + "</cim:Terminal>\n")
    network, _ = model.read()
    assert live(network)["tertiary"] == 7 and len(network.transformers) == 4
    legs = [row(network, f"T1 {at}") for at in (1, 2, 3)]
    star = network.mrids.find("T1 star").row
    assert [leg["node2"] == star for leg in legs] == [True, False, False]
    assert all(leg["node1"] == star for leg in legs[1:]) and network.nodes["mrid"][legs[0]["node1"]] == "SRC"


def test_ends_at_nothing_and_out_of_service(model):
    model.without("Terminal", "TIE-T2")
    model.put(
        "<cim:Conductor.length>20<", "<cim:Equipment.inService>false</cim:Equipment.inService><cim:Conductor.length>20<"
    )
    network, report = model.read()
    assert row(network, "TIE end")["name"] == "TIE end" and live(network)["TIE end"] == 0
    assert any("end at nothing on one side (TIE)" in note for note in report.notes)
    assert not row(network, "L3")["in_service"] and live(network)["f"] == 0


def test_disconnected_terminal(model):
    model.put(
        '<cim:Terminal.ConductingEquipment rdf:resource="#_L1"/>\n  <cim:ACDCTerminal.sequenceNumber>2<',
        "<cim:ACDCTerminal.connected>false</cim:ACDCTerminal.connected>"
        '<cim:Terminal.ConductingEquipment rdf:resource="#_L1"/>\n  <cim:ACDCTerminal.sequenceNumber>2<',
    )
    network, _ = model.read()
    assert not row(network, "L1")["in_service"] and live(network)["b"] == 0


@pytest.mark.parametrize(
    ("classes", "extra", "sources", "equivalents"),
    [
        ("ExternalNetworkInjection", "", ["grid"], 0),
        ("EquivalentInjection", "", ["grid"], 0),
        ("EnergySource", named("EquivalentInjection", "far") + terminals("far", "b"), ["grid"], 1),
        ("SynchronousMachine", "", [], 0),
    ],
)
def test_sources(model, classes, extra, sources, equivalents):
    model.body = model.body.replace("cim:EnergySource", f"cim:{classes}")
    model.add(extra)
    network, report = model.read()
    assert network.sources["mrid"].tolist() == sources
    assert network.consumers["equivalent"].sum() == equivalents and network.customers == 3
    assert any("there is no source" in note for note in report.notes) == (not sources)


def test_slack_machine(model):
    model.put(
        '<cim:EnergySource rdf:ID="_grid">\n  <cim:IdentifiedObject.name>grid</cim:IdentifiedObject.name>\n'
        "</cim:EnergySource>",
        '<cim:SynchronousMachine rdf:ID="_grid"><cim:SynchronousMachine.referencePriority>1'
        "</cim:SynchronousMachine.referencePriority></cim:SynchronousMachine>",
    )
    assert model.read()[0].sources["mrid"].tolist() == ["grid"]


def test_usage_points_named_by_the_consumer(model):
    model.without("UsagePoint", "meter")
    model.add("".join(named("UsagePoint", f"m{at}") for at in range(3)))
    model.put(
        "<cim:EnergyConsumer.customerCount>3</cim:EnergyConsumer.customerCount>",
        "".join(f'<cim:Equipment.UsagePoints rdf:resource="#_m{at}"/>' for at in range(3)),
    )
    network, _ = model.read()
    assert sorted(network.usage_points["mrid"].tolist()) == ["m0", "m1", "m2"] and network.customers == 3


def test_feeder_without_a_head_terminal(model):
    model.put('  <cim:Feeder.NormalHeadTerminal rdf:resource="#_CB1-T1"/>\n', "")
    assert model.read()[0].feeders["head_mrid"].tolist() == ["CB1"]
    model.add(named("Feeder", "empty"))
    _, report = model.read()
    assert [(s.kind, s.first_ids) for s in report.skipped if s.kind == "Feeder"] == [("Feeder", ("empty",))]


def test_current_limits(model):
    model.add(thing("OperationalLimitSet", "set", OperationalLimitSet__Terminal="#_L1-T1"))
    for name, value in (("normal", 230), ("emergency", 300)):
        model.add(thing("CurrentLimit", name, CurrentLimit__value=value, OperationalLimit__OperationalLimitSet="#_set"))
    assert row(model.read()[0], "L1")["rated_current_a"] == 230


# --- places -------------------------------------------------------------------------------------------------------


def at(model: Model, name: str, *points: tuple[float, float]) -> None:
    """Gives equipment a place."""
    model.put(
        f"<cim:IdentifiedObject.name>{name}<",
        f'<cim:PowerSystemResource.Location rdf:resource="#_{name}-P"/><cim:IdentifiedObject.name>{name}<',
    )
    model.add(place(f"{name}-P", *points))


def test_degrees_and_courses(model):
    model.add(thing("CoordinateSystem", "crs", CoordinateSystem__crsUrn="urn:ogc:def:crs:EPSG::4326"))
    at(model, "L1", (9.0, 52.0), (9.005, 52.001), (9.01, 52.0))
    at(model, "CB1", (9.5, 52.5))
    network, report = model.read()
    a, b = row(network, "a"), row(network, "b")
    assert (a["lng"], a["lat"], b["lng"], b["lat"]) == (9.0, 52.0, 9.01, 52.0)
    course = network.line_geometry[network.mrids.find("L1").row]
    assert course.tolist() == [[9.0, 52.0], [9.005, 52.001], [9.01, 52.0]]
    assert any("placed from their neighbours" in note for note in report.notes)


def test_coordinate_systems(model):
    model.add(thing("CoordinateSystem", "crs", CoordinateSystem__crsUrn="urn:ogc:def:crs:EPSG::25832"))
    at(model, "L1", (500_000, 5_760_000), (500_700, 5_760_000))
    network, report = model.read()
    assert row(network, "a")["lng"] == pytest.approx(9.0) and 51.9 < row(network, "a")["lat"] < 52.1
    assert "coordinates were transformed from EPSG:25832" in report.notes
    network, report = read(model.file, crs="EPSG:25833")
    assert row(network, "a")["lng"] == pytest.approx(15.0)
    assert "the model names EPSG:25832; --crs EPSG:25833 was used instead" in report.notes


def test_local_coordinates_are_laid_out(model):
    at(model, "L1", (400, 250), (1100, 250))
    network, report = model.read()
    assert any("coordinates are no degrees" in note for note in report.notes)
    assert abs(row(network, "a")["lng"]) < 0.01


# --- several files ------------------------------------------------------------------------------------------------


def profiles() -> dict[str, str]:
    """The model as profiles of CGMES, bus-branch, in its units."""
    header = HEAD.replace("<rdf:RDF ", '<rdf:RDF xmlns:md="http://iec.ch/TC57/61970-552/ModelDescription/1#" ')
    full = '<md:FullModel rdf:about="urn:uuid:1"></md:FullModel>\n'
    eq = BODY.replace("ConnectivityNode", "TopologicalNode").replace(
        "TopologicalNodeContainer", "ConnectivityNodeContainer"
    )
    for old, new in ((">110000<", ">110<"), (">12470<", ">12.47<"), (">700<", ">0.7<"), (">20<", ">0.02<")):
        eq = eq.replace(old, new)
    eq = eq.replace(">10000000.0<", ">10<").replace(">9000<", ">0.009<")
    topology = "".join(
        thing("Terminal", name, by="about", Terminal__TopologicalNode=f"#_{node}")
        for name, node in (("L1-T1", "a"), ("L1-T2", "b"))
    )
    eq = eq.replace(
        '  <cim:Terminal.TopologicalNode rdf:resource="#_b"/>\n</cim:Terminal>\n<cim:LoadB',
        "</cim:Terminal>\n<cim:LoadB",
    )
    state = thing("LoadBreakSwitch", "SW1", by="about", Switch__open="true")
    places = place("L1-P", (9.0, 52.0), (9.01, 52.0), of="L1")
    files = {"town_EQ.xml": eq, "town_SSH.xml": state, "town_TP.xml": topology, "town_GL.xml": places}
    return {name: header + full + text + END for name, text in files.items()}


def test_profiles_in_a_folder_or_a_zip(model, tmp_path):
    whole, _ = model.read()
    model.file.unlink()
    for name, text in profiles().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "readme.xml").write_text("<html/>", encoding="utf-8")
    network, report = read(tmp_path)
    assert live(network) == live(whole) and row(network, "a")["lng"] == 9.0
    for mrid in ("L1", "T1", "shop", "b"):
        ours, theirs = row(network, mrid), row(whole, mrid)
        for column in ("length_m", "rated_power_va", "p_w", "nominal_voltage_v"):
            assert ours.get(column) == pytest.approx(theirs.get(column)), (mrid, column)
    assert "quantities are in kV, MW and km" in report.notes and report.format == "cim"
    assert any("1 switches are not as they normally are (SW1)" in note for note in report.notes)
    assert any("1 files are no CIM and were not read" in note and "readme.xml" in note for note in report.notes)
    archive = tmp_path / "town.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in profiles().items():
            zipped.writestr(f"town/{name}", text)
    assert is_cim(archive) and read(archive)[0].model == network.model


# --- published models ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: pair[0])
def pair(request, shared_data) -> tuple[Network, Network, int]:
    cim, dss, common = request.param
    ours = read(shared_data / "cim_xml" / cim)[0]
    return ours, read_opendss(shared_data / "opendss_testfeeders" / dss)[0], common


def supplied(twin: Twin) -> dict[str, int]:
    return dict(zip(twin.network.nodes["name"].tolist(), twin.current.energized.tolist(), strict=True))


def test_published_feeders_beside_opendss(pair):
    ours, theirs, common = pair
    cim, dss = live(ours), live(theirs)
    assert len(cim.keys() & dss.keys()) == common
    assert {name: cim[name] for name in cim.keys() & dss.keys()} == {
        name: dss[name] for name in cim.keys() & dss.keys()
    }


def test_each_switch_opened_beside_opendss(pair):
    ours, theirs, _ = pair
    names = {mrid.partition(".")[2]: mrid for mrid in theirs.switches["mrid"].tolist()}
    compared = 0
    for name, mrid in zip(ours.switches["name"].tolist(), ours.switches["mrid"].tolist(), strict=True):
        if name not in names:
            continue
        compared += 1
        cim, dss = Twin(ours), Twin(theirs)
        for open_ in (True, False):
            cim.switch([Operation(mrid, open_)])
            dss.switch([Operation(names[name], open_)])
            left, right = supplied(cim), supplied(dss)
            assert {n: left[n] for n in left.keys() & right} == {n: right[n] for n in left.keys() & right}, name
    assert compared == {16: 1, 130: 8}[pair[2]]


def test_node_breaker_sample(shared_data):
    network, report = read(shared_data / "cim_xml" / "maple10nodebreaker.xml")
    assert (len(network.nodes), len(network.switches), len(network.transformers)) == (22, 12, 8)
    assert set(live(network).values()) == {7} and len(network.substations) == 2 and len(network.feeders) == 11
    assert report.read["Breaker"] == report.used["Breaker"] == 12
