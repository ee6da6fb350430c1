"""CIM that cannot be read: the error names file, line, id, property and value, and nothing is made."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from loaders.cim import is_cim, read_cim
from loaders.cim_files import MOST_FILES
from loaders.formats import read
from loaders.report import LoadError
from tests.loaders.cim_models import BODY, END, HEAD, Model, named, phase, tank_end, terminals, thing

MUTANTS = 400
TOWNS = 100

BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>\n'


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(tmp_path / "town.xml")


def line_of(model: Model, text: str) -> int:
    """Line of the file where a text begins, 1-based."""
    whole = HEAD + model.body
    return whole[: whole.index(text)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (">20<", ">twenty<", r"ACLineSegment L3: Conductor.length is 'twenty'; a finite number is needed"),
        (">20<", ">nan<", "Conductor.length is 'nan'"),
        (">20<", ">-1<", r"Conductor.length is '-1'; it must lie in 0 … 1e\+07"),
        (">20<", "><", "Conductor.length is ''"),
        (">20<", ">" + "9" * 70_000 + "<", "more than 65536 characters"),
        ("customerCount>3<", "customerCount>2.5<", "EnergyConsumer.customerCount is '2.5'; a whole number is needed"),
        (">400<", ">1e400<", "Switch.ratedCurrent is '1e400'"),
        (
            "normalOpen>true<",
            "normalOpen>perhaps<",
            "Disconnector TIE: Switch.normalOpen is 'perhaps'; it must be true or false",
        ),
        ("OrderedPhaseCodeKind.BN", "OrderedPhaseCodeKind.Q", "orderedPhases is .*Q'; it must be made of A, B, C, N"),
        (
            "<cim:IdentifiedObject.name>shop<",
            '<cim:IdentifiedObject.name rdf:resource="#_x"/><cim:x>y<',
            "no reference|mismatched",
        ),
        ('<cim:Breaker rdf:ID="_CB1">', "<cim:Breaker>", "Breaker is ''; an rdf:ID or rdf:about is needed"),
        ('<cim:Breaker rdf:ID="_CB1">', '<cim:Breaker rdf:ID="_L1">', "rdf:ID is 'L1'; .* has it already"),
    ],
)
def test_values(model, old, new, what):
    model.put(old, new)
    with pytest.raises(LoadError, match=what) as caught:
        model.read()
    assert str(caught.value).startswith(f"{model.file} line ")


@pytest.mark.parametrize(
    ("old", "new", "owner", "what"),
    [
        (
            '<cim:Terminal.ConnectivityNode rdf:resource="#_f"/>\n</cim:Terminal>\n<cim:UsagePoint',
            '<cim:Terminal.ConnectivityNode rdf:resource="#_gone"/>\n</cim:Terminal>\n<cim:UsagePoint',
            '<cim:Terminal rdf:ID="_shop-T1"',
            "Terminal shop-T1: Terminal.ConnectivityNode is 'gone'; no object has that id",
        ),
        (
            '<cim:Terminal.ConductingEquipment rdf:resource="#_shop"/>',
            '<cim:Terminal.ConductingEquipment rdf:resource="#_gone"/>',
            '<cim:Terminal rdf:ID="_shop-T1"',
            "Terminal.ConductingEquipment is 'gone'",
        ),
        (
            '<cim:Terminal.ConductingEquipment rdf:resource="#_shop"/>',
            "",
            '<cim:Terminal rdf:ID="_shop-T1"',
            "Terminal.ConductingEquipment is not given; it is needed",
        ),
        (
            '<cim:TransformerTank.PowerTransformer rdf:resource="#_TX"/>',
            '<cim:TransformerTank.PowerTransformer rdf:resource="#_gone"/>',
            "<cim:TransformerTank rdf:ID",
            "TransformerTank.PowerTransformer is 'gone'",
        ),
        (
            '<cim:TransformerEnd.Terminal rdf:resource="#_T1-T2"/>',
            '<cim:TransformerEnd.Terminal rdf:resource="#_gone"/>',
            '<cim:PowerTransformerEnd rdf:ID="_T1-E2"',
            "TransformerEnd.Terminal is 'gone'",
        ),
    ],
)
def test_references_to_nothing(model, old, new, owner, what):
    model.put(old, new)
    with pytest.raises(LoadError, match=what) as caught:
        model.read()
    assert str(caught.value).startswith(f"{model.file} line {line_of(model, owner)}: ")


@pytest.mark.parametrize(
    ("extra", "what"),
    [
        (phase("Switch", "gone", "A"), "SwitchPhase.Switch is 'gone'"),
        (tank_end("gone", 1, "TX", 1, "A"), "TransformerTankEnd.TransformerTank is 'gone'"),
        (terminals("L1", "a", "b", "c").replace("L1-T", "L1-X"), "it has 5 terminals, where it can have two"),
        (named("Substation", "North"), "rdf:ID is 'North'; Substation in line"),
        (
            named("Substation", "shop"),
            r"line \d+: EnergyConsumer: rdf:ID is 'shop'; Substation in line \d+ has that id too",
        ),
        ("<cim:Breaker", "this is no whole XML"),
        ("<cim:DifferenceModel/>", "it holds changes; a whole model is needed"),
        ('<cim:Breaker rdf:ID="_z"><cim:Switch.open>&nothing;</cim:Switch.open></cim:Breaker>', "undefined entity"),
        (
            thing("BaseVoltage", "huge", BaseVoltage__nominalVoltage=1e7),
            "nominalVoltage is '10000000.0'; it must lie in",
        ),
    ],
)
def test_additions(model, extra, what):
    model.add(extra)
    with pytest.raises(LoadError, match=what):
        read(model.write())


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "line 1: this is no whole XML: no element found"),
        (HEAD + BODY, "this is no whole XML: no element found"),
        (HEAD + BODY.replace("</cim:Breaker>", "</cim:Braker>") + END, r"line \d+: .*mismatched tag"),
        (HEAD.replace("utf-8", "klingon") + END, "encoding"),
        (HEAD.replace("<rdf:RDF", BOMB + "<rdf:RDF") + BODY + END, "line 2: DOCTYPE is 'b'; .* refused"),
        ("<html><body/></html>", "root element is 'html'; rdf:RDF is needed"),
        (HEAD + END, "holds nothing of a CIM namespace"),
        (HEAD + '<cim:Substation rdf:ID="_s"/>' + END, "holds no ConnectivityNode or TopologicalNode"),
    ],
)
def test_files(model, text, what):
    model.file.write_text(text, encoding="utf-8")
    with pytest.raises(LoadError, match=what):
        read_cim(model.file)


def test_sources_without_files(tmp_path):
    with pytest.raises(LoadError, match="holds no RDF/XML file"):
        read_cim(tmp_path)
    assert not is_cim(tmp_path)
    broken = tmp_path / "x.zip"
    broken.write_bytes(b"PK no zip")
    with pytest.raises(LoadError, match="cannot be read"):
        read_cim(broken)
    with zipfile.ZipFile(broken, "w") as archive:
        for at in range(MOST_FILES + 1):
            archive.writestr(f"{at}.xml", "")
    with pytest.raises(LoadError, match="10001 files; a model may have 10000"):
        read_cim(broken)


def test_damaged_archive(model, tmp_path):
    archive = tmp_path / "town.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.write(model.write(), "town.xml")
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(LoadError, match=r"town.zip/town.xml"):
        read_cim(archive)


def test_mutants(model):
    """Whatever is broken: an error that names the file, or a network."""
    random.seed(7)
    text = (HEAD + BODY + END).encode()
    errors = []
    for _ in range(MUTANTS):
        mutant = bytearray(text)
        for _ in range(random.randint(1, 3)):
            at, size = random.randrange(len(mutant)), random.randint(1, 40)
            source = random.randrange(len(text))
            mutant[at : at + random.choice((0, size))] = random.choice((b"", text[source : source + size], b"9", b"<"))
        model.file.write_bytes(mutant)
        try:
            read(model.file, "cim")
        except LoadError as error:
            errors.append(str(error))
    assert 0 < len(errors) < MUTANTS
    assert [error for error in errors if str(model.file) not in error] == []


def test_thousands_of_levels(model):
    model.add("<a>" * 50_000 + "</a>" * 50_000)
    model.read()


PEAK = """
import resource, sys
from pathlib import Path
import loaders.formats
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
network, _ = loaders.formats.read(Path(sys.argv[1]))
print(len(network.nodes), before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.long
def test_memory_stays_below_the_file(tmp_path, shared_data):
    """A hundred towns of IEEE 123 in one file, some 110 MB; reading it takes less than 80 % of that."""
    text = (shared_data / "cim_xml" / "IEEE123.xml").read_text(encoding="utf-8")
    start = text.index("<cim:")
    head, body = text[:start], text[start : text.rindex("</rdf:RDF>")]
    file = tmp_path / "large.xml"
    with file.open("w", encoding="utf-8") as stream:
        stream.write(head)
        for at in range(TOWNS):
            town = body.replace("urn:uuid:", f"urn:uuid:{at}-")
            stream.write(town.replace("<cim:IdentifiedObject.mRID>", f"<cim:IdentifiedObject.mRID>{at}-"))
        stream.write(END)
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(file)],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    nodes, before, after = (int(number) for number in done.stdout.split()[-3:])
    assert nodes == 130 * TOWNS and file.stat().st_size > 100e6
    assert (after - before) * 1024 < 0.8 * file.stat().st_size
