"""GIS layers with a mapping: any source GDAL reads, joined by the codes of its ends or where ends meet.

The mapping (`loaders.layers_mapping`) says which layer is which class and which column which field.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from loaders.layers_fields import MappedLayer, References, is_blank
from loaders.layers_mapping import TWO_ENDED, LayersMapping, as_text, read_mapping
from loaders.layers_nodes import End, Nodes, Point, place_along, snap
from loaders.layers_source import SUFFIXES, Layer, LayerSource, open_layers, to_degrees
from loaders.report import FIRST_IDS, LoadError, LoadReport
from twin.components import (
    AC_LINE_SEGMENT,
    BRANCH_COMPONENTS,
    COMPONENTS,
    CONNECTIVITY_NODE,
    ENERGY_CONSUMER,
    ENERGY_SOURCE,
    FEEDER,
    POWER_TRANSFORMER,
    SUBSTATION,
    SWITCH,
    TEXT,
    USAGE_POINT,
    Component,
    Table,
)
from twin.extras import kind_of
from twin.geometry import LineStrings, distance_m
from twin.network import Network

Progress = Callable[[str], None]


def is_layers(source: Path) -> bool:
    """Whether a source looks like GIS layers: by its name, or a folder of Shapefiles."""
    if source.suffix.lower() in SUFFIXES:
        return source.suffix.lower() != ".json"
    return source.is_dir() and any(each.suffix.lower() == ".shp" for each in source.iterdir())


def read_layers(
    source: Path | str, mapping: Path, *, crs: str | None = None, progress: Progress = lambda step: None
) -> tuple[Network, LoadReport]:
    """Reads a source, a file, a folder or the URL of a PostGIS database, as a mapping file says.

    crs: the coordinate system of layers that do not say theirs, over the mapping's. Raises LoadError, which names
    file, layer, feature, field and value, or the place in the mapping.
    """
    mapped = read_mapping(mapping)
    layers = open_layers(source)
    try:
        return read_mapped(layers, mapped, "layers", crs=crs, progress=progress)
    finally:
        layers.close()


def read_mapped(
    source: LayerSource,
    mapping: LayersMapping,
    format_name: str,
    *,
    crs: str | None = None,
    progress: Progress = lambda step: None,
) -> tuple[Network, LoadReport]:
    """Reads a source by a mapping already read."""
    return _Reader(source, mapping, LoadReport(str(source), format_name), crs or mapping.crs, progress).read()


class _Reader:
    def __init__(
        self, source: LayerSource, mapping: LayersMapping, report: LoadReport, crs: str | None, progress: Progress
    ) -> None:
        self.source, self.mapping, self.report, self.crs, self.progress = source, mapping, report, crs, progress
        self.nodes = Nodes()
        self.ends: list[End] = []
        self.snapped: list[tuple[NDArray[np.int32], int]] = []
        """Where the node of each end in `ends` goes: a column, and the row of it."""
        self.drawn: list[tuple[int, int, Point, Point]] = []
        """Nodes and ends of what is drawn as a line."""
        self.places = self._places()
        self.rows: dict[str, dict[str, int]] = {component.name: {} for component in COMPONENTS}
        """By class, the row of each id, as the source writes it and with its prefix."""
        self.columns: dict[str, list[dict[str, NDArray[Any]]]] = {component.table: [] for component in COMPONENTS}
        self.extras: dict[str, list[dict[str, NDArray[Any]]]] = {component.table: [] for component in COMPONENTS}
        """Columns beyond the class, for each part of `columns`; for each layer of nodes."""
        self.lines: list[NDArray[Any]] = []
        self.node_rows: list[int] = []
        """How many nodes each layer of them gave."""
        self.owners: dict[str, str] = {}
        """Who has an mrid: layer and feature."""
        self.blank_ends: list[str] = []
        self.parted: list[str] = []

    def read(self) -> tuple[Network, LoadReport]:
        for component in (SUBSTATION, CONNECTIVITY_NODE, *BRANCH_COMPONENTS, ENERGY_SOURCE, ENERGY_CONSUMER):
            for layer in self._layers_of(component):
                self._elements(layer, component)
            if component is CONNECTIVITY_NODE:
                self.nodes.declared = len(self.nodes.mrid)
        self._snap()
        place_along(self.nodes, self.drawn)
        for layer in self._layers_of(USAGE_POINT):
            self._usage_points(layer)
        for layer in self._layers_of(FEEDER):
            self._feeders(layer)
        if not self.nodes.mrid:
            raise LoadError(f"{self.source}: the mapped layers have no element; a network needs nodes")
        tables = {
            component.table: self._table(component) for component in COMPONENTS if component is not CONNECTIVITY_NODE
        }
        joined = [tables[component.table] for component in (AC_LINE_SEGMENT, SWITCH)]
        ends = [np.stack([table["node1"], table["node2"]], axis=1) for table in joined]
        self.nodes.spread_voltages(np.concatenate(ends).astype(np.int32))
        tables["nodes"] = self._node_table()
        self._say()
        self.progress("numbering the network")
        name = self.mapping.name or self.source.title
        return Network.from_tables(name, tables, self._geometry(tables)), self.report

    # --- reading ------------------------------------------------------------------------------------------------

    def _layers_of(self, component: Component) -> list[MappedLayer]:
        found = []
        for entry in self.mapping.layers:
            if entry.component is component and not (entry.optional and entry.layer not in self.source.layers):
                self.progress(f"reading {entry.layer}")
                layer = MappedLayer(entry, self.source.read(entry.layer, entry.columns()), self.report)
                if layer.shapes is not None:
                    layer.shapes = self._degrees(layer.layer, layer.shapes)
                found.append(layer)
        return found

    def _degrees(self, layer: Layer, shapes: NDArray[Any]) -> NDArray[Any]:
        crs = layer.crs or self.crs
        if crs is None and len(shapes):
            note = f"layer {layer.name} names no coordinate system: its coordinates were taken for degrees"
            if note not in self.report.notes:
                self.report.notes.append(note)
        return to_degrees(shapes, crs, f"{layer.file} layer {layer.name}")

    def _places(self) -> dict[str, tuple[float, float]]:
        if self.mapping.places is None:
            return {}
        layer = self.source.read(self.mapping.places.layer, [self.mapping.places.id])
        if layer.shapes is None:
            raise LoadError(f"{layer.file} layer {layer.name}: it is named for places, but has no shapes")
        shapes = self._degrees(layer, layer.shapes)
        ids = [str(each).strip() for each in layer.columns[self.mapping.places.id].tolist()]
        return {each: _point(shape) for each, shape in zip(ids, shapes, strict=True)}

    def _elements(self, layer: MappedLayer, component: Component) -> None:
        ids = layer.ids()
        mrids = self._mrids(layer, ids)
        self._remember(component, ids, mrids)
        columns: dict[str, NDArray[Any]] = {"mrid": np.array(mrids, dtype=TEXT)}
        self._own_columns(layer, component, columns)
        self.extras[component.table].append(layer.kept())
        if component is CONNECTIVITY_NODE:
            self._nodes(layer, ids, columns)
            return
        if component.name in TWO_ENDED:
            self._two_ends(layer, component, mrids, columns)
        elif component is not SUBSTATION:
            self._one_end(layer, component, mrids, columns)
        self.columns[component.table].append(columns)
        if component is AC_LINE_SEGMENT:
            self.lines.append(np.full(len(ids), None, dtype=object) if layer.shapes is None else layer.shapes)

    def _remember(self, component: Component, ids: list[str], mrids: list[str]) -> None:
        """Their rows, by mrid, and by id where only one has it."""
        names = self.rows[component.name]
        first = sum(len(part["mrid"]) for part in self.columns[component.table])
        shared = {each for each in ids if each in names}
        names.update({each: first + at for at, each in enumerate(ids) if each not in shared})
        for each in shared:
            names.pop(each)
        names.update({mrid: first + at for at, mrid in enumerate(mrids)})

    def _mrids(self, layer: MappedLayer, ids: list[str]) -> list[str]:
        """With their prefix, each used once in the network."""
        mrids = [layer.entry.prefix + each for each in ids]
        for at, mrid in enumerate(mrids):
            here = f"layer {layer.layer.name} feature {layer.fids[at]}"
            if self.owners.setdefault(mrid, here) != here:
                raise layer.fail(at, "mrid", mrid, f"{self.owners[mrid]} has the same id; give one layer a `prefix`")
        return mrids

    def _own_columns(self, layer: MappedLayer, component: Component, columns: dict[str, NDArray[Any]]) -> None:
        for field in component.fields:
            if field.name == "substation" and "substation" in layer:
                columns["substation"] = References("Substation", self.rows["Substation"]).of(layer, "substation")
            elif field.kind != "row" and field.name in layer and field.name != "mrid":
                columns[field.name] = layer.column(field, columns.get("phases"))

    # --- connectivity -------------------------------------------------------------------------------------------

    def _nodes(self, layer: MappedLayer, ids: list[str], columns: dict[str, NDArray[Any]]) -> None:
        places = self._named_places(layer, "place")
        self.node_rows.append(len(ids))
        for row, code in enumerate(ids):
            node = self.nodes.add(str(columns["mrid"][row]), str(columns["name"][row]) if "name" in columns else "")
            self.nodes.of_code[code] = node
            self._settle(layer, node, row, places, columns.get("nominal_voltage_v"))
            if "busbar" in columns:
                self.nodes.busbar[node] = bool(columns["busbar"][row])
            if "substation" in columns:
                self.nodes.substation[node] = int(columns["substation"][row])

    def _settle(
        self,
        layer: MappedLayer,
        node: int,
        row: int,
        places: list[tuple[float, float] | None],
        volts: NDArray[np.float64] | None,
    ) -> None:
        at = places[row]
        if at is None and layer.shapes is not None:
            at = _point(layer.shapes[row])
        if at is not None:
            self.nodes.place(node, at)
        if volts is not None:
            self.nodes.volts(node, float(volts[row]))

    def _named_places(self, layer: MappedLayer, field: str) -> list[tuple[float, float] | None]:
        """By name; a place that its layer does not have is left to the shape, and counted."""
        found = [self.places.get(text) for text in layer.texts(field)]
        unknown = [text for text, at in zip(layer.texts(field), found, strict=True) if text and at is None]
        if unknown:
            self.report.notes.append(
                f"{layer.entry.entry}: {len(unknown)} places of {field} are not in the layer of places "
                f"({', '.join(unknown[:FIRST_IDS])}, …)"
            )
        return found

    def _two_ends(self, layer: MappedLayer, component: Component, mrids: list[str], columns: dict[str, Any]) -> None:
        nodes = np.full((2, len(mrids)), -1, dtype=np.int32)
        columns["node1"], columns["node2"] = nodes
        both = layer.reals("nominal_voltage_v", 0, 2e6)
        by_code = "node1" in layer
        paths = [
            None if layer.shapes is None else self._ends_of(layer.shapes[row], mrid) for row, mrid in enumerate(mrids)
        ]
        long = [path is not None and path[0] != path[1] for path in paths]
        if not by_code and layer.shapes is None:
            raise LoadError(
                f"{layer.layer.file} layer {layer.layer.name}: without shapes its mapping must have node1 and node2"
            )
        for side in (0, 1):
            own = layer.reals(f"nominal_voltage{side + 1}_v", 0, 2e6)
            volts = np.where(np.isnan(own), both, own)
            codes = layer.texts(f"node{side + 1}")
            places = self._named_places(layer, f"place{side + 1}")
            for row, mrid in enumerate(mrids):
                path = paths[row]
                at = places[row] or (path[side] if path else (np.nan, np.nan))
                if not by_code:
                    continue
                if codes[row]:
                    node = self.nodes.named(codes[row])
                else:
                    node = self.nodes.add(f"{mrid} end {side + 1}")
                    self.blank_ends.append(mrid)
                nodes[side, row] = node
                if places[row] is not None or not long[row]:
                    self.nodes.place(node, at)
                self.nodes.volts(node, float(volts[row]))
        for row, path in enumerate(paths):
            if by_code and path is not None and long[row]:
                self.drawn.append((int(nodes[0, row]), int(nodes[1, row]), *path))
        if not by_code:
            self._to_snap(layer, component, mrids, nodes, both)

    def _to_snap(
        self,
        layer: MappedLayer,
        component: Component,
        mrids: list[str],
        nodes: NDArray[np.int32],
        volts: NDArray[np.float64],
    ) -> None:
        assert layer.shapes is not None
        own = [layer.reals(f"nominal_voltage{side}_v", 0, 2e6) for side in (1, 2)]
        for row, mrid in enumerate(mrids):
            ends = self._ends_of(layer.shapes[row], mrid)
            long = component is AC_LINE_SEGMENT or ends[0] != ends[1]
            for side in (0, 1):
                voltage = float(volts[row] if np.isnan(own[side][row]) else own[side][row])
                kind = "line" if long else ("transformer" if component is POWER_TRANSFORMER else "switch")
                self.ends.append(End(mrid, kind, ends[side], voltage))  # type: ignore[arg-type]
                self.snapped.append((nodes[side], row))

    def _one_end(self, layer: MappedLayer, component: Component, mrids: list[str], columns: dict[str, Any]) -> None:
        nodes = np.full(len(mrids), -1, dtype=np.int32)
        columns["node"] = nodes
        volts = layer.reals("nominal_voltage_v", 0, 2e6)
        places = self._named_places(layer, "place")
        codes = layer.texts("node")
        kind = "source" if component is ENERGY_SOURCE else "consumer"
        if "node" not in layer and layer.shapes is None:
            raise LoadError(
                f"{layer.layer.file} layer {layer.layer.name}: it has no shapes to snap, and its mapping no node"
            )
        for row, mrid in enumerate(mrids):
            if "node" not in layer:
                assert layer.shapes is not None
                self.ends.append(End(mrid, kind, _point(layer.shapes[row]), float(volts[row])))  # type: ignore[arg-type]
                self.snapped.append((nodes, row))
                continue
            if not codes[row]:
                self.blank_ends.append(mrid)
            nodes[row] = self.nodes.named(codes[row]) if codes[row] else self.nodes.add(f"{mrid} end 1")
            self._settle(layer, int(nodes[row]), row, places, volts)

    def _snap(self) -> None:
        if not self.ends:
            return
        self.progress("joining ends")
        found, guessed = snap(self.ends, self.nodes, self.mapping.snap_m)
        for (column, row), node, end in zip(self.snapped, found, self.ends, strict=True):
            column[row] = node
            self.nodes.place(node, end.at)
            self.nodes.volts(node, end.voltage)
        self.report.notes.append(
            f"{len(self.ends)} ends without node codes were joined where they lie within {self.mapping.snap_m:g} m"
        )
        if guessed:
            self.report.notes.append(
                f"{len(guessed)} devices are not between two ends of lines, so their sides are a guess "
                f"({', '.join(guessed[:FIRST_IDS])}, …)"
            )

    def _ends_of(self, shape: Any, mrid: str) -> tuple[tuple[float, float], tuple[float, float]]:
        path = _path(shape)
        if path is None:
            at = _point(shape)
            return at, at
        if (
            shape.geom_type == "MultiLineString"
            and len(shape.geoms) > 1
            and shapely.line_merge(shape).geom_type != "LineString"
        ):
            self.parted.append(mrid)
        return (float(path[0, 0]), float(path[0, 1])), (float(path[-1, 0]), float(path[-1, 1]))

    # --- what refers to others ----------------------------------------------------------------------------------

    def _usage_points(self, layer: MappedLayer) -> None:
        columns: dict[str, NDArray[Any]] = {"mrid": np.array(self._mrids(layer, layer.ids()), dtype=TEXT)}
        self._own_columns(layer, USAGE_POINT, columns)
        columns["consumer"] = References("EnergyConsumer", self.rows["EnergyConsumer"]).of(
            layer, "consumer", needed=True
        )
        self.columns[USAGE_POINT.table].append(columns)
        self.extras[USAGE_POINT.table].append(layer.kept())

    def _feeders(self, layer: MappedLayer) -> None:
        columns: dict[str, NDArray[Any]] = {"mrid": np.array(self._mrids(layer, layer.ids()), dtype=TEXT)}
        self._own_columns(layer, FEEDER, columns)
        columns["head_node"] = References("node", self.nodes.of_code).of(layer, "node", needed=True)
        if "head_mrid" not in columns:
            columns["head_mrid"] = np.array(
                [self.nodes.mrid[node] for node in columns["head_node"].tolist()], dtype=TEXT
            )
        for row, head in enumerate(columns["head_mrid"].tolist()):
            if head not in self.owners and head not in self.nodes.mrid:
                raise layer.fail(row, "head_mrid", head, "no element has this mrid")
        self.columns[FEEDER.table].append(columns)
        self.extras[FEEDER.table].append(layer.kept())

    # --- tables -------------------------------------------------------------------------------------------------

    def _table(self, component: Component) -> Table:
        """The parts of each entry, one after the other; a column that one leaves out has its default there."""
        parts = [Table(component, part) for part in self.columns[component.table]]
        if not parts:
            empty = {
                "mrid": [],
                **{f.name: np.empty(0, np.int32) for f in component.fields if f.default is None and f.kind == "row"},
            }
            empty.update({f.name: [] for f in component.fields if f.default is None and f.kind == "text"})
            return Table(component, empty)
        columns = {f.name: np.concatenate([part[f.name] for part in parts]) for f in component.fields}
        if component is AC_LINE_SEGMENT:
            drawn = self._drawn_m()
            columns["length_m"] = np.where(np.isnan(columns["length_m"]), drawn, columns["length_m"])
        return Table(component, columns, _joined(self.extras[component.table], [len(part) for part in parts]))

    def _drawn_m(self) -> NDArray[np.float64]:
        """float64 (lines,): lengths on the map; NaN where not drawn."""
        paths = [_path(shape) for part in self.lines for shape in part]
        return np.array([np.nan if path is None else distance_m(path[:-1], path[1:]).sum() for path in paths])

    def _node_table(self) -> Table:
        lnglat = np.array(self.nodes.lnglat, dtype=np.float64).reshape(-1, 2)
        return Table(
            CONNECTIVITY_NODE,
            {
                "mrid": np.array(self.nodes.mrid, dtype=TEXT),
                "name": np.array(self.nodes.name, dtype=TEXT),
                "lng": lnglat[:, 0],
                "lat": lnglat[:, 1],
                "nominal_voltage_v": np.array(self.nodes.voltage),
                "busbar": np.array(self.nodes.busbar, dtype=np.bool_),
                "substation": np.array(self.nodes.substation, dtype=np.int32),
            },
            _joined([*self.extras["nodes"], {}], [*self.node_rows, len(self.nodes.mrid) - sum(self.node_rows)]),
        )

    def _geometry(self, tables: dict[str, Table]) -> LineStrings:
        """Paths of lines from node1 to node2; straight where there is no shape."""
        lnglat = np.array(self.nodes.lnglat, dtype=np.float64).reshape(-1, 2)
        lines = tables["lines"]
        start, end = lnglat[lines["node1"]], lnglat[lines["node2"]]
        paths = []
        for row, shape in enumerate(shape for part in self.lines for shape in part):
            path = _path(shape)
            if path is None:
                straight = np.stack([start[row], end[row]])
                path = straight if not np.isnan(straight).any() else np.empty((0, 2))
            elif np.abs(path[0] - start[row]).sum() > np.abs(path[-1] - start[row]).sum():
                path = path[::-1]
            paths.append(path)
        offsets = np.concatenate([[0], np.cumsum([len(path) for path in paths])]).astype(np.int64)
        return LineStrings(offsets, np.concatenate([np.empty((0, 2)), *paths]))

    def _say(self) -> None:
        made = len(self.nodes.of_code) - self.nodes.declared
        if 0 < made < self.nodes.declared:  # a layer of a few, such as busbars, is not meant to have them all
            self.report.notes.append(f"{made} node codes are in no layer of nodes; their nodes were made")
        for mrids, what in (
            (self.blank_ends, "ends name no node and hang on one of their own"),
            (
                sorted(set(self.parted)),
                "lines are drawn in parts that do not meet; their first and last point are their ends",
            ),
        ):
            if mrids:
                self.report.notes.append(f"{len(mrids)} {what} ({', '.join(mrids[:FIRST_IDS])}, …)")
        self.report.notes.extend(self.source.warnings)
        mapped = {entry.layer for entry in self.mapping.layers}
        if self.mapping.places:
            mapped.add(self.mapping.places.layer)
        for name, info in self.source.infos().items():
            if name not in mapped and info.count:
                self.report.use(name, info.count, 0)
                self.report.skip(
                    name, "the mapping does not name this layer", [f"feature {n + 1}" for n in range(info.count)]
                )


def _joined(parts: list[dict[str, NDArray[Any]]], sizes: list[int]) -> dict[str, NDArray[Any]]:
    """Extra columns of parts one after the other; what a part lacks is not known, and text where one part has text."""
    joined = {}
    for name in {name: None for part in parts for name in part}:
        text = any(name in part and kind_of(part[name]) == "text" for part in parts)
        missing = "" if text else np.nan
        pieces = [part.get(name, np.full(size, missing)) for part, size in zip(parts, sizes, strict=True)]
        joined[name] = np.concatenate([_texts(piece) if text else piece for piece in pieces])
    return joined


def _texts(column: NDArray[Any]) -> NDArray[Any]:
    return np.array(["" if is_blank(value) else as_text(value) for value in column.tolist()], dtype=TEXT)


def _path(shape: Any) -> NDArray[np.float64] | None:
    """(points, 2) of a line; its parts one after the other where they do not meet; None for anything else."""
    if shape is None or shape.is_empty or shape.geom_type not in ("LineString", "MultiLineString"):
        return None
    merged = shapely.line_merge(shape) if shape.geom_type == "MultiLineString" else shape
    return np.asarray(shapely.get_coordinates(merged), dtype=np.float64)


def _point(shape: Any) -> tuple[float, float]:
    """A point of a shape: itself, the first of many, a point within an area; NaN where there is none."""
    if shape is None or shape.is_empty:
        return (np.nan, np.nan)
    if shape.geom_type == "MultiPoint":
        shape = shape.geoms[0]
    point = shape if shape.geom_type == "Point" else shape.representative_point()
    return (float(point.x), float(point.y))
