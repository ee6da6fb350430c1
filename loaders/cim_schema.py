"""Which classes of CIM are read, which of their properties, and as what; names are those of CIM16, CIM17 and CIM100."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "reference", "real", "whole", "flag", "phases", "crs"]

SPLIT = 16
"""Bit for s1 and s2 beside those of `twin.phases`; behind it stands the phase of the transformer's primary."""

_LETTERS = {"A": 1, "B": 2, "C": 4, "N": 8}
_UNKNOWN_PHASES = frozenset({"none", "X", "XN", "XY", "XYN", "XYZ", "XYZN"})


@dataclass(frozen=True, slots=True)
class Property:
    """A property by its name in lower case (`conductor.length`): the column it goes to, and what its text must be."""

    column: str
    kind: Kind
    low: float = float("-inf")
    high: float = float("inf")


@dataclass(frozen=True, slots=True)
class Group:
    """Classes that are kept in one set of columns."""

    name: str
    classes: tuple[str, ...]
    properties: dict[str, Property]


LINES = ("ACLineSegment", "SeriesCompensator", "EquivalentBranch")
SWITCHES = (
    *("Switch", "Breaker", "LoadBreakSwitch", "Disconnector", "Fuse", "Recloser", "Sectionaliser", "Jumper", "Cut"),
    *("GroundDisconnector", "ProtectedSwitch", "DisconnectingCircuitBreaker"),
)
TRANSFORMERS = ("PowerTransformer",)
SOURCES = ("EnergySource", "ExternalNetworkInjection")
EQUIVALENTS = ("EquivalentInjection",)
MACHINES = ("SynchronousMachine",)
CONSUMERS = ("EnergyConsumer", "ConformLoad", "NonConformLoad", "StationSupply")
BUSBARS = ("BusbarSection",)


def _references(**columns: str) -> dict[str, Property]:
    """Properties that refer to objects, by column; several names are parted by blanks."""
    return {name: Property(column, "reference") for column, names in columns.items() for name in names.split()}


_IDENTIFIED = {
    "identifiedobject.name": Property("name", "text"),
    "identifiedobject.mrid": Property("mrid", "text"),
}
_POWER = {"low": -1e12, "high": 1e12}

GROUPS = (
    Group(
        "equipment",
        (*LINES, *SWITCHES, *TRANSFORMERS, *SOURCES, *EQUIVALENTS, *MACHINES, *CONSUMERS, *BUSBARS),
        {
            **_IDENTIFIED,
            **_references(
                container="equipment.equipmentcontainer equipment.memberof_equipmentcontainer",
                voltage="conductingequipment.basevoltage",
                location="powersystemresource.location",
                usage_point="equipment.usagepoints",
            ),
            "conductingequipment.phases": Property("phases", "phases"),
            "equipment.inservice": Property("in_service", "flag"),
            "equipment.normallyinservice": Property("normally_in_service", "flag"),
            "conductor.length": Property("length", "real", 0, 1e7),
            "switch.normalopen": Property("normal_open", "flag"),
            "switch.open": Property("open", "flag"),
            "switch.locked": Property("locked", "flag"),
            "switch.ratedcurrent": Property("rated_current", "real", 0, 1e6),
            "energyconsumer.p": Property("p", "real", **_POWER),
            "energyconsumer.q": Property("q", "real", **_POWER),
            "energyconsumer.pfixed": Property("p_fixed", "real", **_POWER),
            "energyconsumer.qfixed": Property("q_fixed", "real", **_POWER),
            "energyconsumer.customercount": Property("customer_count", "whole", 0, 2e9),
            "synchronousmachine.referencepriority": Property("priority", "real"),
        },
    ),
    Group(
        "phases",
        ("ACLineSegmentPhase", "SwitchPhase", "EnergyConsumerPhase", "EnergySourcePhase"),
        {
            **_references(
                owner="aclinesegmentphase.aclinesegment switchphase.switch energyconsumerphase.energyconsumer "
                "energysourcephase.energysource"
            ),
            **dict.fromkeys(
                (
                    *("aclinesegmentphase.phase", "switchphase.phaseside1"),
                    *("energyconsumerphase.phase", "energysourcephase.phase"),
                ),
                Property("phases", "phases"),
            ),
            "switchphase.normalopen": Property("normal_open", "flag"),
            "switchphase.closed": Property("closed", "flag"),
            "energyconsumerphase.p": Property("p", "real", **_POWER),
            "energyconsumerphase.q": Property("q", "real", **_POWER),
        },
    ),
    Group(
        "terminals",
        ("Terminal",),
        {
            **_references(
                equipment="terminal.conductingequipment",
                node="terminal.connectivitynode",
                bus="terminal.topologicalnode",
                limits="acdcterminal.operationallimitset terminal.operationallimitset",
                head_of="terminal.normalheadfeeder",
            ),
            "acdcterminal.sequencenumber": Property("number", "real", 0, 1e6),
            "terminal.sequencenumber": Property("number", "real", 0, 1e6),
            "acdcterminal.connected": Property("connected", "flag"),
            "terminal.connected": Property("connected", "flag"),
            "terminal.phases": Property("phases", "phases"),
        },
    ),
    Group(
        "nodes",
        ("ConnectivityNode", "TopologicalNode"),
        {
            **_IDENTIFIED,
            **_references(
                container="connectivitynode.connectivitynodecontainer "
                "connectivitynode.memberof_equipmentcontainer topologicalnode.connectivitynodecontainer",
                voltage="topologicalnode.basevoltage",
                bus="connectivitynode.topologicalnode",
            ),
        },
    ),
    Group(
        "ends",
        ("PowerTransformerEnd", "TransformerTankEnd"),
        {
            **_references(
                transformer="powertransformerend.powertransformer",
                tank="transformertankend.transformertank",
                terminal="transformerend.terminal",
                voltage="transformerend.basevoltage",
            ),
            "transformerend.endnumber": Property("number", "real", 0, 100),
            "powertransformerend.rateds": Property("rated_power", "real", 0, 1e11),
            "powertransformerend.ratedu": Property("rated_voltage", "real", 0, 2e6),
            "transformertankend.phases": Property("phases", "phases"),
            "transformertankend.orderedphases": Property("phases", "phases"),
        },
    ),
    Group(
        "tanks",
        ("TransformerTank",),
        _references(
            transformer="transformertank.powertransformer",
            info="transformertank.transformertankinfo powersystemresource.assetdatasheet",
        ),
    ),
    Group(
        "end_infos",
        ("TransformerEndInfo",),
        {
            **_references(info="transformerendinfo.transformertankinfo"),
            "transformerendinfo.endnumber": Property("number", "real", 0, 100),
            "transformerendinfo.rateds": Property("rated_power", "real", 0, 1e11),
            "transformerendinfo.ratedu": Property("rated_voltage", "real", 0, 2e6),
        },
    ),
    Group(
        "containers",
        ("Substation", "VoltageLevel", "Bay", "Feeder"),
        {
            **_IDENTIFIED,
            **_references(
                inside="voltagelevel.substation voltagelevel.memberof_substation bay.voltagelevel "
                "bay.memberof_voltagelevel bay.substation feeder.normalenergizingsubstation",
                voltage="voltagelevel.basevoltage",
                location="powersystemresource.location",
                head="feeder.normalheadterminal",
            ),
        },
    ),
    Group(
        "usage_points",
        ("UsagePoint",),
        {**_IDENTIFIED, **_references(equipment="usagepoint.equipments")},
    ),
    Group("voltages", ("BaseVoltage",), {"basevoltage.nominalvoltage": Property("value", "real", 0, 2e6)}),
    Group(
        "locations",
        ("Location", "ServiceLocation"),
        _references(system="location.coordinatesystem", of="location.powersystemresources"),
    ),
    Group(
        "points",
        ("PositionPoint",),
        {
            **_references(location="positionpoint.location"),
            "positionpoint.sequencenumber": Property("number", "real"),
            "positionpoint.xposition": Property("x", "real", -1e9, 1e9),
            "positionpoint.yposition": Property("y", "real", -1e9, 1e9),
        },
    ),
    Group("systems", ("CoordinateSystem",), {"coordinatesystem.crsurn": Property("urn", "crs")}),
    Group(
        "limit_sets",
        ("OperationalLimitSet",),
        _references(terminal="operationallimitset.terminal", equipment="operationallimitset.equipment"),
    ),
    Group(
        "limits",
        ("CurrentLimit",),
        {
            **_references(limits="operationallimit.operationallimitset"),
            "currentlimit.value": Property("value", "real", 0, 1e9),
            "currentlimit.normalvalue": Property("value", "real", 0, 1e9),
        },
    ),
)


def phases_of(text: str) -> int:
    """`AN` → 9, `s1N` → 24; 0 where CIM says that phases are not known. ValueError for anything else."""
    if text in _UNKNOWN_PHASES:
        return 0
    mask, rest = 0, text
    for split in ("s12", "s1", "s2"):
        if split in rest:
            rest = rest.replace(split, "")
            mask |= SPLIT
    for letter in rest:
        bit = _LETTERS.get(letter)
        if bit is None or mask & bit:
            raise ValueError(text)
        mask |= bit
    if mask == 0:
        raise ValueError(text)
    return mask
