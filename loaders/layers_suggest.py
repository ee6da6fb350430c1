"""A first mapping from the names of layers and columns, for people to correct."""

from __future__ import annotations

import json
from collections.abc import Sequence

from loaders.layers_mapping import TWO_ENDED
from loaders.layers_source import LayerInfo, LayerSource

_CLASSES = (
    ("UsagePoint", ("meter", "usage_point", "service_point")),
    ("EnergyConsumer", ("customer", "consumer", "load", "premise", "consumidor")),
    ("EnergySource", ("source", "generator_bus", "slack", "infeed")),
    ("PowerTransformer", ("transformer", "trafo", "xfmr", "regulator")),
    ("Switch", ("switch", "breaker", "fuse", "recloser", "disconnector", "sectionali", "cutout", "chave")),
    ("Feeder", ("feeder",)),
    ("Substation", ("substation",)),
    ("AcLineSegment", ("line", "cable", "conductor", "segment", "span", "overhead", "underground", "wire")),
    ("ConnectivityNode", ("node", "bus", "junction", "connectivity")),
)
"""Words in a layer's name, the first that fits."""
_KINDS = (("breaker", "Breaker"), ("fuse", "Fuse"), ("recloser", "Recloser"), ("disconnector", "Disconnector"))
_COLUMNS = {
    "mrid": ("mrid", "globalid", "id", "facilityid", "assetid", "code", "objectid", "ogc_fid"),
    "name": ("name", "label", "description"),
    "node1": (
        "node1",
        "from_node",
        "fromnode",
        "from_bus",
        "frombus",
        "bus1",
        "node_from",
        "start_node",
        "from_id",
        "pac_1",
    ),
    "node2": ("node2", "to_node", "tonode", "to_bus", "tobus", "bus2", "node_to", "end_node", "to_id", "pac_2"),
    "node": ("node", "node_id", "nodeid", "bus", "bus_id", "pac"),
    "phases": ("phases", "phase", "phasing", "phasedesignation", "phase_code", "fas_con"),
    "normal_open": ("normal_open", "normally_open", "normalopen", "normal_state", "normalposition", "status", "state"),
    "length_m": ("length_m", "len_m", "length", "shape_length_m"),
    "rated_current_a": ("rated_current_a", "ampacity", "rating_a"),
    "rated_power_va": ("rated_power_va", "rated_kva", "ratedkva", "kva", "rating_kva"),
    "nominal_voltage_v": ("nominal_voltage_v", "nominal_kv", "voltage_kv", "kv", "voltage"),
    "customer_count": ("customer_count", "customers", "numcust"),
    "circuit": ("circuit", "feeder", "feederid", "feeder_id", "circuitid"),
    "consumer": ("consumer", "consumer_id", "load", "customer", "customer_id"),
}
"""Names of columns in order of preference, by field."""
_OF_CLASS = {
    "ConnectivityNode": ("mrid", "name", "nominal_voltage_v"),
    "AcLineSegment": (
        "mrid",
        "name",
        "node1",
        "node2",
        "phases",
        "length_m",
        "rated_current_a",
        "nominal_voltage_v",
        "circuit",
    ),
    "Switch": (
        "mrid",
        "name",
        "node1",
        "node2",
        "phases",
        "normal_open",
        "rated_current_a",
        "nominal_voltage_v",
        "circuit",
    ),
    "PowerTransformer": ("mrid", "name", "node1", "node2", "phases", "rated_power_va", "circuit"),
    "EnergySource": ("mrid", "name", "node", "phases"),
    "EnergyConsumer": ("mrid", "name", "node", "phases", "customer_count"),
    "UsagePoint": ("mrid", "name", "consumer"),
    "Substation": ("mrid", "name"),
    "Feeder": ("mrid", "name", "node"),
}
_OPEN = "{{ column = {column}, values = {{ open = true, closed = false, O = true, C = false, 1 = true, 0 = false }} }}"
_SHAPES = {
    "lng": ("lng", "lon", "long", "longitude", "x"),
    "lat": ("lat", "latitude", "y"),
    "wkt": ("wkt", "geom", "geometry"),
}


def suggested(source: LayerSource) -> str:
    """TOML; layers that nothing is known about are comments with their columns."""
    parts = [
        f"# A first mapping for {source.title}, guessed from names: check every line.",
        "# Ends without node1 and node2 are joined where they lie within snap_m metres of each other.",
        "snap_m = 0.5\n",
    ]
    infos = source.infos().values()
    if any(info.crs is None for info in infos):
        parts.append('# crs = "EPSG:25832"  # of layers that do not say theirs\n')
    parts.extend(_layer(info) for info in infos)
    return "\n".join(parts) + "\n"


def _layer(info: LayerInfo) -> str:
    class_name = _class(info)
    key = json.dumps(info.name, ensure_ascii=False)
    about = f"# {info.count} {info.geometry or 'rows'}; columns: {', '.join(map(_plain, info.columns)) or 'none'}"
    if class_name is None:
        return f"{about}\n# [layers.{_plain(key)}]\n# class = ?\n"
    lines = [
        about,
        f"[layers.{key}]",
        f'class = "{class_name}"',
        f"prefix = {json.dumps(info.name + ' ', ensure_ascii=False)}",
    ]
    if not info.geometry:
        lines.extend(_shape_columns(info, class_name))
    lines.append(f"[layers.{key}.fields]")
    lines.extend(f"{field} = {given}" for field, given in _fields(info, class_name).items())
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text that stays on its line of a comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _class(info: LayerInfo) -> str | None:
    name = info.name.lower()
    found = next((each for each, words in _CLASSES if any(word in name for word in words)), None)
    fields = _fields(info, found) if found else {}
    if (found == "Feeder" and "node" not in fields) or (found == "UsagePoint" and "consumer" not in fields):
        found = "AcLineSegment" if "LineString" in info.geometry and found == "Feeder" else None
    if found in TWO_ENDED and "node1" not in fields and not info.geometry and not _shape_columns(info, found):
        return None
    if found is None and "LineString" in info.geometry:
        return "AcLineSegment"
    return found


def _fields(info: LayerInfo, class_name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in _OF_CLASS[class_name]:
        column = _column(info.columns, _COLUMNS[field])
        if column is None:
            continue
        quoted = json.dumps(column, ensure_ascii=False)
        scale = {"kva": 1000, "kv": 1000}.get(column.lower().rpartition("_")[2].removeprefix("rated"), 1)
        if field == "normal_open":
            found[field] = _OPEN.format(column=quoted)
        else:
            found[field] = quoted if scale == 1 else f"{{ column = {quoted}, scale = {scale} }}"
    if ("node1" in found) != ("node2" in found):
        found.pop("node1", None)
        found.pop("node2", None)
    kind = next((kind for word, kind in _KINDS if word in info.name.lower()), None)
    if class_name == "Switch" and kind:
        found["kind"] = f'{{ value = "{kind}" }}'
    return found


def _shape_columns(info: LayerInfo, class_name: str) -> list[str]:
    found = {key: _column(info.columns, names) for key, names in _SHAPES.items()}
    if found["wkt"] is not None:
        return [f"wkt = {json.dumps(found['wkt'], ensure_ascii=False)}"]
    if found["lng"] is not None and found["lat"] is not None and class_name not in ("AcLineSegment",):
        return [f"{key} = {json.dumps(found[key], ensure_ascii=False)}" for key in ("lng", "lat")]
    return []


def _column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    lower = {column.lower(): column for column in reversed(columns)}
    return next((lower[name] for name in names if name in lower), None)
