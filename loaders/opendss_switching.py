"""What switches in an OpenDSS circuit beside lines: open commands, and fuses, reclosers, relays, switch controls."""

from __future__ import annotations

from collections import defaultdict

from loaders.opendss_branches import SWITCH, TRANSFORMER, Branch, Branches
from loaders.opendss_circuit import Element, is_yes
from loaders.opendss_classes import CONTROLS
from loaders.opendss_phases import conductors
from loaders.opendss_text import unquoted
from loaders.report import LoadError
from loaders.text_files import shortened

CONTROLLED = {"Fuse": "Fuse", "Recloser": "Recloser", "Relay": "Breaker"}
"""The kind of switch that a control makes of what it works."""


class Switching:
    """Makes switches of what is opened or controlled."""

    def __init__(self, branches: Branches) -> None:
        self.branches = branches
        self._values, self._of_element = branches.values, branches.of_element
        self._taken: set[str | tuple[str, int]] = set()
        """Switches, and terminals of other elements, that have a control."""

    def read(self) -> None:
        """Opens what commands opened, then adds the controls. Raises LoadError."""
        self._operations()
        for name in CONTROLS:
            self._controls(name)

    def _operations(self) -> None:
        """Terminals that commands opened and did not close again."""
        opened: dict[tuple[str, int], set[int]] = defaultdict(set)
        for operation in self.branches.circuit.operations:
            chosen = opened[operation.mrid, operation.terminal]
            if operation.open:
                chosen.add(operation.phase)
            elif operation.phase == 0:
                chosen.clear()
            else:
                chosen.discard(operation.phase)
        for (mrid, terminal), phases in opened.items():
            if phases and mrid in self._of_element:
                switch = self._switch_at(mrid, terminal, f"{mrid} terminal {terminal}", "Switch", self._commanded(mrid))
                _open(switch, phases)

    def _controls(self, name: str) -> None:
        """Controls of a class make their line a switch, or put one at its terminal."""
        elements = self.branches.circuit.elements[name.lower()].values()
        nowhere: list[str] = []
        disabled: list[str] = []
        again: list[str] = []
        for element in elements:
            if not element.enabled:
                disabled.append(element.mrid)
                continue
            mrid, terminal = self._switched(element)
            branch = self._controlled(element, mrid, terminal)
            if branch is None:
                (again if mrid in self._of_element else nowhere).append(element.mrid)
        if elements:
            report = self.branches.report
            report.use(name, len(elements), len(elements) - len(nowhere) - len(disabled) - len(again))
            report.skip(name, "what it is to switch is not there, or is not between two buses", nowhere)
            report.skip(name, "it is not enabled", disabled)
            report.skip(name, "something else switches there already", again)

    def _switched(self, element: Element) -> tuple[str, int]:
        """The mrid and the terminal that a control switches: what it watches, where it does not say."""
        watched = element.values.get("monitoredobj", "")
        kind, _, name = unquoted(element.values.get("switchedobj", watched)).lower().partition(".")
        terminal = self._values.whole(element, "monitoredterm", 1)
        found = self.branches.circuit.elements.get(kind, {}).get(name)
        return (found.mrid if found else ""), self._values.whole(element, "switchedterm", terminal)

    def _controlled(self, element: Element, mrid: str, terminal: int) -> Branch | None:
        """The switch that a control becomes; None where there is none to make."""
        if mrid not in self._of_element:
            return None
        (first, *_) = self._of_element[mrid]
        if first.table == SWITCH:
            if first.mrid in self._taken:
                return None
            switch = first
            switch.kind = CONTROLLED.get(element.kind, switch.kind)
        elif (mrid, terminal) in self._taken:
            return None
        else:
            kind = CONTROLLED.get(element.kind, "LoadBreakSwitch")
            switch = self._switch_at(mrid, terminal, element.mrid, kind, self._values.at(element))
            switch.name = element.title
            if element.kind == "Fuse":
                switch.rating = self._values.number(element, "ratedcurrent", 0, 1e6)
        self._taken |= {first.mrid} if first.table == SWITCH else {(mrid, terminal)}
        state = next((element.values[name] for name in ("normal", "state", "action") if name in element.values), "")
        words = [word for word in unquoted(state).lower().replace(",", " ").split() if word]
        opened = {at for at, word in enumerate(words, 1) if word[0] in "ot"}  # open, trip
        if opened:
            _open(switch, {0} if len(words) == 1 else opened)
        switch.locked |= is_yes(element.values.get("lock", "n"))
        return switch

    def _commanded(self, mrid: str) -> str:
        """File and line of the first command that opens or closes an element."""
        return next(each.at for each in self.branches.circuit.operations if each.mrid == mrid)

    def _switch_at(self, mrid: str, terminal: int, new: str, kind: str, said: str) -> Branch:
        """A switch at a terminal of an element; a switch itself is the switch.

        said: file and line that ask for it. Raises LoadError.
        """
        (first, *_) = self._of_element[mrid]
        if first.table == SWITCH:
            return first
        at = self.branches.by_terminal.get((mrid, terminal)) if first.table == TRANSFORMER else (first, terminal - 1)
        if at is None or at[1] not in (0, 1):
            raise LoadError(f"{said}: {shortened(mrid)} has no terminal {terminal}")
        branch, end = at
        outside, codes = branch.nodes[end], branch.conductors[end]
        nodes = self.branches.nodes
        inside = nodes.add(f"{new} node", f"{branch.name} terminal {terminal}", nodes.bus[outside])
        moved = conductors(inside, tuple(range(1, len(codes) + 1)))
        switch = Branch(SWITCH, new, new, (outside, inside), (codes, moved), branch.folder, kind=kind)
        ends = list(branch.nodes), list(branch.conductors)
        ends[0][end], ends[1][end] = inside, moved
        branch.nodes, branch.conductors = (ends[0][0], ends[0][1]), (ends[1][0], ends[1][1])
        self.branches.all.append(switch)
        return switch


def _open(switch: Branch, phases: set[int]) -> None:
    """Opens conductors of a switch by number; 0 is all of them."""
    switch.opened = None if 0 in phases else tuple(sorted(phase - 1 for phase in phases))
    if switch.opened is not None and set(range(len(switch.conductors[0]))) <= set(switch.opened):
        switch.opened = None
