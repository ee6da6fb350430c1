"""Transformers of an OpenDSS circuit: their windings, split phases, and stars of three."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from loaders.opendss_branches import TRANSFORMER, Branch, Branches
from loaders.opendss_circuit import Element, is_yes
from loaders.opendss_phases import conductors
from loaders.opendss_text import unquoted
from loaders.opendss_values import padded


@dataclass(slots=True)
class Winding:
    """A winding of a transformer: its bus, its nodes but ground, which of them is the neutral (0 for none), and its
    voltage between lines in kV."""

    bus: str
    nodes: tuple[int, ...]
    neutral: int
    kv: float


class Transformers:
    """Reads transformers and autotransformers into branches."""

    def __init__(self, branches: Branches) -> None:
        self.branches = branches
        self._values, self._nodes = branches.values, branches.nodes

    def read(self) -> None:
        """Makes a branch for each, or one for each winding of a star. Raises LoadError."""
        for kind in ("transformer", "autotrans"):
            elements = self.branches.circuit.elements[kind]
            if not elements:
                continue
            out = []
            for element in elements.values():
                if element.enabled:
                    self._transformer(element)
                else:
                    out.append(element.mrid)
            title = next(iter(elements.values())).kind
            self.branches.report.use(title, len(elements), len(elements) - len(out))
            self.branches.report.skip(title, "it is not enabled", out)

    def _transformer(self, element: Element) -> None:
        phases = self._values.whole(element, "phases", 3)
        count = self._values.whole(element, "windings", 2, 1)
        windings = [self._winding(element, phases, at) for at in range(1, count + 1)]
        groups = _by_bus(windings)
        rows = [self._nodes.of(group[0].bus) for group in groups]
        live = [_live(group) for group in groups]
        for row, group in zip(rows, groups, strict=True):
            kv = sum(w.kv for w in group) if len(group) > 1 and phases == 1 else group[0].kv
            if not math.isnan(kv):
                self.branches.kv.setdefault(row, kv)
        ends = [conductors(row, nodes) for row, nodes in zip(rows, live, strict=True)]
        rating = self._values.number(element, "kva@1", 0, 1e8) * 1e3
        if len(groups) > 2:
            made = self._star(element, rows, live, ends, rating)
        else:
            branch = self._wound(element, element.mrid, (rows[0], rows[-1]), (ends[0], ends[-1]), rating)
            made = [(branch, 0), (branch, 1)]
        buses = [group[0].bus for group in groups]
        for terminal, winding in enumerate(windings, 1):
            self.branches.by_terminal[element.mrid, terminal] = made[buses.index(winding.bus)]
        if is_yes(element.values.get("sub", "n")):
            name = unquoted(element.values.get("subname", ""))
            inside = self.branches.of_element[element.mrid]
            self.branches.substations[name or element.title].extend(inside)

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
        self.branches.keep(branch, element.mrid)
        return branch

    def _star(
        self, element: Element, rows: list[int], live: list[tuple[int, ...]], ends: list[tuple[int, ...]], rating: float
    ) -> list[tuple[Branch, int]]:
        """Three windings at three buses, or more: a branch for each from a node in the middle, where the first is."""
        star = self._nodes.add(f"{element.mrid} star", f"{element.title} star", self._nodes.bus[rows[0]])
        middle = conductors(star, live[0])
        made = [(self._wound(element, f"{element.mrid} 1", (rows[0], star), (ends[0], middle), rating), 0)]
        for at in range(1, len(rows)):
            rated = self._values.number(element, f"kva@{at + 1}", 0, 1e8) * 1e3
            leg = self._wound(element, f"{element.mrid} {at + 1}", (star, rows[at]), (middle, ends[at]), rated)
            made.append((leg, 1))
        return made

    def _winding(self, element: Element, phases: int, at: int) -> Winding:
        bus, given = self._values.terminal(element, f"bus@{at}")
        delta = unquoted(element.values.get(f"conn@{at}", "wye")).lower()[:1] in ("d", "l")  # delta, or LL
        count = (2 if phases == 1 else phases) if delta else phases + 1
        nodes = padded(given, phases, count)
        neutral = nodes[-1] if not delta and (phases > 1 or nodes[-1] > 3) else 0
        kv = self._values.number(element, f"kv@{at}", 0, 2e3)
        if phases == 1 and not delta and kv >= 1:
            kv *= math.sqrt(3)  # it is between line and neutral; at low voltage, it is what customers get
        return Winding(bus, tuple([node for node in nodes if node]), neutral, kv)


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
