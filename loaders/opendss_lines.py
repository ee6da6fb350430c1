"""Lines of an OpenDSS circuit, switches that are written as lines, and what else is in series between two buses."""

from __future__ import annotations

import math
import re

from loaders.opendss_branches import LINE, SWITCH, Branch, Branches
from loaders.opendss_circuit import Element, is_yes
from loaders.opendss_phases import conductors
from loaders.opendss_text import unquoted
from loaders.opendss_values import padded

DEVICES = {
    "breaker": "Breaker",
    "recloser": "Recloser",
    "fuse": "Fuse",
    "sectionaliser": "Sectionaliser",
    "sectionalizer": "Sectionaliser",
    "disconnect": "Disconnector",
    "disswitch": "Disconnector",
    "goab": "Disconnector",
    "elbswitch": "Disconnector",
    "loadbreak": "LoadBreakSwitch",
    "padswitch": "LoadBreakSwitch",
}
"""What a line is whose line code begins so: circuits made from GIS write their devices as short lines."""

KILOFOOT_M = 304.8

_DEVICE = re.compile("|".join(DEVICES))


class Lines:
    """Reads lines, reactors and capacitors into branches."""

    def __init__(self, branches: Branches) -> None:
        self.branches = branches
        self._elements, self._values, self._report = branches.circuit.elements, branches.values, branches.report
        self._devices: dict[str, str | None] = {}
        """What a line with a line code is, by the text of the code."""
        self._lengthless: list[str] = []
        self._codeless: list[str] = []

    def read(self) -> None:
        """Lines that take part first, since one that does not is only kept where both of its buses are known."""
        elements = self._elements["line"]
        idle = []
        for element in elements.values():
            if element.enabled:
                self._line(element)
            else:
                idle.append(element)
        opened, out = 0, 0
        nowhere: list[str] = []
        for element in idle:
            if self._device(element) is not None:
                self._line(element).opened = None
                opened += 1
            elif self._known(element):
                self._line(element).in_service = False
                out += 1
            else:
                nowhere.append(element.mrid)
        self._report.use("Line", len(elements), len(elements) - len(nowhere))
        self._report.skip("Line", "it is not enabled, and joins nothing that is", nowhere)
        self._note(opened, out)

    def _note(self, opened: int, out: int) -> None:
        note = self.branches.note
        devices = sum(branch.table == SWITCH for branch in self.branches.all)
        if devices:
            note(f"{devices} lines are switches: they say so, or their line code is that of a device")
        if opened:
            note(f"{opened} switches written enabled=n are taken for open")
        if out:
            note(f"{out} lines that are not enabled are out of service")
        if self._lengthless:
            note(f"{len(self._lengthless)} lines have no length in a known unit ({self._lengthless[0]}, …)")
        if self._codeless:
            note(f"{len(self._codeless)} lines name a line code or geometry that is not there")

    def _known(self, element: Element) -> bool:
        rows = self.branches.nodes.rows
        return all(self._values.terminal(element, name)[0] in rows for name in ("bus1", "bus2"))

    def _device(self, element: Element) -> str | None:
        """The kind of switch that a line is; None for a line."""
        code = element.values.get("linecode", "")
        if code not in self._devices:
            found = _DEVICE.match(unquoted(code).lower())
            self._devices[code] = DEVICES[found.group()] if found else None
        device = self._devices[code]
        if device is not None:
            return device
        return "Switch" if is_yes(element.values.get("switch", "n")) else None

    def _line(self, element: Element) -> Branch:
        code = self._code(element)
        phases = self._values.whole(element, "phases", self._code_phases(code))
        device = self._device(element)
        branch = self.branches.between(element, LINE if device is None else SWITCH, phases)
        branch.rating = self._values.number(element, "normamps", 0, 1e6)
        if math.isnan(branch.rating) and code is not None:
            branch.rating = self._values.number(code, "normamps", 0, 1e6)
        if device is None:
            self._measure(branch, element, code)
        else:
            branch.kind = device
        return branch

    def _code(self, element: Element) -> Element | None:
        """The line code or geometry of a line; None where it has none, or names one that is not there."""
        found = None
        for kind, table in (("linecode", "linecode"), ("geometry", "linegeometry")):
            name = element.values.get(kind)
            if name is not None:
                found = self._elements[table].get(unquoted(name).lower())
                if found is None:
                    self._codeless.append(element.mrid)
        return found

    def _code_phases(self, code: Element | None) -> int:
        return 3 if code is None else self._values.whole(code, "nphases", 3)

    def _measure(self, branch: Branch, element: Element, code: Element | None) -> None:
        """Sets the length of a line, where it is given and in a unit."""
        unit = self._values.unit_m(element)
        if math.isnan(unit) and code is not None and code.kind == "LineCode":
            unit = self._values.unit_m(code)
        length = self._values.number(element, "length", 0, 1e9)
        branch.supposed_m = min(length * (KILOFOOT_M if math.isnan(unit) else unit), 1e7)
        if math.isnan(length * unit):
            self._lengthless.append(element.mrid)
        else:
            branch.length_m = branch.supposed_m

    def read_series(self, kind: str, title: str) -> None:
        """Reactors and capacitors in series are kept as lines; those to ground join nothing."""
        elements = self._elements[kind].values()
        shunts: list[str] = []
        disabled: list[str] = []
        used = 0
        for element in elements:
            if not element.enabled:
                disabled.append(element.mrid)
                continue
            phases = self._values.whole(element, "phases", 3)
            bus1, nodes1 = self._values.terminal(element, "bus1")
            bus2, nodes2 = self._values.terminal(element, "bus2", bus1)
            if bus1 == bus2 or (nodes2 and not any(nodes2)):
                live = tuple(node for node in padded(nodes1, phases, phases) if node)
                self.branches.hanging.extend(conductors(self.branches.nodes.of(bus1), live))
                shunts.append(element.mrid)
                continue
            branch = self.branches.between(element, LINE, phases)
            branch.rating = self._values.number(element, "normamps", 0, 1e6)
            used += 1
        if elements:
            self._report.use(title, len(elements), used)
            self._report.skip(title, "it is a shunt, which does not change who is connected", shunts)
            self._report.skip(title, "it is not enabled", disabled)
        if used:
            self.branches.note(f"{used} {title.lower()}s in series are kept as lines")
