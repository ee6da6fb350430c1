"""CIM that is large, or would be: a gigabyte in less memory than that, entities and archives that explode."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from loaders import cim_files
from loaders.formats import read
from loaders.report import LoadError
from tests.loaders.cim_models import BODY, END, HEAD

GIGABYTE = 10**9

NODES = 130
"""Of a town of IEEE 123."""

LAUGHS = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10))
"""A billion times what `l0` is."""


@pytest.mark.parametrize(
    ("doctype", "text"),
    [
        (f'<!DOCTYPE r [<!ENTITY l0 "lol">{LAUGHS}]>', "&l9;"),
        (f'<!DOCTYPE r [<!ENTITY a "{"x" * 100_000}">]>', "&a;" * 1_000),
        ('<!DOCTYPE r [<!ENTITY a SYSTEM "SECRET">]>', "&a;"),
        ('<!DOCTYPE r [<!ENTITY % a SYSTEM "SECRET"> %a;]>', ""),
        ('<!DOCTYPE r SYSTEM "SECRET">', ""),
        ('<!DOCTYPE r PUBLIC "-//x//y" "SECRET">', ""),
        ("<!DOCTYPE r>", ""),
    ],
)
def test_document_types_are_refused(tmp_path, doctype, text):
    """The entity is never expanded, and what it names never opened."""
    secret = tmp_path / "secret.txt"
    os.mkfifo(secret)  # reading it would wait for ever
    town = HEAD.replace("<rdf:RDF", doctype.replace("SECRET", secret.as_uri()) + "\n<rdf:RDF")
    file = tmp_path / "town.xml"
    file.write_text(town + BODY.replace(">shop<", f">{text}<", 1) + END, encoding="utf-8")
    with pytest.raises(LoadError, match=r"town.xml line 2: DOCTYPE is 'r'; document types and entities are refused"):
        read(file, "cim")


def test_entities_that_nobody_declared_and_includes(tmp_path):
    file = tmp_path / "town.xml"
    file.write_text(HEAD + BODY.replace(">shop<", ">&xxe;<", 1) + END, encoding="utf-8")
    with pytest.raises(LoadError, match=r"town.xml line \d+: this is no whole XML: undefined entity"):
        read(file)
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd" parse="text"/>'
    file.write_text(HEAD + BODY + include + END, encoding="utf-8")
    assert "passwd" not in str(read(file)[1].to_json())


def test_an_archive_that_promises_too_much(tmp_path, monkeypatch):
    archive = tmp_path / "town.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("town.xml", HEAD + BODY + " " * 10**6 + END)
    assert len(read(archive, "cim")[0].nodes) == 8
    monkeypatch.setattr(cim_files, "MOST_BYTES", 10**6)
    with pytest.raises(LoadError, match=r"town.zip holds 1,\d+,\d+ bytes of XML; 1,000,000 may be"):
        read(archive, "cim")


LOAD = """
import resource, sys
from pathlib import Path
from loaders.formats import read
network, report = read(Path(sys.argv[1]))
print(len(network.nodes), network.customers, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_a_gigabyte_in_a_gigabyte(tmp_path, shared_data):
    """Towns of IEEE 123 up to a gigabyte: the whole process, Python and its packages too, takes less than the file."""
    text = (shared_data / "cim_xml" / "IEEE123.xml").read_text(encoding="utf-8")
    start = text.index("<cim:")
    head, body = text[:start], text[start : text.rindex("</rdf:RDF>")]
    file, towns = tmp_path / "gigabyte.xml", 0
    with file.open("w", encoding="utf-8") as stream:
        stream.write(head)
        while stream.tell() < GIGABYTE:
            town = body.replace("urn:uuid:", f"urn:uuid:{towns}-")
            stream.write(town.replace("<cim:IdentifiedObject.mRID>", f"<cim:IdentifiedObject.mRID>{towns}-"))
            towns += 1
        stream.write(END)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(file)],
        capture_output=True,
        text=True,
        check=True,
        timeout=1_800,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    nodes, customers, peak = (int(number) for number in done.stdout.split()[-3:])
    assert (nodes, customers) == (NODES * towns, 91 * towns)
    assert GIGABYTE <= file.stat().st_size < 1.01 * GIGABYTE
    assert peak < GIGABYTE, f"{peak:,} bytes at most"
