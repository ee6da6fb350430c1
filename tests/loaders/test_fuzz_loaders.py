"""Files of every text format, broken anywhere: a network or an error with file and line, and no half network unsaid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from loaders import formats
from loaders.report import LoadError, LoadReport
from tests.loaders.fuzzing import CIM, CSV, GEOJSON, MUTATIONS, OPENDSS, SIMBENCH, Mutation, Source, pandapower_source
from twin.network import Network
from twin.validation import findings

SOURCES = (OPENDSS, SIMBENCH, CIM, CSV, GEOJSON)
FEW, MANY = 25, 2_500
"""Mutants of each file. There are 16, so that many are some tens of thousands."""

CUTS = 150
"""Of each file, beside all ends of lines."""

PLACE = {
    "opendss": r"\.(dss|csv)( line \d+:| is no text: | makes no circuit: )",
    "simbench": r"\.csv( line \d+| cannot be read .* in line \d+| cannot be read .*row \d+| has no row below)",
    "cim": r"town\.xml( line \d+: |: root element| holds no)",
    "csv": r"(town\.csv[: ]|town\.toml[: ])",
    "geojson": r"(town\.geojson[: ]|town\.toml[: ])",
    "pandapower": r"net\.json( line \d+|:.* line \d+ column \d+| table \w+|:? _object|:? _class| has no| cannot be)",
}
"""Where an error says that something is wrong: the file, and in it the line or what stands for it."""

CASES = [(source, name) for source in (*SOURCES, pandapower_source()) for name in source.files]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0].name}-{case[1]}")
def case(request) -> tuple[Source, str]:
    return request.param


def read(source: Source, folder: Path) -> tuple[Network, LoadReport]:
    if source.mapping:
        return formats.read(folder / source.target, mapping=folder / source.mapping)
    return formats.read(folder / source.target, source.name)


def check(source: Source, name: str, folder: Path, mutations: list[Mutation]) -> None:
    """Reads a mutant of one file of a source, and puts the file back."""
    data = source.files[name]
    for mutation in mutations:
        data = mutation(data)
    source.write(folder, name, data)
    try:
        network, report = read(source, folder)
    except LoadError as error:
        said = str(error)
        assert said.removeprefix("the mapping ").startswith(str(folder)) and "\n" not in said, said
        assert re.search(PLACE[source.name], said.removeprefix("the mapping ")), said
        assert len(said) < 1_000 or source.mapping, said
    else:
        assert len(network.nodes) and len(network.model) == 16
        for kind, count in report.read.items():
            assert count == report.used[kind] + sum(s.count for s in report.skipped if s.kind == kind), kind
    finally:
        source.write(folder, name, source.files[name])


def fuzz(case: tuple[Source, str], folder: Path, examples: int, *, anew: bool = False) -> None:
    """anew: others every time."""
    source, name = case
    source.write(folder)
    assert len(read(source, folder)[0].nodes)

    @settings(max_examples=examples, database=None, derandomize=not anew, suppress_health_check=list(HealthCheck))
    @given(MUTATIONS)
    def run(mutations: list[Mutation]) -> None:
        check(source, name, folder, mutations)

    run()


def test_mutants(case, tmp_path):
    fuzz(case, tmp_path, FEW)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_thousands_of_mutants(case, tmp_path):
    fuzz(case, tmp_path, MANY, anew=True)


# --- files that were cut off --------------------------------------------------------------------------------------

WHOLE_OR_NONE = (CIM, GEOJSON)
"""Formats that have an end: no beginning of a file is one."""

ROWS = {("simbench", "Load.csv"), ("simbench", "Switch.csv"), ("csv", "town.csv")}
"""Tables whose rows nothing else needs: cut off behind a whole row, they are a smaller table, as good as another."""


def said(network: Network, report: LoadReport) -> set[object]:
    """What the report notes and what validation finds."""
    found = {(finding.kind, finding.mrids) for finding in findings(network)}
    return {*found, *report.notes}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_file_that_was_cut_off_is_an_error_or_said(source, tmp_path):
    """Cut anywhere, line ends and all: an error, a note or a finding that was not there before; else nothing is lost.

    What nobody can tell is left: a table cut off exactly behind a row, of which no other row speaks.
    """
    source.write(tmp_path)
    network, report = read(source, tmp_path)
    model, before = network.model, said(network, report)
    silent = set()
    for name, data in source.files.items():
        if name == source.mapping:
            continue
        ends = {at + 1 for at, byte in enumerate(data) if byte == ord("\n")}
        for cut in sorted({*range(0, len(data), max(1, len(data) // CUTS)), *ends} - {len(data)}):
            source.write(tmp_path, name, data[:cut])
            try:
                network, report = read(source, tmp_path)
            except LoadError:
                continue
            assert source not in WHOLE_OR_NONE or not data[cut:].strip()
            if network.model != model and not said(network, report) - before:
                assert cut in ends, (name, data[:cut][-40:])
                silent.add((source.name, name))
        source.write(tmp_path, name, data)
    assert silent == {(format_name, file) for format_name, file in ROWS if format_name == source.name}


def test_pandapower_cut_off_is_an_error(tmp_path):
    source = pandapower_source()
    (data,) = source.files.values()
    for cut in range(0, len(data), len(data) // 100):
        source.write(tmp_path, source.target, data[:cut])
        with pytest.raises(LoadError, match=r"net\.json( line 1: |: | cannot)"):
            read(source, tmp_path)
