"""What an OpenDSS circuit holds that is no part of the network, and why."""

from __future__ import annotations

from loaders.opendss_circuit import Circuit
from loaders.opendss_values import Values
from loaders.report import FIRST_IDS, LoadReport

_GENERATION = "generation and storage do not change who is connected"
_REASONS = {
    **dict.fromkeys(("Generator", "PVSystem", "Storage", "WindGen", "IndMach012", "Isource", "VCCS"), _GENERATION),
    **dict.fromkeys(
        ("RegControl", "CapControl", "InvControl", "ExpControl", "StorageController", "GenDispatcher"),
        "controls of voltage and power do not change who is connected",
    ),
    **dict.fromkeys(("Monitor", "Sensor", "FMonitor"), "measurements are not part of the model"),
    **dict.fromkeys(
        ("LoadShape", "TShape", "PriceShape", "GrowthShape", "XYcurve", "TCC_Curve", "Spectrum", "DynamicExp"),
        "curves are not part of the model",
    ),
    **dict.fromkeys(("WireData", "CNData", "TSData", "LineSpacing"), "impedances are not part of the model"),
}
_DEFINITIONS = {"LineCode": "linecode", "LineGeometry": "linegeometry", "XfmrCode": "xfmrcode"}


def note_rest(circuit: Circuit, values: Values, report: LoadReport) -> None:
    """Says what of a circuit was not used, and why."""
    notes = report.notes
    for title, kind in _DEFINITIONS.items():
        if circuit.elements[kind]:
            report.use(title, len(circuit.elements[kind]))
    meters = circuit.elements["energymeter"]
    if meters:
        report.use("EnergyMeter", len(meters))
    for kind, count in sorted(circuit.others.items()):
        report.use(kind, count, 0)
        reason = _REASONS.get(kind, "this class is not part of the model, or is not known")
        report.skip(kind, reason, circuit.first_others[kind])
    if circuit.redefined:
        notes.append(f"{len(circuit.redefined)} elements were made again, which changed them as Edit does")
    if values.inline_math:
        named = ", ".join(f"{count} {name}" for name, count in sorted(values.inline_math.items()))
        notes.append(f"values that are calculations were left out ({named})")
    if values.odd_units:
        notes.append(f"{len(set(values.odd_units))} elements have lengths in no known unit")
    if circuit.open_ended:
        files = list(dict.fromkeys(circuit.open_ended))
        named = ", ".join(files[:FIRST_IDS]) + (", …" if len(files) > FIRST_IDS else "")
        notes.append(f"{len(files)} files end within a line: they may have been cut off ({named})")
    for counted, what in (
        (circuit.unknown_properties, "properties that are not known were left out"),
        (circuit.unknown_commands, "commands that are not known were left out"),
        (circuit.commands, "commands that build nothing were left out"),
    ):
        if counted:
            named = ", ".join(f"{count} {name}" for name, count in counted.most_common(FIRST_IDS))
            more = ", …" if len(counted) > FIRST_IDS else ""
            notes.append(f"{sum(counted.values())} {what} ({named}{more})")
