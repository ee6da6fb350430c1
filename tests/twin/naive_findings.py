"""Messy networks, and what is wrong with them by plain loops over elements: the twin of `twin.validation`."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations

import networkx
import numpy as np

from twin.components import COMPONENTS, Table
from twin.extras import NEIGHBOURS, PLACED_FROM, REPEATED_ID
from twin.geometry import EARTH_RADIUS_M
from twin.network import Network

NEAR_M, HIGH_V, LOW_V = 1.0, 60e3, 1e3
DEGREE_M = math.pi / 180 * EARTH_RADIUS_M
Key = tuple[str, str, frozenset[str]]
CLASSES = ("lines", "switches", "transformers")


# --- a network with defects of all kinds --------------------------------------------------------------------------


def messy_network(seed: int) -> Network:
    """A tree of a dozen nodes with rings, gaps, misplaced and nearly touching nodes, wrong phases and voltages."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(5, 13))
    branches: list[tuple[str, int, int]] = []
    volts = [float(rng.choice([69e3, 12e3, np.nan]))]
    places = [(9.0, 52.0)]
    for node in range(1, count):
        above = int(rng.integers(max(0, node - 4), node))
        kind = str(rng.choice(CLASSES, p=[0.6, 0.2, 0.2]))
        if rng.random() < 0.88:
            branches.append((kind, above, node))
        step = {69e3: 12e3, 12e3: 240.0}.get(volts[above], volts[above]) if kind == "transformers" else volts[above]
        volts.append(float(rng.choice([69e3, 12e3, 240.0])) if rng.random() < 0.06 else step)
        x, y = rng.uniform(-100, 100, 2)
        at = (places[above][0] + x / DEGREE_M, places[above][1] + y / DEGREE_M)
        if rng.random() < 0.2:  # beside another, or on it
            other = places[int(rng.integers(0, node))]
            off = rng.choice([0.0, 0.4, 0.9, 1.4])
            at = (other[0] + off / DEGREE_M, other[1])
        elif rng.random() < 0.1 and branches:  # beside the middle of a branch
            _, a, b = branches[int(rng.integers(0, len(branches)))]
            if max(a, b) < node:
                at = tuple((p + q) / 2 + 0.3 / DEGREE_M for p, q in zip(places[a], places[b], strict=True))
        places.append((at[0] + 0.5, at[1]) if rng.random() < 0.04 else at)
    for _ in range(int(rng.choice([0, 0, 1, 2]))):
        branches.append((str(rng.choice(CLASSES, p=[0.7, 0.2, 0.1])), *map(int, rng.integers(0, count, 2))))
    lost = [(np.nan, np.nan) if rng.random() < 0.03 else at for at in places]
    tables: dict[str, dict[str, object]] = {
        "nodes": {
            "mrid": [f"n{i}" for i in range(count)],
            "lng": [at[0] for at in lost],
            "lat": [at[1] for at in lost],
            "nominal_voltage_v": volts,
            "busbar": rng.random(count) < 0.1,
        }
    }
    for name in CLASSES:
        mine = [(a, b) for kind, a, b in branches if kind == name]
        tables[name] = {
            "mrid": [f"{name}{i}" for i in range(len(mine))],
            "node1": [a for a, _ in mine],
            "node2": [b for _, b in mine],
            "phases": rng.choice([7, 7, 7, 7, 1, 3], len(mine)),
            "in_service": rng.random(len(mine)) < 0.95,
        }
    rows = len(tables["switches"]["mrid"])  # type: ignore[arg-type]
    tables["switches"]["normal_open"] = np.where(rng.random(rows) < 0.25, 7, 0)
    rows = len(tables["lines"]["mrid"])  # type: ignore[arg-type]
    tables["lines"]["length_m"] = rng.choice([100.0, 60.0, 0.0, np.nan], rows, p=[0.4, 0.4, 0.08, 0.12])
    feeding = [0] if rng.random() < 0.96 else []
    feeding += [node for node in range(1, count) if rng.random() < 0.04 and not volts[node] >= HIGH_V][:1]
    tables["sources"] = {
        "mrid": [f"s{i}" for i in feeding],
        "node": feeding,
        "in_service": rng.random(len(feeding)) < 0.97,
    }
    ends = Counter(end for _, *pair in branches for end in pair)
    homes = [node for node in range(count) if rng.random() < (0.75 if ends[node] <= 1 else 0.15)]
    tables["consumers"] = {
        "mrid": [f"x{i}" for i in homes],
        "node": homes,
        "phases": rng.choice([7, 7, 1, 3], len(homes)),
    }
    made = {each.table: Table(each, tables[each.table]) for each in COMPONENTS if each.table in tables}
    if rng.random() < 0.3:
        guessed = np.where(rng.random(count) < 0.4, NEIGHBOURS, "")
        made["nodes"] = made["nodes"].with_extras(**{PLACED_FROM: guessed})
    if rng.random() < 0.3 and len(made["lines"]) > 1:
        same = np.where(np.arange(len(made["lines"])) < 2, "twice", "")
        made["lines"] = made["lines"].with_extras(**{REPEATED_ID: same})
    return Network.from_tables(f"messy {seed}", made)


# --- the plain search ---------------------------------------------------------------------------------------------


def naive_findings(network: Network) -> Counter[Key]:
    """Kind, severity and mrids of every finding."""
    return Counter(_Plain(network).all())


class _Plain:
    def __init__(self, network: Network) -> None:
        self.nodes = [network.nodes.record(row) for row in range(len(network.nodes))]
        self.mrid = [str(node["mrid"]) for node in self.nodes]
        self.at = [(node["lng"], node["lat"]) for node in self.nodes]
        self.volts = [node["nominal_voltage_v"] for node in self.nodes]
        self.branches = []
        for number in range(network.graph.branch_count):
            element = network.branch_element(number)
            table = network.tables[element.component.table]
            self.branches.append({**table.record(element.row), "table": element.component.table})
        self.consumers = [network.consumers.record(row) for row in range(len(network.consumers))]
        self.sources = [network.sources.record(row) for row in range(len(network.sources))]
        self.customers = network.consumer_customers.tolist()
        self.extras = {name: table.extras for name, table in network.tables.items()}
        self.tables = network.tables
        self.live = self._energized()
        structure = self._joined(lambda branch: branch["phases"] & 7 != 0)
        self.piece = self._pieces(structure)
        self.severed = {node for piece in self.piece for node in piece if not any(self.live[n] for n in piece)}
        self.degree = Counter(end for b in self.branches for end in (b["node1"], b["node2"]))
        self.hung = {c["node"] for c in self.consumers} | {s["node"] for s in self.sources}
        self.bare = [
            n
            for n in range(len(self.nodes))
            if self.degree[n] == 1 and n not in self.hung and not self.nodes[n]["busbar"]
        ]
        self.loose = {n for n in self.bare if self._only(n)["table"] == "switches"}

    def all(self) -> Iterator[Key]:
        if not any(source["in_service"] and source["phases"] & 7 for source in self.sources):
            yield "no_source", "error", frozenset(self.mrid[:1])
        else:
            yield from self._dead()
        yield from self._transformers()
        yield from self._phases_and_volts()
        yield from self._loops()
        yield from self._ends()
        yield from self._places()

    # --- helpers ------------------------------------------------------------------------------------------------

    def _conducting(self, branch: dict) -> int:
        return branch["phases"] * branch["in_service"] & ~branch.get("normal_open", 0)

    def _energized(self) -> list[int]:
        live = [0] * len(self.nodes)
        for source in self.sources:
            live[source["node"]] |= source["phases"] & 7 if source["in_service"] else 0
        for _ in range(len(self.nodes)):
            for branch in self.branches:
                a, b, mask = branch["node1"], branch["node2"], self._conducting(branch)
                live[a], live[b] = live[a] | live[b] & mask, live[b] | live[a] & mask
        return live

    def _joined(self, joins: Callable[[dict], bool]) -> networkx.Graph:
        graph = networkx.Graph()
        graph.add_nodes_from(range(len(self.nodes)))
        graph.add_edges_from((b["node1"], b["node2"]) for b in self.branches if joins(b))
        return graph

    def _pieces(self, graph: networkx.Graph) -> list[set[int]]:
        return [set(piece) for piece in networkx.connected_components(graph)]

    def _only(self, node: int) -> dict:
        return next(b for b in self.branches if node in (b["node1"], b["node2"]))

    def _names(self, nodes: Iterable[int]) -> frozenset[str]:
        return frozenset(self.mrid[node] for node in nodes)

    def _count(self, nodes: set[int]) -> int:
        return sum(n for c, n in zip(self.consumers, self.customers, strict=True) if c["node"] in nodes)

    def _alike(self, a: int, b: int) -> bool:
        one, other = self.volts[a], self.volts[b]
        return one is None or other is None or abs(one - other) <= 0.1 * max(one, other)

    def _low(self, node: int) -> bool:
        return self.volts[node] is not None and self.volts[node] < LOW_V

    def _high(self, node: int) -> bool:
        return self.volts[node] is not None and self.volts[node] >= HIGH_V

    def _neighbours(self, node: int) -> set[int]:
        ends = [{b["node1"], b["node2"]} for b in self.branches if node in (b["node1"], b["node2"])]
        return set().union(*(pair - {node} or {node} for pair in ends))

    def _apart(self, a: int, b: int) -> float:
        return _metres(self.at[a], self.at[b])

    # --- supply -------------------------------------------------------------------------------------------------

    def _dead(self) -> Iterator[Key]:
        near = {miss[0] for miss in self._misses()}
        for piece in self.piece:
            if not piece <= self.severed or piece & near or piece <= self.loose:
                continue
            metered = {c["node"] for c in self.consumers if c["node"] in piece and self._low(c["node"])}
            if metered and not any(b["table"] == "transformers" and b["node1"] in piece for b in self.branches):
                who = [c["mrid"] for c in self.consumers if c["node"] in metered]
                yield "meter_without_transformer", "error", frozenset(who)
            else:
                yield "island", "error", self._names(piece)
        for piece in self._pieces(self._joined(lambda branch: self._conducting(branch) & 7 != 0)):
            dead = {n for n in piece if not self.live[n]} - self.severed
            if dead and not dead <= self.loose:
                yield "not_supplied", "error", self._names(dead)

    def _transformers(self) -> Iterator[Key]:
        levels = self._pieces(self._joined(lambda b: b["table"] != "transformers" and b["phases"] & 7 != 0))
        of = {node: at for at, level in enumerate(levels) for node in level}
        changers = [b for b in self.branches if b["table"] == "transformers"]
        for level in levels:
            low = {c["node"] for c in self.consumers if c["node"] in level and self._low(c["node"])} - self.severed
            high = any(self.volts[n] is not None and self.volts[n] >= LOW_V for n in level)
            fed = any(b["node2"] in level and self._low(b["node2"]) for b in changers)
            fed |= any(s["node"] in level and self._low(s["node"]) for s in self.sources)
            if low and high and not fed:
                yield (
                    "meter_without_transformer",
                    "error",
                    frozenset(c["mrid"] for c in self.consumers if c["node"] in low),
                )
        served = {of[c["node"]] for c in self.consumers} | {of[s["node"]] for s in self.sources}
        for _ in changers:
            served |= {of[b["node1"]] for b in changers if of[b["node2"]] in served}
        onward = {of[b["node1"]] for b in changers if of[b["node1"]] != of[b["node2"]]}
        for b in changers:
            a, z = of[b["node1"]], of[b["node2"]]
            here = [e for e in self.branches if b["node1"] in (e["node1"], e["node2"])]
            star = len(here) >= 3 and all(e["table"] == "transformers" for e in here)
            star &= b["node1"] not in self.hung and not self.nodes[b["node1"]]["busbar"]
            usable = b["in_service"] and self.live[b["node1"]] and not self._high(b["node2"])
            if usable and a != z and z not in served and z not in onward and not star:
                yield "transformer_without_customers", "info", frozenset([b["mrid"]])

    # --- phases, voltages, loops --------------------------------------------------------------------------------

    def _phases_and_volts(self) -> Iterator[Key]:
        for b in self.branches:
            has, arrives = self._conducting(b) & 7, self.live[b["node1"]] | self.live[b["node2"]]
            if has and arrives and not has & arrives:
                yield "phase_mismatch", "error", frozenset([b["mrid"]])
            if b["table"] != "transformers" and not self._alike(b["node1"], b["node2"]):
                yield "voltage_mismatch", "warning", frozenset([b["mrid"]])
            if b["node1"] == b["node2"]:
                yield "self_loop", "warning", frozenset([b["mrid"]])
        for c in self.consumers:
            if self.live[c["node"]] and c["phases"] & 7 & ~self.live[c["node"]]:
                yield "phase_mismatch", "error", frozenset([c["mrid"]])

    def _loops(self) -> Iterator[Key]:
        found: set[frozenset[int]] = set()
        parallel = set()
        for phase in (1, 2, 4):
            passing = [(n, b) for n, b in enumerate(self.branches) if self._conducting(b) & phase]
            graph = networkx.Graph()
            for n, b in passing:
                a, z = ("high" if self._high(b[end]) else b[end] for end in ("node1", "node2"))
                if a != z:
                    graph.add_edges_from([(a, ("branch", n)), (("branch", n), z)])
            for block in networkx.biconnected_components(graph):
                around = frozenset(each[1] for each in block if isinstance(each, tuple))
                ends = {each for each in block if not isinstance(each, tuple)}
                if len(around) > 1 and len(ends) > 1:
                    found.add(around)
            whole = networkx.Graph((b["node1"], b["node2"]) for _, b in passing)
            feeding = {s["node"] for s in self.sources if s["in_service"] and s["phases"] & phase}
            for a, z in combinations(sorted(feeding), 2):
                if a in whole and z in whole and networkx.has_path(whole, a, z):
                    parallel.add((a, z))
        for around in found:
            lines = any(self.branches[n]["table"] == "lines" for n in around)
            mrids = frozenset(self.branches[n]["mrid"] for n in around)
            yield "unexpected_loop", "warning" if lines else "info", mrids
        for pair in parallel:
            yield "parallel_sources", "warning", frozenset(s["mrid"] for s in self.sources if s["node"] in pair)

    # --- ends ---------------------------------------------------------------------------------------------------

    def _ends(self) -> Iterator[Key]:
        misses = self._misses()
        near = {node for node, *_ in misses} | {other for _, other, line, _ in misses if line is None}
        for node, other, line, _ in misses:
            touched = self.mrid[other] if line is None else line
            severity = "info"
            if node in self.severed:
                piece = next(piece for piece in self.piece if node in piece)
                severity = "error" if self._count(piece) else "warning"
            yield "near_miss", severity, frozenset([self.mrid[node], touched])
        for node in self.bare:
            line = self._only(node)
            if self.live[node] and line["table"] == "lines" and line["node1"] != line["node2"] and node not in near:
                yield "dangling_end", "info", frozenset([self.mrid[node], line["mrid"]])
        for b in self.branches:
            ends = {b["node1"], b["node2"]}
            free = ends & self.loose
            if b["table"] == "switches" and free and (free == ends or not ends & self.severed):
                yield "dangling_switch", "warning", frozenset([b["mrid"]])

    def _misses(self) -> list[tuple[int, int, str | None, float]]:
        """Node, what it misses (a node, or a line and then -1), and how far; one a live end, one a severed piece."""
        if not any(source["in_service"] and source["phases"] & 7 for source in self.sources):
            return []
        ends = [n for n in self.bare if self.live[n] and self._only(n)["table"] == "lines"]
        ends += sorted(self.severed - self.loose)
        groups: dict[object, list[int]] = defaultdict(list)
        for end in ends:
            groups[self._group(end)].append(end)
        best = {}
        for group, mine in groups.items():
            pairs = [
                (e in self.severed and not self.live[t], round(self._apart(e, t), 6), e, t)
                for e in mine
                for t in range(len(self.nodes))
                if self._near(e, t)
            ]
            if pairs:
                _, apart, e, t = min(pairs)
                best[group] = (e, t, None, apart)
                continue
            lines = [
                (round(apart, 6), e, row, str(b["mrid"]))
                for e in mine
                for row, b in enumerate(self._rows("lines"))
                if (apart := self._beside(e, b)) <= NEAR_M
            ]
            if lines:
                apart, e, _, mrid = min(lines)
                best[group] = (e, -1, mrid, apart)
        kept, said = [], set()
        for miss in sorted(best.values(), key=lambda miss: (miss[0] not in self.severed, miss[0])):
            pair = frozenset([self._group(miss[0]), self._group(miss[1]) if miss[2] is None else miss[2]])
            if pair not in said:
                kept.append(miss)
                said.add(pair)
        return kept

    def _rows(self, table: str) -> list[dict]:
        return [self.tables[table].record(row) for row in range(len(self.tables[table]))]

    def _group(self, node: int) -> object:
        return min(next(p for p in self.piece if node in p)) - 1000 if node in self.severed else node

    def _near(self, e: int, t: int) -> bool:
        if e == t or not self._alike(e, t) or not self._apart(e, t) <= NEAR_M:
            return False
        if e in self.severed and any({e, t} <= piece for piece in self.piece):
            return False
        first = min(self._neighbours(e), key=lambda n: self._first_branch(e, n), default=None)
        return t not in self._neighbours(e) and (first is None or t not in self._neighbours(first))

    def _first_branch(self, node: int, other: int) -> int:
        return next(n for n, b in enumerate(self.branches) if {node, other} == {b["node1"], b["node2"]})

    def _beside(self, e: int, b: dict) -> float:
        ends = (b["node1"], b["node2"])
        far = not self._alike(e, b["node1"]) or any(e == n or n in self._neighbours(e) for n in ends)
        far |= e in self.severed and any({e, b["node1"]} <= piece for piece in self.piece)
        if far or any(self.at[n][0] is None for n in (e, *ends)):
            return math.inf
        scale = math.cos(math.radians(self.at[e][1]))
        (ax, ay), (bx, by) = (((self.at[n][0] - self.at[e][0]) * scale, self.at[n][1] - self.at[e][1]) for n in ends)
        square = (bx - ax) ** 2 + (by - ay) ** 2
        along = min(1.0, max(0.0, -(ax * (bx - ax) + ay * (by - ay)) / square)) if square else 0.0
        x, y = ax + along * (bx - ax), ay + along * (by - ay)
        return _metres(self.at[e], (self.at[e][0] + x / scale, self.at[e][1] + y))

    # --- places and ids -----------------------------------------------------------------------------------------

    def _places(self) -> Iterator[Key]:
        for b in self._rows("lines"):
            apart = self._apart(b["node1"], b["node2"])
            if b["node1"] != b["node2"] and (b["length_m"] == 0 or (b["length_m"] is None and apart == 0)):
                yield "zero_length", "info", frozenset([b["mrid"]])
        for name, extras in self.extras.items():
            same: dict[str, list[str]] = defaultdict(list)
            for mrid, each in zip(self.tables[name]["mrid"], extras.get(REPEATED_ID, ()), strict=False):
                same[str(each)].append(str(mrid))
            yield from (("duplicate_id", "warning", frozenset(mrids)) for each, mrids in same.items() if each)
        yield from self._outliers()
        guessed = {n for n, each in enumerate(self.extras["nodes"].get(PLACED_FROM, ())) if each == NEIGHBOURS}
        for piece in self._pieces(self._joined(lambda b: {b["node1"], b["node2"]} <= guessed)):
            if piece & guessed:
                yield "placed_from_neighbours", "info", self._names(piece)
        lost = [n for n, at in enumerate(self.at) if at[0] is None]
        if lost:
            yield "unplaced", "warning", self._names(lost)

    def _outliers(self) -> Iterator[Key]:
        left = {n for n, b in enumerate(self.branches) if self._apart(b["node1"], b["node2"]) > self._believable(b)}
        odd = Counter(self.branches[n][end] for n in left for end in ("node1", "node2"))
        share = {node: number / self.degree[node] for node, number in odd.items()}
        for node in sorted(odd, key=lambda n: (-share[n], -odd[n], n)):
            mine = {n for n in left if node in (self.branches[n]["node1"], self.branches[n]["node2"])}
            left -= mine
            if mine:
                mrids = frozenset(self.branches[n]["mrid"] for n in mine) | {self.mrid[node]}
                yield "coordinate_outlier", "warning", mrids
        assert not left

    def _believable(self, b: dict) -> float:
        if b["table"] == "lines" and b["length_m"] is not None:
            return 3 * b["length_m"] + 1000
        alike = [
            each
            for each in self.branches
            if each["table"] == "lines" and (b["table"] != "lines" or self._level(each) == self._level(b))
        ]
        apart = [self._apart(each["node1"], each["node2"]) for each in alike]
        apart = [each for each in apart if not math.isnan(each)]
        return 1000 + (100 * float(np.median(apart)) if apart else 0)

    def _level(self, b: dict) -> float | None:
        return self.volts[b["node1"]]


def _metres(one: tuple, other: tuple) -> float:
    """By the haversine formula; not a number where either is nowhere."""
    if one[0] is None or other[0] is None:
        return math.nan
    (a, b), (c, d) = (tuple(map(math.radians, each)) for each in (one, other))
    chord = math.sin((d - b) / 2) ** 2 + math.cos(b) * math.cos(d) * math.sin((c - a) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(chord))
