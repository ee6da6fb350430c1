"""A small CIM model as text, and files written with it.

grid
 |
SRC --T1-- MV --CB1-- a ==L1== b --SW1-- c ==L2== d --TX-- e ==L3== f (shop)
                                  (open: TIE)   \\__________TIE__________ a
"""

from __future__ import annotations

import re
from pathlib import Path

from loaders.cim import read_cim
from loaders.report import LoadReport
from twin.network import Network

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
HEAD = f'<?xml version="1.0" encoding="utf-8"?>\n<rdf:RDF xmlns:cim="http://iec.ch/TC57/CIM100#" {RDF}>\n'
END = "</rdf:RDF>\n"


def thing(class_name: str, name: str, *, by: str = "ID", **properties: object) -> str:
    """One object, on as many lines as it has properties; `Class__property="#x"` is a reference."""
    lines = [f'<cim:{class_name} rdf:{by}="{"#_" if by == "about" else "_"}{name}">']
    for key, value in properties.items():
        tag = key.replace("__", ".")
        text = str(value)
        if text.startswith("#") or text.startswith("http"):
            lines.append(f'  <cim:{tag} rdf:resource="{text}"/>')
        else:
            lines.append(f"  <cim:{tag}>{text}</cim:{tag}>")
    return "\n".join([*lines, f"</cim:{class_name}>"]) + "\n"


def named(class_name: str, name: str, **properties: object) -> str:
    return thing(class_name, name, IdentifiedObject__name=name, **properties)


def terminals(name: str, *nodes: str, node: str = "ConnectivityNode", **more: object) -> str:
    return "".join(
        thing(
            "Terminal",
            f"{name}-T{at}",
            Terminal__ConductingEquipment=f"#_{name}",
            ACDCTerminal__sequenceNumber=at,
            **{f"Terminal__{node}": f"#_{target}"},
            **more,
        )
        for at, target in enumerate(nodes, 1)
    )


def phase(owner_class: str, owner: str, letter: str, **more: object) -> str:
    """A phase of a line, switch, consumer or source."""
    side = "phaseSide1" if owner_class == "Switch" else "phase"
    return thing(
        f"{owner_class}Phase",
        f"{owner}-{letter}",
        **{
            f"{owner_class}Phase__{owner_class}": f"#_{owner}",
            f"{owner_class}Phase__{side}": f"http://iec.ch/TC57/CIM100#SinglePhaseKind.{letter}",
        },
        **more,
    )


def end(transformer: str, number: int, volts: str, **more: object) -> str:
    return thing(
        "PowerTransformerEnd",
        f"{transformer}-E{number}",
        PowerTransformerEnd__PowerTransformer=f"#_{transformer}",
        TransformerEnd__endNumber=number,
        TransformerEnd__Terminal=f"#_{transformer}-T{number}",
        TransformerEnd__BaseVoltage=f"#_{volts}",
        PowerTransformerEnd__ratedS=10e6,
        **more,
    )


def tank_end(tank: str, number: int, transformer: str, terminal: int, phases: str) -> str:
    return thing(
        "TransformerTankEnd",
        f"{tank}-E{number}",
        TransformerTankEnd__TransformerTank=f"#_{tank}",
        TransformerEnd__endNumber=number,
        TransformerEnd__Terminal=f"#_{transformer}-T{terminal}",
        TransformerTankEnd__orderedPhases=f"http://iec.ch/TC57/CIM100#OrderedPhaseCodeKind.{phases}",
    )


SWITCH = {"Switch__normalOpen": "false", "Equipment__EquipmentContainer": "#_F1"}
LINE = {"Conductor__length": 700, "Equipment__EquipmentContainer": "#_F1"}
BODY = "".join(
    [
        thing("BaseVoltage", "HV", BaseVoltage__nominalVoltage=110_000),
        thing("BaseVoltage", "LV", BaseVoltage__nominalVoltage=12_470),
        named("Substation", "North"),
        named("VoltageLevel", "North-20", VoltageLevel__Substation="#_North", VoltageLevel__BaseVoltage="#_LV"),
        named("Feeder", "F1", Feeder__NormalEnergizingSubstation="#_North", Feeder__NormalHeadTerminal="#_CB1-T1"),
        named("ConnectivityNode", "SRC"),
        named("ConnectivityNode", "MV", ConnectivityNode__ConnectivityNodeContainer="#_North-20"),
        *(named("ConnectivityNode", node) for node in "abcdef"),
        named("EnergySource", "grid"),
        terminals("grid", "SRC"),
        named("PowerTransformer", "T1", Equipment__EquipmentContainer="#_North"),
        terminals("T1", "SRC", "MV"),
        end("T1", 1, "HV"),
        end("T1", 2, "LV"),
        named("BusbarSection", "BB"),
        terminals("BB", "MV"),
        named("Breaker", "CB1", **SWITCH, Switch__ratedCurrent=400),
        terminals("CB1", "MV", "a"),
        named("ACLineSegment", "L1", **LINE),
        terminals("L1", "a", "b"),
        named("LoadBreakSwitch", "SW1", **SWITCH),
        terminals("SW1", "b", "c"),
        named("ACLineSegment", "L2", **LINE),
        phase("ACLineSegment", "L2", "A"),
        phase("ACLineSegment", "L2", "B"),
        terminals("L2", "c", "d"),
        named("Disconnector", "TIE", Switch__normalOpen="true"),
        terminals("TIE", "d", "a"),
        named("PowerTransformer", "TX"),
        terminals("TX", "d", "e"),
        thing("TransformerTank", "TX-1", TransformerTank__PowerTransformer="#_TX"),
        tank_end("TX-1", 1, "TX", 1, "BN"),
        tank_end("TX-1", 2, "TX", 2, "s1N"),
        tank_end("TX-1", 3, "TX", 2, "Ns2"),
        named("ACLineSegment", "L3", Conductor__length=20),
        phase("ACLineSegment", "L3", "s1"),
        phase("ACLineSegment", "L3", "s2"),
        terminals("L3", "e", "f"),
        named("EnergyConsumer", "shop", EnergyConsumer__p=9000, EnergyConsumer__customerCount=3),
        phase("EnergyConsumer", "shop", "s1"),
        phase("EnergyConsumer", "shop", "s2"),
        terminals("shop", "f"),
        named("UsagePoint", "meter", UsagePoint__Equipments="#_shop"),
    ]
)


def place(name: str, *points: tuple[float, float], of: str = "") -> str:
    """A location and its points, as equipment refers to it; in CGMES it refers to the equipment."""
    own = {"Location__PowerSystemResources": f"#_{of}"} if of else {}
    return thing("Location", name, **own) + "".join(
        thing(
            "PositionPoint",
            f"{name}-{at}",
            PositionPoint__Location=f"#_{name}",
            PositionPoint__sequenceNumber=at,
            PositionPoint__xPosition=x,
            PositionPoint__yPosition=y,
        )
        for at, (x, y) in enumerate(points, 1)
    )


class Model:
    """A model in one file, to break one thing in."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.body = BODY

    def put(self, old: str, new: str) -> None:
        """One text for another, which must be there once."""
        assert self.body.count(old) == 1, (old, self.body.count(old))
        self.body = self.body.replace(old, new)

    def without(self, class_name: str, name: str) -> None:
        """Takes out one object."""
        self.body, count = re.subn(
            rf'<cim:{class_name} rdf:ID="_{name}">.*?</cim:{class_name}>\n', "", self.body, flags=re.S
        )
        assert count == 1, name

    def add(self, text: str) -> None:
        self.body += text

    def write(self) -> Path:
        self.file.write_text(HEAD + self.body + END, encoding="utf-8")
        return self.file

    def read(self) -> tuple[Network, LoadReport]:
        return read_cim(self.write())


def live(network: Network) -> dict[str, int]:
    """Energised phases by the name of the node."""
    return dict(zip(network.nodes["name"].tolist(), network.normal_energized.tolist(), strict=True))


def row(network: Network, mrid: str) -> dict[str, object]:
    """Every value of one element."""
    element = network.mrids.find(mrid)
    return network.tables[element.component.table].record(element.row)
