"""A small OpenDSS circuit in a folder, and files written beside it."""

from __future__ import annotations

from pathlib import Path

from loaders.opendss import read_opendss
from loaders.report import LoadReport
from twin.network import Network

MASTER = """
Clear
New Circuit.town basekv=69 bus1=src
New Transformer.sub phases=3 windings=2 buses=(src, mv) conns=(delta wye) kvs=(69 12.47) kvas=(10000 10000)
New LineCode.cable nphases=3 units=km normamps=300
Redirect lines.dss
New Load.shop bus1=c phases=3 kv=12.47 kw=90 pf=0.9
Set VoltageBases=[69 12.47 0.24]
"""

LINES = """
New Line.head bus1=mv bus2=a linecode=cable length=1.5 units=km
New Line.sw bus1=a bus2=b switch=y
New Line.tail bus1=b bus2=c linecode=cable length=500 units=ft
"""


class Script:
    """A folder with Master.dss and lines.dss; more text goes at the end of either."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("Master.dss", MASTER)
        self.write("lines.dss", LINES)

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def add(self, text: str, name: str = "Master.dss") -> None:
        file = self.folder / name
        file.write_text(file.read_text(encoding="utf-8") + text + "\n", encoding="utf-8")

    def read(self) -> tuple[Network, LoadReport]:
        return read_opendss(self.folder)


def live(network: Network) -> dict[str, int]:
    """Energised phases by bus."""
    masks = zip(network.nodes["mrid"].tolist(), network.normal_energized.tolist(), strict=True)
    return {mrid.removeprefix("Bus."): mask for mrid, mask in masks if mrid.startswith("Bus.")}


def row(network: Network, mrid: str) -> dict[str, object]:
    """Every value of one element."""
    element = network.mrids.find(mrid)
    return network.tables[element.component.table].record(element.row)
