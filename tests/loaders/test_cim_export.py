"""CIM that gridtwin writes, as another reader of RDF and the schema see it."""

from __future__ import annotations

import io
import re
import tracemalloc
import uuid
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rdflib

from loaders.cim import read_cim
from loaders.cim_export import export_cim
from loaders.cim_export_xml import _PARTS, element_id, part_id
from loaders.cim_schema import CIM, EXTENSION, EXTRA
from loaders.generate import generate
from tests.tiles.grids import snapshot, town
from tests.twin.networks import draw
from twin.components import Table
from twin.network import Network
from twin.state import Snapshot, State

RDF = rdflib.RDF
NAMES = {CIM: "cim", EXTENSION: "gridtwin", EXTRA: "extra"}


def exported(network: Network, state: Snapshot | None = None) -> bytes:
    stream = io.BytesIO()
    export_cim(network, state or snapshot(network), stream)
    return stream.getvalue()


def graph(data: bytes) -> rdflib.Graph:
    return rdflib.Graph().parse(data=data, format="xml", publicID="http://example.org/grid")


@pytest.fixture(scope="module")
def network() -> Network:
    """With text of every kind and an extra column."""
    plain = town(3)
    name = plain.lines["name"].copy()
    name[:3] = ["<a> & 'b' \"c\"", "  wide ", "a\r\nb"]
    lines = plain.lines.take(np.arange(len(name)), name=name).with_extras(height_m=np.arange(len(name)) / 3)
    return Network.from_tables("town & <3>", dict(plain.tables) | {"lines": lines}, plain.line_geometry)


@pytest.fixture(scope="module")
def triples(network: Network) -> rdflib.Graph:
    return graph(exported(network))


def test_every_reference_leads_to_an_object_and_every_object_has_one_class(triples):
    subjects = set(triples.subjects())
    for subject, predicate, target in triples:
        if isinstance(target, rdflib.URIRef) and predicate != RDF.type and not target.startswith(CIM):
            assert target in subjects, (subject, predicate, target)
    for subject in subjects:
        assert len(list(triples.objects(subject, RDF.type))) == 1


def test_classes_as_counted(network, triples):
    counts = export_cim(network, snapshot(network), io.BytesIO()).counts
    found = Counter(str(target) for target in triples.objects(None, RDF.type))
    assert found == {
        (EXTENSION + name.partition(":")[2] if ":" in name else CIM + name): count for name, count in counts.items()
    }
    assert counts["ACLineSegment"] == len(network.lines) and counts["ConnectivityNode"] == len(network.nodes)
    branches = len(network.lines) + len(network.switches) + len(network.transformers)
    busbars = int(network.nodes["busbar"].sum())
    assert counts["Terminal"] == 2 * branches + len(network.consumers) + len(network.sources) + busbars


def test_text_and_numbers(network, triples):
    names = {str(each) for each in triples.objects(None, rdflib.URIRef(CIM + "IdentifiedObject.name"))}
    assert {"<a> & 'b' \"c\"", "  wide ", "a\r\nb", "town & <3>"} <= names
    heights = {each.toPython() for each in triples.objects(None, rdflib.URIRef(EXTRA + "height_m"))}
    assert heights == set((np.arange(len(network.lines)) / 3).tolist())
    mrids = {str(each) for each in triples.objects(None, rdflib.URIRef(CIM + "IdentifiedObject.mRID"))}
    assert mrids == {mrid for table in network.tables.values() for mrid in table["mrid"].tolist()}


def test_no_property_is_said_twice_and_all_belong_to_their_class_or_a_parent(triples):
    for subject in set(triples.subjects()):
        said = Counter(triples.predicates(subject))
        assert max(said.values()) == 1, (subject, said)
    parents = {"IdentifiedObject", "PowerSystemResource", "Equipment", "ConductingEquipment", "Conductor", "Switch"}
    parents |= {"ACDCTerminal", "TransformerEnd", "OperationalLimit"}
    for subject, predicate in triples.subject_predicates():
        if predicate.startswith(CIM):
            owner = predicate.removeprefix(CIM).partition(".")[0]
            own = str(next(triples.objects(subject, RDF.type))).rpartition("#")[2]
            assert owner == own or owner in parents, (own, predicate)


def test_ids():
    mrid = "4F7d2c1e-0000-4000-8000-00000000abcd"
    assert element_id(mrid) == mrid
    for text in ("Line.650", "ž <&>", "4f7d2c1e", mrid + "0"):
        assert uuid.UUID(element_id(text)).version == 5
        assert part_id(text, "end 1") == str(uuid.uuid5(uuid.UUID(bytes=_PARTS), f"end 1\0{text}"))
        assert part_id(text, "end 1") != part_id(text, "end 2") != element_id(text)


def test_the_state_is_said_phase_by_phase():
    network = draw("b1:S-1 b2:1-2 b3:2-3", phases={"b3": "AN"}, opened="b2")
    opened = State.normal(network).open.copy()
    rows = {mrid: network.mrids.find(mrid).row for mrid in ("b1", "b2", "b3")}
    opened[rows["b1"]], opened[rows["b2"]] = 2, 0
    text = exported(network, Snapshot.of(network, State(network.model, 1, opened))).decode()

    def flags(mrid: str, name: str) -> list[str]:
        start = text.index(f">{mrid}</cim:IdentifiedObject.mRID>")
        return re.findall(rf"<cim:{name}>(\w+)<", text[start : text.index("</cim:Switch>", start)])

    assert flags("b1", "Switch.open") == ["false"] and flags("b2", "Switch.open") == ["false"]
    assert flags("b2", "Switch.normalOpen") == ["true"]
    parts = re.findall(
        r'<cim:SwitchPhase.Switch rdf:resource="#_([^"]+)"/>\s*<cim:SwitchPhase.phaseSide1 rdf:resource="[^"]*\.(\w)"/>'
        r".*?<cim:SwitchPhase.normalOpen>(\w+)<.*?<cim:SwitchPhase.closed>(\w+)<",
        text,
        re.DOTALL,
    )
    assert sorted(parts) == sorted(
        [
            *((element_id("b1"), letter, "false", "false" if letter == "B" else "true") for letter in "ABC"),
            *((element_id("b3"), letter, "false", "true") for letter in "AN"),
        ]
    )


def test_tanks_share_their_data_sheets():
    network = draw("b1:S-1 t2:1-2 t3:1-3 t4:1-4 t5:1-5", phases={"t2": "A", "t3": "B", "t4": "AB"})
    power = [25e3, 25e3, 50e3, np.nan]
    rows = np.argsort(network.transformers["mrid"].tolist())
    given = np.empty(4)
    given[rows] = power
    transformers = network.transformers.take(np.arange(4), rated_power_va=given)
    network = Network.from_tables("tanks", dict(network.tables) | {"transformers": transformers})
    counts = export_cim(network, snapshot(network), io.BytesIO()).counts
    assert (counts["TransformerTank"], counts["TransformerTankEnd"], counts["PowerTransformerEnd"]) == (3, 6, 2)
    assert counts["TransformerTankInfo"] == 2  # of 25 kVA and of 50 kVA


def test_mrids_that_readers_would_shorten_are_kept(tmp_path):
    plain = draw("b1:S-1 c_2:1-2")
    mrids = {"_x": "c_2", "urn:uuid:y": "b1"}
    tables: dict[str, Table] = dict(plain.tables)
    for new, old in mrids.items():
        table = next(each for each in tables.values() if old in each["mrid"].tolist())
        renamed = np.array([new if mrid == old else mrid for mrid in table["mrid"].tolist()])
        tables[table.component.table] = table.take(np.arange(len(table)), mrid=renamed)
    network = Network.from_tables("odd", tables)
    path: Path = tmp_path / "odd.xml"
    path.write_bytes(exported(network))
    assert read_cim(path)[0].model == network.model


class Nowhere(io.RawIOBase):
    """Counts bytes, and keeps none."""

    size = 0

    def write(self, data: object) -> int:
        self.size += len(data)  # type: ignore[arg-type]
        return len(data)  # type: ignore[arg-type]


def test_memory_does_not_grow_with_the_file():
    sizes, peaks = [], []
    for meters in (2000, 8000):
        network, _ = generate(meters)
        state = snapshot(network)
        export_cim(network, state, Nowhere())  # what the network remembers of itself is there now
        stream = Nowhere()
        tracemalloc.start()
        try:
            export_cim(network, state, stream)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        sizes.append(stream.size)
    assert sizes[1] > 3.5 * sizes[0] > 3.5 * 4e6
    assert peaks[1] < 1.5 * peaks[0] and peaks[1] < 16e6, (sizes, peaks)


def test_another_networks_state_is_refused():
    one, other = town(1), town(2)
    with pytest.raises(ValueError, match="of another network"):
        export_cim(one, snapshot(other), io.BytesIO())
