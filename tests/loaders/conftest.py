"""SimBench as shipped, and a folder in its format small enough to break one thing in."""

from __future__ import annotations

from pathlib import Path

import pytest

from loaders.report import LoadReport
from loaders.simbench import read_simbench
from twin.network import Network

TABLES = {
    "Coordinates": "id;x;y|p1;9.0;52.0|p2;9.01;52.0|p3;9.02;52.0|p4;9.03;52.0",
    "Node": "id;type;vmR;coordID;substation;subnet|HV;busbar;110;p1;North;HV1|MV;busbar;20;p1;North;MV1"
    "|a;auxiliary;20;p1;North;MV1|b;node;20;p2;NULL;MV1|c;node;20;p3;NULL;MV1|d;node;20;p4;NULL;MV1",
    "LineType": "id;iMax|cable;250",
    "Line": "id;nodeA;nodeB;type;length;loadingMax;subnet|L1;a;b;cable;0.7;100;MV1_Feeder1"
    "|L2;c;d;cable;0.7;100;MV1_Feeder1",
    "Switch": "id;nodeA;nodeB;type;cond;subnet|CB1;MV;a;CB;1;MV1|LBS1;b;c;LBS;1;MV1|TIE;d;MV;LS;0;MV1",
    "TransformerType": "id;sR|25 MVA;25",
    "Transformer": "id;nodeHV;nodeLV;type;substation;subnet|T1;HV;MV;25 MVA;North;HV1_MV1",
    "Load": "id;node;pLoad;qLoad;subnet|Load 1;c;0.1;0.02;MV1|Load 2;d;0.2;0.04;MV1_LV1_eq",
    "ExternalNet": "id;node;calc_type;subnet|grid;HV;vavm;HV1",
    "Substation": "id|North",
}


class Folder:
    """A SimBench folder of six nodes; `put` replaces text in one of its files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name, text in TABLES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        """A whole file, `|` between lines."""
        (self.path / f"{name}.csv").write_text(text.replace("|", "\n") + "\n", encoding="utf-8")

    def put(self, name: str, old: str, new: str) -> None:
        """One text in one file, which must be there once."""
        file = self.path / f"{name}.csv"
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old)
        file.write_text(text.replace(old, new), encoding="utf-8")

    def read(self) -> tuple[Network, LoadReport]:
        return read_simbench(self.path)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture(scope="session")
def simbench(simbench_folder: Path) -> tuple[Network, LoadReport]:
    """The demo network and the report of reading it."""
    return read_simbench(simbench_folder)
