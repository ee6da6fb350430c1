"""TileJSON 3.0 of the tilesets."""

from __future__ import annotations

from collections.abc import Mapping

from tiles import feeders, hexes, layers
from tiles.mercator import MAX_LATITUDE, MAX_ZOOM

__all__ = ["GRID_MINZOOM", "HEXES_MAXZOOM", "LAYERS", "TILESETS", "ZOOMS", "tilejson"]

GRID_MINZOOM = 10
HEXES_MAXZOOM = len(hexes.RESOLUTIONS) - 1
ZOOMS = {"grid": (GRID_MINZOOM, MAX_ZOOM), "hexes": (0, HEXES_MAXZOOM), "feeders": (0, feeders.MAXZOOM)}
"""Lowest and deepest zoom by tileset."""
TILESETS = tuple(ZOOMS)
LAYERS = {"grid": tuple(layers.FIELDS), "hexes": ("hexes",), "feeders": ("feeders",)}
"""Layers that may be chosen, by tileset."""

_DESCRIPTIONS = {
    "grid": "The elements of the network in the state asked for",
    "hexes": "The network summed up by H3 cell; add up cells with owner=true only",
    "feeders": "Every feeder as one feature: drawn, not sampled, however far out",
    "lines": "Line sections",
    "substations": "Substations, at the centre of their nodes",
    "switches": "Switches, at terminal 1",
    "transformers": "Transformers, at their high-voltage end",
    "meters": "Usage points, or else energy consumers",
    "partial": "One point for each layer of which this tile leaves something out, so as not to be too large",
}
_PARTIAL = {"layer": "String: the layer that is not complete", "left_out": "Number: how many of it are left out"}


def tilejson(
    base_url: str,
    tileset: str,
    *,
    name: str,
    bounds: tuple[float, float, float, float] | None,
    query: str = "",
    version: str = "1.0.0",
) -> dict[str, object]:
    """The document.

    base_url: of the server, without a slash at its end. query: what follows `?` in every tile's URL. bounds: left,
    bottom, right, top in degrees; the whole world where nothing is placed. version: changes when the tiles do.
    """
    minzoom, maxzoom = ZOOMS[tileset]
    west, south, east, north = bounds or (-180.0, -MAX_LATITUDE, 180.0, MAX_LATITUDE)
    document: dict[str, object] = {
        "tilejson": "3.0.0",
        "name": f"{name} ({tileset})" if name else tileset,
        "description": _DESCRIPTIONS[tileset],
        "version": version,
        "scheme": "xyz",
        "tiles": [f"{base_url}/tiles/{tileset}/{{z}}/{{x}}/{{y}}.mvt" + (f"?{query}" if query else "")],
        "minzoom": minzoom,
        "maxzoom": maxzoom,
        "bounds": [west, max(south, -MAX_LATITUDE), east, min(north, MAX_LATITUDE)],
        "center": [(west + east) / 2, (south + north) / 2, minzoom],
        "vector_layers": _vector_layers(tileset),
    }
    if tileset == "hexes":
        document["resolutions"] = {str(zoom): resolution for zoom, resolution in enumerate(hexes.RESOLUTIONS)}
    return document


def _vector_layers(tileset: str) -> list[dict[str, object]]:
    if tileset == "hexes":
        return [_vector_layer("hexes", hexes.FIELDS, 0, HEXES_MAXZOOM)]
    if tileset == "feeders":
        return [_vector_layer("feeders", feeders.FIELDS, 0, feeders.MAXZOOM)]
    described = [_vector_layer(name, fields, GRID_MINZOOM, MAX_ZOOM) for name, fields in layers.FIELDS.items()]
    return [*described, _vector_layer("partial", _PARTIAL, GRID_MINZOOM, MAX_ZOOM)]


def _vector_layer(name: str, fields: Mapping[str, str], minzoom: int, maxzoom: int) -> dict[str, object]:
    return {
        "id": name,
        "description": _DESCRIPTIONS.get(name, ""),
        "fields": dict(fields),
        "minzoom": minzoom,
        "maxzoom": maxzoom,
    }
