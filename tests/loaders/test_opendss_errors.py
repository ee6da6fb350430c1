"""OpenDSS that cannot be read: the error names file and line, and nothing is made; nothing else of the disk is read."""

from __future__ import annotations

import gzip
import io
import random
import re
import tarfile
from pathlib import Path

import pytest

from loaders import opendss_files, opendss_script
from loaders.formats import read
from loaders.opendss import read_opendss
from loaders.report import LoadError
from tests.loaders.opendss_scripts import LINES, MASTER, Script

MUTANTS = 400


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path / "town")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Redirect nowhere.dss", r"file is 'nowhere.dss'; .*nowhere.dss is not there"),
        ("BusCoords nowhere.csv", "nowhere.csv is not there"),
        ("Redirect", "the name of a file is missing"),
        ("Redirect lines.dss/x", "is not there"),
        ("BusCoords", "a file with coordinates is missing"),
        ("New Line.x bus1=(a", "does not end"),
        ("New Transformer.x wdg=" + "9" * 5_000, "a whole number from 1 to 2"),
        ("Open Line.head " + "9" * 5_000, "are numbers"),
        ("New SwtControl.x switchedobj=Line.head switchedterm=3", "Line.head has no terminal 3"),
        ("New Vsource.x bus1=c.0 phases=1", "a node above 0"),
        ("New Line.x bus1=", "a name and a value are needed"),
        ("New Line", "names no element"),
        ("New", "a class and a name are missing"),
        ("New Line.", "has no name"),
        ("New name=Line.x", "names no element"),
        ("New Circuit.other", "there is one already"),
        ("Edit Line.nowhere length=3", "there is none of that name yet"),
        ("Line.nowhere.length=3", "there is none of that name yet"),
        ("New Line.x like=nowhere", "there is no Line of that name yet"),
        ("New Transformer.x xfmrcode=nowhere", "there is no XfmrCode"),
        ("New Transformer.x wdg=3", "a whole number from 1 to 2"),
        ("New Transformer.x windings=1e9", "a whole number from 1 to 20"),
        ("Open Line.nowhere 1", "there is none of that name yet"),
        ("Open Line.head term=x", "are numbers"),
        ("Open Line.head 3", "Line.head has no terminal 3"),
        ("Open Transformer.sub 0", "has no terminal 0"),
        ("Set VoltageBases=[1 x]", "a number is needed"),
        ("SetBusXY x=1 y=2", "needs a bus"),
        ("SetBusXY a 1 x", "a number is needed"),
        ("SetBusXY a inf 1", "x is 'inf'; a finite number below 1e\\+12"),
        ("SetBusXY a 1 -1e300", "y is '-1e300'; a finite number below"),
        ("cd elsewhere", "changing folders is not followed"),
        ("New SwtControl.x like=x y", "one value more than SwtControl has properties"),
        ("New Line.x bus1=a bus2=b.1.x", "the nodes of a bus are numbers"),
        ("New Line.x bus1=a bus2=b.300", "lie in 0 … 255"),
        ("New Line.x bus1=a bus2=b.-1", "lie in 0 … 255"),
        ("New Line.x bus1=a", "bus2 of Line.x is missing; the name of a bus is needed"),
        ("New Line.x bus1=a.0 bus2=b.0 phases=1", "none of its conductors"),
        ("New Line.x bus1=a bus2=b units=m length=abc", "length of Line.x is 'abc'; a number is needed"),
        ("New Line.x bus1=a bus2=b units=m length=-3", "a number in 0 … 1e\\+09"),
        ("New Line.x bus1=a bus2=b units=m length=nan", "a number in 0"),
        ("New Line.x bus1=a bus2=b phases=999999999", "a number in 1 … 20"),
        ("New Line.x bus1=a bus2=b phases=1.5", "a whole number"),
        ("New Line.x bus1=a bus2=b normamps=-1", "a number in 0 … 1e\\+06"),
        ("New Load.x bus1=c kw=inf", "a number in"),
        pytest.param(f"New Load.x bus1=c NumCust={'9' * 5_000}", "a number in", id="more digits than Python reads"),
        ("New Load.x bus1=c.0 phases=1", "a node above 0"),
        ("New Load.x kw=1", "bus1 of Load.x is missing"),
        ("New Vsource.x", "bus1 of Vsource.x is missing"),
    ],
)
def test_an_error_names_file_and_line(script, text, what):
    script.add(text, "lines.dss")
    with pytest.raises(LoadError, match=what) as caught:
        script.read()
    assert f"{script.folder}/lines.dss line 5" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "New {}",
        "New {}.",
        "New SwtControl.x like=x {}",
        "New Line.x bus1=a bus2=b.1.{}",
        "New Line.{} bus1=a",
        "New Line.{} bus1=a bus2=b units=m length=1\nOpen Line.{} term=3",
        "Open Line.head {}=3x",
        "Redirect {}",
    ],
)
def test_an_error_repeats_the_beginning_of_what_is_long(script, text):
    script.add(text.replace("{}", "x" * 5_000), "lines.dss")
    with pytest.raises(LoadError) as caught:
        script.read()
    assert "lines.dss line " in str(caught.value) and "xxx…" in str(caught.value) and len(str(caught.value)) < 1_000


def test_a_comment_that_does_not_end(script):
    """All behind it would be lost."""
    script.add("Redirect more.dss\nBusCoords xy.csv")
    script.write("more.dss", "New LineCode.more nphases=1\n/* from here\nNew Line.lost bus1=a bus2=c\n")
    script.write("xy.csv", "a 1 2\n/*\nb 1 2\n")
    with pytest.raises(LoadError, match=r"more.dss line 1: the comment that begins with /\* in line 2 does not end"):
        script.read()
    script.write("more.dss", "")
    with pytest.raises(LoadError, match=r"xy.csv: the comment that begins with /\* in line 2 does not end"):
        script.read()


def test_a_file_that_ends_within_a_line_is_noted(script):
    script.write("lines.dss", LINES.rstrip())
    assert "1 files end within a line: they may have been cut off (lines.dss)" in script.read()[1].notes


@pytest.mark.parametrize("line", ["x", "x y", "x 1", "x 1 y", "x 1 nan", "x 1e300 1"])
def test_broken_coordinates(script, line):
    script.write("xy.csv", f"a 1 2\n{line}\n")
    script.add("BusCoords xy.csv")
    with pytest.raises(LoadError, match=r"xy.csv line 2: coordinates is 'x.*numbers"):
        script.read()


def test_a_script_without_a_circuit_or_a_start(tmp_path):
    script = Script(tmp_path)
    with pytest.raises(LoadError, match=r"lines.dss makes no circuit"):
        read_opendss(tmp_path / "lines.dss")
    script.write("more.dss", "~ kv=3")
    with pytest.raises(LoadError, match=r"more.dss line 1: there is no element before it"):
        read_opendss(tmp_path / "more.dss")


def test_several_scripts_and_no_master(tmp_path):
    for name in ("a.dss", "b.dss"):
        (tmp_path / name).write_text("New Circuit.x")
    with pytest.raises(LoadError, match=r"holds 2 scripts \(a.dss, b.dss, …\); name the one"):
        read_opendss(tmp_path)


def test_scripts_in_a_ring(script, monkeypatch):
    script.add("Redirect Master.dss", "lines.dss")
    script.write("Master.dss", "Redirect lines.dss")
    with pytest.raises(LoadError, match="files that read each other in a ring"):
        script.read()
    monkeypatch.setattr(opendss_script, "MAX_DEPTH", 10**9)
    monkeypatch.setattr(opendss_script, "MAX_FILES", 20)
    with pytest.raises(LoadError, match="too many of them"):
        script.read()


# --- nothing else of the disk is read -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["Redirect", "Compile", "BusCoords"])
@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "C:\\secret.dss", "\\\\host\\x.dss", "../secret.txt", "../../secret.dss", "a/../../secret.csv"],
)
def test_paths_that_lead_out_are_refused(script, command, path):
    script.add(f"{command} {path}")
    with pytest.raises(LoadError, match=r"Master.dss line 9: file is .*(absolute|leads)"):
        script.read()


def test_libraries_in_the_folder_above_are_read(script):
    (script.folder.parent / "Codes.DSS").write_text("New LineCode.extra nphases=3")
    (script.folder.parent / "beside").mkdir()
    (script.folder.parent / "beside" / "x.dss").write_text("")
    script.add("Redirect ../codes.dss\nRedirect ../beside/x.dss")
    assert script.read()[1].read["LineCode"] == 2


@pytest.mark.parametrize("name", ["link.dss", "linked/x.dss"])
def test_links_that_lead_out_are_refused(script, tmp_path, name):
    outside = tmp_path.parent / f"outside-{tmp_path.name}"
    outside.mkdir()
    (outside / "x.dss").write_text("New LineCode.secret")
    (script.folder / "link.dss").symlink_to(outside / "x.dss")
    (script.folder / "linked").symlink_to(outside)
    script.add(f"Redirect {name}")
    with pytest.raises(LoadError, match="a link that leads out"):
        script.read()


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_archives_that_cannot_be_read(script, tmp_path, monkeypatch):
    (tmp_path / "no.tar.gz").write_bytes(b"nothing of the kind")
    whole = archive(tmp_path / "whole.tar.gz", {"a/Master.dss": MASTER.encode(), "a/lines.dss": LINES.encode()})
    (tmp_path / "cut.tar.gz").write_bytes(whole.read_bytes()[:-200])
    (tmp_path / "flip.tar.gz").write_bytes(gzip.compress(random.Random(1).randbytes(3000)))
    for name in ("no", "cut", "flip"):
        with pytest.raises(LoadError, match="no whole tar archive"):
            read(tmp_path / f"{name}.tar.gz")
    with pytest.raises(LoadError, match=r"holds no .dss file"):
        read(archive(tmp_path / "other.tar.gz", {"a/b.txt": b"x"}))
    escape = archive(
        tmp_path / "up.tar.gz", {"a/m.dss": b"New Circuit.x\nRedirect ../../etc/x.dss", "../etc/x.dss": b""}
    )
    with pytest.raises(LoadError, match=r"a/m.dss line 2: file is '../../etc/x.dss'; it leads"):
        read(escape, "opendss")
    bomb = archive(tmp_path / "bomb.tar.gz", {"a/Master.dss": b"New Circuit.x", "a/zeros.bin": bytes(10**6)})
    assert read(bomb, "opendss")[0].name == "x"
    for limit, value in (("MAX_ARCHIVE", 10**5), ("MAX_MEMBERS", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(opendss_files, limit, value)
            with pytest.raises(LoadError, match=r"bomb.tar.gz holds more than .* bytes or .* files"):
                read(bomb)
    monkeypatch.setattr(opendss_files, "MAX_BYTES", 100)
    with pytest.raises(LoadError, match="more than 100 bytes of text"):
        read(whole)
    with pytest.raises(LoadError, match="more than 100 bytes"):
        script.read()


def test_letters_of_any_encoding_and_bytes_that_are_none(script):
    text = MASTER.replace("shop", "café").encode("latin-1").replace(b"69)", b"69)\0 ", 1)
    (script.folder / "Master.dss").write_bytes(text)
    assert script.read()[0].consumers["name"].tolist() == ["café"]
    (script.folder / "lines.dss").write_bytes(b"\0" * 500)
    with pytest.raises(LoadError, match=r"lines.dss is no text"):
        script.read()


# --- mutants of real files ----------------------------------------------------------------------------------------


def mutated(text: str, rng: random.Random) -> str:
    """A few letters, words or lines gone, doubled, swapped or replaced."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, size = rng.randrange(len(text)), rng.choice((1, 1, 3, 20))
        change = rng.choice(("cut", "double", "swap", "put", "line", "number"))
        if change == "cut":
            text = text[:at] + text[at + size :]
        elif change == "double":
            text = text[:at] + text[at : at + size] * 2 + text[at + size :]
        elif change == "swap":
            text = text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]
        elif change == "put":
            text = text[:at] + rng.choice("=()[]{}\"'.,~!/|%-\0\n\t \u2028é9") + text[at:]
        elif change == "line":
            lines = text.splitlines(keepends=True)
            i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
            text = "".join(lines)
        else:
            spot = rng.choice(list(re.finditer(r"\d+", text)) or [None])
            value = rng.choice(("-1", "0", "1e999", "99999999999999999999", "nan", "x", "1.5", ""))
            text = text if spot is None else text[: spot.start()] + value + text[spot.end() :]
        if not text:
            return "x"
    return text


@pytest.mark.parametrize(
    "file", ["13Bus/IEEE13Nodeckt.dss", "13Bus/IEEE13Node_BusXY.csv", "123Bus/IEEE123Regulators.DSS"]
)
def test_mutants_are_read_or_refused(shared_data, tmp_path, file):
    source = shared_data / "opendss_testfeeders" / file
    folder = tmp_path / "circuit"
    folder.mkdir()
    for beside in source.parent.iterdir():
        (folder / beside.name).write_bytes(beside.read_bytes())
    library = source.parent.parent / "IEEELineCodes.DSS"
    (tmp_path / library.name).write_bytes(library.read_bytes())
    master = {"13Bus": "IEEE13Nodeckt.dss", "123Bus": "IEEE123Master.dss"}[source.parent.name]
    rng = random.Random(file)
    original = source.read_text()
    outcomes = {"read": 0, "refused": 0}
    complaints: set[str] = set()
    for _ in range(MUTANTS // 4 if "123" in file else MUTANTS):
        (folder / source.name).write_text(mutated(original, rng), encoding="utf-8")
        try:
            network, report = read(folder / master)
        except LoadError as error:
            outcomes["refused"] += 1
            complaints.add(str(error))
        else:
            outcomes["read"] += 1
            assert len(network.nodes) and len(network.model) == 16
            for kind, count in report.read.items():
                assert count == report.used[kind] + sum(s.count for s in report.skipped if s.kind == kind), kind
    assert min(outcomes.values()) > 5, outcomes
    assert all(complaint.startswith(str(tmp_path)) for complaint in complaints)
