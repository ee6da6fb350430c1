"""From OpenDSS elements to nodes and branches: lines, switches and transformers with the conductors at their ends."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from loaders.opendss_classes import CONTROLS
from loaders.opendss_phases import MAX_NODE, Conductors, conductor
from loaders.opendss_script import Circuit, Element, is_yes
from loaders.opendss_text import unquoted
from loaders.opendss_values import Values, padded
from loaders.report import LoadError, LoadReport

LINE, SWITCH, TRANSFORMER = "lines", "switches", "transformers"

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

CONTROLLED = {"Fuse": "Fuse", "Recloser": "Recloser", "Relay": "Breaker"}

_DEVICE = re.compile("|".join(DEVICES))


@dataclass(slots=True)
class Branch:
    """A row of `lines`, `switches` or `transformers`.

    conductors: at either end, as numbers. opened: positions of the conductors that are open, None for all of them.
    """

    table: str
    mrid: str
    name: str
    nodes: tuple[int, int]
    conductors: tuple[tuple[int, ...], tuple[int, ...]]
    folder: str = ""
    in_service: bool = True
    opened: tuple[int, ...] | None = ()
    kind: str = "Switch"
    locked: bool = False
    length_m: float = math.nan
    supposed_m: float = math.nan
    """The length, in 1,000 feet where its unit is not known: what OpenDSS's own defaults are for."""
    rating: float = math.nan
    """A for lines and switches, VA for transformers."""

    @property
    def closed(self) -> bool:
        """Conducts on at least one conductor, as far as it is itself concerned."""
        return self.in_service and self.opened is not None


@dataclass(slots=True)
class Nodes:
    """Buses, and the nodes that open terminals and stars of transformers need beside them."""

    mrid: list[str] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    bus: list[int] = field(default_factory=list)
    """The row of the bus where a node is."""
    rows: dict[str, int] = field(default_factory=dict)
    """Of buses, by name."""

    def of(self, bus: str) -> int:
        """The row of a bus, made where it is new."""
        row = self.rows.get(bus)
        if row is None:
            row = self.rows[bus] = self.add(f"Bus.{bus}", bus, len(self.mrid))
        return row

    def add(self, mrid: str, name: str, bus: int) -> int:
        self.mrid.append(mrid)
        self.name.append(name)
        self.bus.append(bus)
        return len(self.mrid) - 1


@dataclass(slots=True)
class Winding:
    """A winding of a transformer: its bus, its nodes but ground, which of them is the neutral (0 for none), and its
    voltage between lines in kV."""

    bus: str
    nodes: tuple[int, ...]
    neutral: int
    kv: float


class Branches:
    """Everything between two buses."""

    def __init__(self, circuit: Circuit, values: Values, report: LoadReport) -> None:
        self.circuit, self.values, self.report = circuit, values, report
        self.nodes = Nodes()
        self.all: list[Branch] = []
        self.of_element: dict[str, list[Branch]] = defaultdict(list)
        """The branches of an element by its mrid; of a star, a leg for each terminal."""
        self.by_terminal: dict[tuple[str, int], tuple[Branch, int]] = {}
        """A branch and its end (0 or 1) at a terminal of a transformer."""
        self.kv: dict[int, float] = {}
        """Of buses, as windings and sources say."""
        self.substations: dict[str, list[Branch]] = defaultdict(list)
        """Transformers that say which substation they are in, by its name."""
        self.hanging: list[int] = []
        """Conductors of shunts."""
        self._taken: set[str | tuple[str, int]] = set()
        """Switches, and terminals of other elements, that have a control."""
        self._lengthless: list[str] = []
        self._codeless: list[str] = []

    def read(self) -> None:
        """Makes all branches. Raises LoadError."""
        self._transformers()
        self._series("reactor", "Reactor")
        self._series("capacitor", "Capacitor")
        self._lines()
        self._operations()
        self._controls()

    # --- lines ------------------------------------------------------------------------------------------------

    def _lines(self) -> None:
        """Lines that take part first, since one that does not is only kept where both of its buses are known."""
        elements = self.circuit.elements["line"]
        for element in elements.values():
            if element.enabled:
                self._line(element)
        opened, out = 0, 0
        nowhere: list[str] = []
        for element in elements.values():
            if element.enabled:
                continue
            if self._device(element) is not None:
                self._line(element).opened = None
                opened += 1
            elif self._known(element):
                self._line(element).in_service = False
                out += 1
            else:
                nowhere.append(element.mrid)
        self.report.use("Line", len(elements), len(elements) - len(nowhere))
        self.report.skip("Line", "it is not enabled, and joins nothing that is", nowhere)
        devices = sum(branch.table == SWITCH for branch in self.all)
        if devices:
            self._note(f"{devices} lines are switches: they say so, or their line code is that of a device")
        if opened:
            self._note(f"{opened} switches written enabled=n are taken for open")
        if out:
            self._note(f"{out} lines that are not enabled are out of service")
        if self._lengthless:
            self._note(f"{len(self._lengthless)} lines have no length in a known unit ({self._lengthless[0]}, …)")
        if self._codeless:
            self._note(f"{len(self._codeless)} lines name a line code or geometry that is not there")

    def _known(self, element: Element) -> bool:
        return all(self.values.terminal(element, name)[0] in self.nodes.rows for name in ("bus1", "bus2"))

    def _device(self, element: Element) -> str | None:
        """The kind of switch that a line is; None for a line."""
        code = unquoted(element.values.get("linecode", "")).lower()
        found = _DEVICE.match(code)
        if found:
            return DEVICES[found.group()]
        return "Switch" if is_yes(element.values.get("switch", "n")) else None

    def _line(self, element: Element) -> Branch:
        code = self._code(element)
        phases = self.values.whole(element, "phases", self._code_phases(code))
        device = self._device(element)
        branch = self._between(element, LINE if device is None else SWITCH, phases)
        branch.rating = self.values.number(element, "normamps", 0, 1e6)
        if math.isnan(branch.rating) and code is not None:
            branch.rating = self.values.number(code, "normamps", 0, 1e6)
        if device is None:
            self._measure(branch, element, code)
        else:
            branch.kind = device
        return branch

    def _between(self, element: Element, table: str, phases: int) -> Branch:
        """A branch from bus1 to bus2, conductor by conductor."""
        (bus1, nodes1), (bus2, nodes2) = (self.values.terminal(element, name) for name in ("bus1", "bus2"))
        rows = self.nodes.of(bus1), self.nodes.of(bus2)
        pairs = zip(padded(nodes1, phases, phases), padded(nodes2, phases, phases), strict=True)
        live = [(conductor(rows[0], a), conductor(rows[1], b)) for a, b in pairs if a and b]
        if not live:
            raise self.values.fail(element, "bus1", "none of its conductors is at a node above 0 at both ends")
        ends = tuple(a for a, _ in live), tuple(b for _, b in live)
        branch = Branch(table, element.mrid, element.title, rows, ends, element.folder)
        self._keep(element, branch)
        return branch

    def _keep(self, element: Element, branch: Branch) -> None:
        self.all.append(branch)
        self.of_element[element.mrid].append(branch)

    def _code(self, element: Element) -> Element | None:
        """The line code or geometry of a line; None where it has none, or names one that is not there."""
        found = None
        for kind in ("linecode", "geometry"):
            name = element.values.get(kind)
            if name is not None:
                found = self.circuit.elements["linecode" if kind == "linecode" else "linegeometry"].get(
                    unquoted(name).lower()
                )
                if found is None:
                    self._codeless.append(element.mrid)
        return found

    def _code_phases(self, code: Element | None) -> int:
        return 3 if code is None else self.values.whole(code, "nphases", 3)

    def _measure(self, branch: Branch, element: Element, code: Element | None) -> None:
        """Sets the length of a line, where it is given and in a unit."""
        unit = self.values.unit_m(element)
        if math.isnan(unit) and code is not None and code.kind == "LineCode":
            unit = self.values.unit_m(code)
        length = self.values.number(element, "length", 0, 1e9)
        branch.supposed_m = min(length * (KILOFOOT_M if math.isnan(unit) else unit), 1e7)
        if math.isnan(length * unit):
            self._lengthless.append(element.mrid)
        else:
            branch.length_m = branch.supposed_m

    def _series(self, kind: str, title: str) -> None:
        """Reactors and capacitors in series are kept as lines; those to ground join nothing."""
        elements = self.circuit.elements[kind].values()
        shunts: list[str] = []
        disabled: list[str] = []
        used = 0
        for element in elements:
            if not element.enabled:
                disabled.append(element.mrid)
                continue
            bus1, nodes1 = self.values.terminal(element, "bus1")
            bus2, nodes2 = self.values.terminal(element, "bus2", bus1)
            if bus1 == bus2 or (nodes2 and not any(nodes2)):
                phases = self.values.whole(element, "phases", 3)
                row = self.nodes.of(bus1)
                self.hanging.extend(conductor(row, node) for node in padded(nodes1, phases, phases) if node)
                shunts.append(element.mrid)
                continue
            branch = self._between(element, LINE, self.values.whole(element, "phases", 3))
            branch.rating = self.values.number(element, "normamps", 0, 1e6)
            used += 1
        if elements:
            self.report.use(title, len(elements), used)
            self.report.skip(title, "it is a shunt, which does not change who is connected", shunts)
            self.report.skip(title, "it is not enabled", disabled)
        if used:
            self._note(f"{used} {title.lower()}s in series are kept as lines")

    # --- transformers -----------------------------------------------------------------------------------------

    def _transformers(self) -> None:
        for kind in ("transformer", "autotrans"):
            elements = self.circuit.elements[kind]
            if not elements:
                continue
            out = []
            for element in elements.values():
                if element.enabled:
                    self._transformer(element)
                else:
                    out.append(element.mrid)
            title = next(iter(elements.values())).kind
            self.report.use(title, len(elements), len(elements) - len(out))
            self.report.skip(title, "it is not enabled", out)

    def _transformer(self, element: Element) -> None:
        phases = self.values.whole(element, "phases", 3)
        count = self.values.whole(element, "windings", 2, 1)
        windings = [self._winding(element, phases, at) for at in range(1, count + 1)]
        groups = _by_bus(windings)
        rows = [self.nodes.of(group[0].bus) for group in groups]
        live = [_live(group) for group in groups]
        for row, group in zip(rows, groups, strict=True):
            kv = sum(w.kv for w in group) if len(group) > 1 and phases == 1 else group[0].kv
            if not math.isnan(kv):
                self.kv.setdefault(row, kv)
        ends = [tuple(conductor(row, node) for node in nodes) for row, nodes in zip(rows, live, strict=True)]
        rating = self.values.number(element, "kva@1", 0, 1e8) * 1e3
        if len(groups) > 2:
            made = self._star(element, rows, live, ends, rating)
        else:
            branch = self._wound(element, element.mrid, (rows[0], rows[-1]), (ends[0], ends[-1]), rating)
            made = [(branch, 0), (branch, 1)]
        for terminal, winding in enumerate(windings, 1):
            self.by_terminal[element.mrid, terminal] = made[[group[0].bus for group in groups].index(winding.bus)]
        name = unquoted(element.values.get("subname", ""))
        if is_yes(element.values.get("sub", "n")):
            self.substations[name or element.title].extend(self.of_element[element.mrid])

    def _wound(
        self,
        element: Element,
        mrid: str,
        rows: tuple[int, int],
        ends: tuple[tuple[int, ...], tuple[int, ...]],
        rating: float,
    ) -> Branch:
        suffix = mrid.removeprefix(element.mrid)
        branch = Branch(TRANSFORMER, mrid, element.title + suffix, rows, ends, element.folder, rating=rating)
        self._keep(element, branch)
        return branch

    def _star(
        self, element: Element, rows: list[int], live: list[tuple[int, ...]], ends: list[tuple[int, ...]], rating: float
    ) -> list[tuple[Branch, int]]:
        """Three windings at three buses, or more: a branch for each from a node in the middle, where the first is."""
        star = self.nodes.add(f"{element.mrid} star", f"{element.title} star", self.nodes.bus[rows[0]])
        middle = tuple(conductor(star, node) for node in live[0])
        made = [(self._wound(element, f"{element.mrid} 1", (rows[0], star), (ends[0], middle), rating), 0)]
        for at in range(1, len(rows)):
            rated = self.values.number(element, f"kva@{at + 1}", 0, 1e8) * 1e3
            leg = self._wound(element, f"{element.mrid} {at + 1}", (star, rows[at]), (middle, ends[at]), rated)
            made.append((leg, 1))
        return made

    def _winding(self, element: Element, phases: int, at: int) -> Winding:
        bus, given = self.values.terminal(element, f"bus@{at}")
        delta = unquoted(element.values.get(f"conn@{at}", "wye")).lower()[:1] in ("d", "l")  # delta, or LL
        count = (2 if phases == 1 else phases) if delta else phases + 1
        nodes = padded(given, phases, count)
        neutral = nodes[-1] if not delta and (phases > 1 or nodes[-1] > 3) else 0
        kv = self.values.number(element, f"kv@{at}", 0, 2e3)
        if phases == 1 and not delta and kv >= 1:
            kv *= math.sqrt(3)  # it is between line and neutral; at low voltage, it is what customers get
        return Winding(bus, tuple(node for node in nodes if node), neutral, kv)

    # --- switching --------------------------------------------------------------------------------------------

    def _operations(self) -> None:
        """Terminals that commands opened and did not close again."""
        opened: dict[tuple[str, int], set[int]] = defaultdict(set)
        for operation in self.circuit.operations:
            chosen = opened[operation.mrid, operation.terminal]
            if operation.open:
                chosen.add(operation.phase)
            elif operation.phase == 0:
                chosen.clear()
            else:
                chosen.discard(operation.phase)
        for (mrid, terminal), phases in opened.items():
            if phases and mrid in self.of_element:
                switch = self._switch_at(mrid, terminal, f"{mrid} terminal {terminal}", "Switch")
                _open(switch, phases)

    def _controls(self) -> None:
        """Fuses, reclosers, relays and switch controls make their line a switch, or put one at its terminal."""
        for name in CONTROLS:
            elements = self.circuit.elements[name.lower()].values()
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
                    (again if mrid in self.of_element else nowhere).append(element.mrid)
            if elements:
                self.report.use(name, len(elements), len(elements) - len(nowhere) - len(disabled) - len(again))
                self.report.skip(name, "what it is to switch is not there, or is not between two buses", nowhere)
                self.report.skip(name, "it is not enabled", disabled)
                self.report.skip(name, "something else switches there already", again)

    def _switched(self, element: Element) -> tuple[str, int]:
        """The mrid and the terminal that a control switches: what it watches, where it does not say."""
        watched = element.values.get("monitoredobj", "")
        kind, _, name = unquoted(element.values.get("switchedobj", watched)).lower().partition(".")
        terminal = self.values.whole(element, "monitoredterm", 1)
        found = self.circuit.elements.get(kind, {}).get(name)
        return (found.mrid if found else ""), self.values.whole(element, "switchedterm", terminal)

    def _controlled(self, element: Element, mrid: str, terminal: int) -> Branch | None:
        """The switch that a control becomes; None where there is none to make."""
        if mrid not in self.of_element:
            return None
        (first, *_) = self.of_element[mrid]
        if first.table == SWITCH:
            if first.mrid in self._taken:
                return None
            switch = first
            switch.kind = CONTROLLED.get(element.kind, switch.kind)
        elif (mrid, terminal) in self._taken:
            return None
        else:
            kind = CONTROLLED.get(element.kind, "LoadBreakSwitch")
            switch = self._switch_at(mrid, terminal, element.mrid, kind)
            switch.name = element.title
            if element.kind == "Fuse":
                switch.rating = self.values.number(element, "ratedcurrent", 0, 1e6)
        self._taken |= {first.mrid} if first.table == SWITCH else {(mrid, terminal)}
        state = next((element.values[name] for name in ("normal", "state", "action") if name in element.values), "")
        words = [word for word in unquoted(state).lower().replace(",", " ").split() if word]
        opened = {at for at, word in enumerate(words, 1) if word[0] in "ot"}  # open, trip
        if opened:
            _open(switch, {0} if len(words) == 1 else opened)
        switch.locked |= is_yes(element.values.get("lock", "n"))
        return switch

    def _switch_at(self, mrid: str, terminal: int, new: str, kind: str) -> Branch:
        """A switch at a terminal of an element; a switch itself is the switch. Raises LoadError."""
        (first, *_) = self.of_element[mrid]
        if first.table == SWITCH:
            return first
        at = self.by_terminal.get((mrid, terminal)) if first.table == TRANSFORMER else (first, terminal - 1)
        if at is None or at[1] not in (0, 1):
            operation = next((each.at for each in self.circuit.operations if each.mrid == mrid), "")
            raise LoadError(f"{operation or new}: {mrid} has no terminal {terminal}")
        branch, end = at
        outside, codes = branch.nodes[end], branch.conductors[end]
        inside = self.nodes.add(f"{new} node", f"{branch.name} terminal {terminal}", self.nodes.bus[outside])
        moved = tuple(conductor(inside, at) for at in range(1, len(codes) + 1))
        switch = Branch(SWITCH, new, new, (outside, inside), (codes, moved), branch.folder, kind=kind)
        ends = list(branch.nodes), list(branch.conductors)
        ends[0][end], ends[1][end] = inside, moved
        branch.nodes, branch.conductors = (ends[0][0], ends[0][1]), (ends[1][0], ends[1][1])
        self.all.append(switch)
        return switch

    # --- conductors -------------------------------------------------------------------------------------------

    def conductors(self, others: Iterable[int], sources: Iterable[tuple[int, int]]) -> Conductors:
        """How all conductors hang together; `others` are those that loads hang on."""
        found = Conductors(others=[*others, *self.hanging], sources=list(sources))
        for branch in self.all:
            near, far = branch.conductors
            if branch.table == TRANSFORMER and not _alike(near, far):
                found.fed.extend((a, b) for a in near for b in far)
                continue
            pairs = list(zip(near, far, strict=False))
            opened = range(len(pairs)) if branch.opened is None or not branch.in_service else branch.opened
            found.open.extend(pair for at, pair in enumerate(pairs) if at in opened)
            found.joined.extend(pair for at, pair in enumerate(pairs) if at not in opened)
        return found

    def _note(self, text: str) -> None:
        self.report.notes.append(text)


def _by_bus(windings: list[Winding]) -> list[list[Winding]]:
    """The windings at each bus, buses in order; at low voltage, two at one bus are the halves of a split phase."""
    groups: dict[str, list[Winding]] = defaultdict(list)
    for winding in windings:
        groups[winding.bus].append(winding)
    return list(groups.values())


def _live(group: list[Winding]) -> tuple[int, ...]:
    """Nodes that are live, of windings at one bus; a node that two of them share is the tap between them."""
    nodes = [node for winding in group for node in winding.nodes]
    neutrals = {winding.neutral for winding in group}
    live = [node for node in nodes if node not in neutrals and (len(group) == 1 or nodes.count(node) == 1)]
    return tuple(dict.fromkeys(live or nodes))


def _alike(near: tuple[int, ...], far: tuple[int, ...]) -> bool:
    """Whether the conductors at both ends of a transformer belong to each other, one by one."""
    if len(near) != len(far):
        return False
    return len(near) >= 3 or all((a ^ b) & MAX_NODE == 0 for a, b in zip(near, far, strict=True))


def _open(switch: Branch, phases: set[int]) -> None:
    """Opens conductors of a switch by number; 0 is all of them."""
    switch.opened = None if 0 in phases else tuple(sorted(phase - 1 for phase in phases))
    if switch.opened is not None and set(range(len(switch.conductors[0]))) <= set(switch.opened):
        switch.opened = None
