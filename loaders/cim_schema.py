"""Which classes of CIM are read, which of their properties, and as what; names are those of CIM16, CIM17 and CIM100."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "reference", "real", "whole", "flag", "phases", "crs"]

CIM = "http://iec.ch/TC57/CIM100#"
EXTENSION = "urn:gridtwin:cim#"
"""Of what gridtwin writes that CIM has no term for; such names have `gridtwin:` before them here."""
EXTRA = "urn:gridtwin:extra#"
"""Of columns beyond the model, on whatever element; `extra:` here."""

SPLIT = 16
"""Bit for s1 and s2 beside those of `twin.phases`; behind it stands the phase of the transformer's primary."""

_LETTERS = {"A": 1, "B": 2, "C": 4, "N": 8}
_UNKNOWN_PHASES = frozenset({"none", "X", "XN", "XY", "XYN", "XYZ", "XYZN"})


@dataclass(frozen=True, slots=True)
class Property:
    """The column that a property goes to, and what its text must be."""

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
    """By name."""
    by_case: dict[str, Property] = field(default_factory=dict, init=False)
    """By name in lower case: versions of CIM differ in capitals."""

    def __post_init__(self) -> None:
        self.by_case.update({name.lower(): known for name, known in self.properties.items()})


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
    "IdentifiedObject.name": Property("name", "text"),
    "IdentifiedObject.mRID": Property("mrid", "text"),
}
_POWER = {"low": -1e12, "high": 1e12}
_MOST_CUSTOMERS = 2**31 - 1

GROUPS = (
    Group(
        "equipment",
        (*LINES, *SWITCHES, *TRANSFORMERS, *SOURCES, *EQUIVALENTS, *MACHINES, *CONSUMERS, *BUSBARS),
        {
            **_IDENTIFIED,
            **_references(
                container="Equipment.EquipmentContainer Equipment.MemberOf_EquipmentContainer",
                voltage="ConductingEquipment.BaseVoltage",
                location="PowerSystemResource.Location",
                usage_point="Equipment.UsagePoints",
            ),
            "ConductingEquipment.phases": Property("phases", "phases"),
            "Equipment.inService": Property("in_service", "flag"),
            "Equipment.normallyInService": Property("normally_in_service", "flag"),
            "Conductor.length": Property("length", "real", 0, 1e7),
            "Switch.normalOpen": Property("normal_open", "flag"),
            "Switch.open": Property("open", "flag"),
            "Switch.locked": Property("locked", "flag"),
            "Switch.ratedCurrent": Property("rated_current", "real", 0, 1e6),
            "EnergyConsumer.p": Property("p", "real", **_POWER),
            "EnergyConsumer.q": Property("q", "real", **_POWER),
            "EnergyConsumer.pfixed": Property("p_fixed", "real", **_POWER),
            "EnergyConsumer.qfixed": Property("q_fixed", "real", **_POWER),
            "EnergyConsumer.customerCount": Property("customer_count", "whole", 0, _MOST_CUSTOMERS),
            "EquivalentInjection.p": Property("p", "real", **_POWER),
            "EquivalentInjection.q": Property("q", "real", **_POWER),
            "SynchronousMachine.referencePriority": Property("priority", "real"),
            "gridtwin:Equipment.circuit": Property("circuit", "text"),
            "gridtwin:Switch.kind": Property("kind", "text"),
            "gridtwin:Switch.normalOpenPhases": Property("normal_open_phases", "phases"),
            "gridtwin:PowerTransformer.phases": Property("phases", "phases"),
            "gridtwin:EquivalentInjection.customerCount": Property("customer_count", "whole", 0, _MOST_CUSTOMERS),
        },
    ),
    Group(
        "phases",
        ("ACLineSegmentPhase", "SwitchPhase", "EnergyConsumerPhase", "EnergySourcePhase"),
        {
            **_references(
                owner="ACLineSegmentPhase.ACLineSegment SwitchPhase.Switch EnergyConsumerPhase.EnergyConsumer "
                "EnergySourcePhase.EnergySource"
            ),
            **dict.fromkeys(
                (
                    *("ACLineSegmentPhase.phase", "SwitchPhase.phaseSide1"),
                    *("EnergyConsumerPhase.phase", "EnergySourcePhase.phase"),
                ),
                Property("phases", "phases"),
            ),
            "SwitchPhase.normalOpen": Property("normal_open", "flag"),
            "SwitchPhase.closed": Property("closed", "flag"),
            "EnergyConsumerPhase.p": Property("p", "real", **_POWER),
            "EnergyConsumerPhase.q": Property("q", "real", **_POWER),
        },
    ),
    Group(
        "terminals",
        ("Terminal",),
        {
            **_references(
                equipment="Terminal.ConductingEquipment",
                node="Terminal.ConnectivityNode",
                bus="Terminal.TopologicalNode",
                limits="ACDCTerminal.OperationalLimitSet Terminal.OperationalLimitSet",
                head_of="Terminal.NormalHeadFeeder",
            ),
            "ACDCTerminal.sequenceNumber": Property("number", "real", 0, 1e6),
            "Terminal.sequenceNumber": Property("number", "real", 0, 1e6),
            "ACDCTerminal.connected": Property("connected", "flag"),
            "Terminal.connected": Property("connected", "flag"),
            "Terminal.phases": Property("phases", "phases"),
        },
    ),
    Group(
        "nodes",
        ("ConnectivityNode", "TopologicalNode"),
        {
            **_IDENTIFIED,
            **_references(
                container="ConnectivityNode.ConnectivityNodeContainer "
                "ConnectivityNode.MemberOf_EquipmentContainer TopologicalNode.ConnectivityNodeContainer",
                voltage="TopologicalNode.BaseVoltage gridtwin:ConnectivityNode.BaseVoltage",
                location="gridtwin:ConnectivityNode.Location",
                bus="ConnectivityNode.TopologicalNode",
            ),
        },
    ),
    Group(
        "ends",
        ("PowerTransformerEnd", "TransformerTankEnd"),
        {
            **_references(
                transformer="PowerTransformerEnd.PowerTransformer",
                tank="TransformerTankEnd.TransformerTank",
                terminal="TransformerEnd.Terminal",
                voltage="TransformerEnd.BaseVoltage",
            ),
            "TransformerEnd.endNumber": Property("number", "real", 0, 100),
            "PowerTransformerEnd.ratedS": Property("rated_power", "real", 0, 1e11),
            "PowerTransformerEnd.ratedU": Property("rated_voltage", "real", 0, 2e6),
            "TransformerTankEnd.phases": Property("phases", "phases"),
            "TransformerTankEnd.orderedPhases": Property("phases", "phases"),
        },
    ),
    Group(
        "tanks",
        ("TransformerTank",),
        _references(
            transformer="TransformerTank.PowerTransformer",
            info="TransformerTank.TransformerTankInfo PowerSystemResource.AssetDatasheet",
        ),
    ),
    Group("tank_infos", ("TransformerTankInfo",), {}),
    Group(
        "end_infos",
        ("TransformerEndInfo",),
        {
            **_references(info="TransformerEndInfo.TransformerTankInfo"),
            "TransformerEndInfo.endNumber": Property("number", "real", 0, 100),
            "TransformerEndInfo.ratedS": Property("rated_power", "real", 0, 1e11),
            "TransformerEndInfo.ratedU": Property("rated_voltage", "real", 0, 2e6),
        },
    ),
    Group(
        "containers",
        ("Substation", "VoltageLevel", "Bay", "Feeder"),
        {
            **_IDENTIFIED,
            **_references(
                inside="VoltageLevel.Substation VoltageLevel.MemberOf_Substation Bay.VoltageLevel "
                "Bay.MemberOf_VoltageLevel Bay.Substation Feeder.NormalEnergizingSubstation",
                voltage="VoltageLevel.BaseVoltage",
                location="PowerSystemResource.Location",
                head="Feeder.NormalHeadTerminal",
                head_node="gridtwin:Feeder.headNode",
            ),
            "gridtwin:Feeder.head": Property("head_mrid", "text"),
        },
    ),
    Group(
        "usage_points",
        ("UsagePoint",),
        {**_IDENTIFIED, **_references(equipment="UsagePoint.Equipments")},
    ),
    Group(
        "exports",
        ("gridtwin:Network",),
        {"IdentifiedObject.name": Property("name", "text"), "gridtwin:Network.model": Property("model", "text")},
    ),
    Group("voltages", ("BaseVoltage",), {"BaseVoltage.nominalVoltage": Property("value", "real", 0, 2e6)}),
    Group(
        "locations",
        ("Location", "ServiceLocation"),
        _references(system="Location.CoordinateSystem", of="Location.PowerSystemResources"),
    ),
    Group(
        "points",
        ("PositionPoint",),
        {
            **_references(location="PositionPoint.Location"),
            "PositionPoint.sequenceNumber": Property("number", "real"),
            "PositionPoint.xPosition": Property("x", "real", -1e9, 1e9),
            "PositionPoint.yPosition": Property("y", "real", -1e9, 1e9),
        },
    ),
    Group("systems", ("CoordinateSystem",), {"CoordinateSystem.crsUrn": Property("urn", "crs")}),
    Group(
        "limit_sets",
        ("OperationalLimitSet",),
        _references(terminal="OperationalLimitSet.Terminal", equipment="OperationalLimitSet.Equipment"),
    ),
    Group(
        "limits",
        ("CurrentLimit",),
        {
            **_references(limits="OperationalLimit.OperationalLimitSet"),
            "CurrentLimit.value": Property("value", "real", 0, 1e9),
            "CurrentLimit.normalValue": Property("value", "real", 0, 1e9),
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
