"""A complete MapLibre style of all tilesets, for the viewer and any other client.

Live is blue, dead vermillion (told apart by every kind of colour vision), and never colour alone: what is dead is
dashed, what is open is hollow. Labels render from a font of the page or the system: the style names no glyphs.
"""

from __future__ import annotations

__all__ = ["DEAD", "FONT", "LIVE", "SOME", "style"]

LIVE, SOME, DEAD = "#0072b2", "#e69f00", "#d55e00"
"""Energised on all, some, none of its phases (the palette of Okabe and Ito)."""
PAPER, INK, HALO = "#fbfaf7", "#22303c", "#ffffff"
FONT = "sans-serif"

FADE_BEGIN, FADE_END = 11.0, 13.0
"""Zooms between which cells give way to elements; neither is ever invisible before the other is there."""

METERS_ZOOM, CROWD_ZOOM = 15.0, 16.5
"""Where meters appear, and the closed switches of low voltage: before, there is no room to tell them apart."""

Json = str | float | bool | list["Json"] | dict[str, "Json"]


def style(
    base_url: str,
    *,
    query: str = "",
    name: str = "gridtwin",
    font: str = FONT,
    basemap: str = "",
    attribution: str = "",
) -> dict[str, Json]:
    """The style document.

    base_url: of the server, without a slash at its end. query: what follows `?` in the TileJSON URLs, and so in every
    tile's (`scenario=…`, `trace=…`). font: the family that labels are drawn in.
    basemap: address of raster tiles to lie under everything, with {z}, {x} and {y}; attribution: whose they are.
    """
    suffix = f"?{query}" if query else ""
    behind: dict[str, Json] = {"type": "raster", "tiles": [basemap], "tileSize": 256, "maxzoom": 19}
    below: list[Json] = [{"id": "basemap", "type": "raster", "source": "basemap"}]
    return {
        "version": 8,
        "name": name,
        "sources": {
            "grid": {"type": "vector", "url": f"{base_url}/tiles/grid.json{suffix}"},
            "hexes": {"type": "vector", "url": f"{base_url}/tiles/hexes.json{suffix}", "promoteId": "h3"},
            "feeders": {"type": "vector", "url": f"{base_url}/tiles/feeders.json{suffix}"},
            **({"basemap": {**behind, "attribution": attribution}} if basemap else {}),
        },
        "layers": [
            {"id": "background", "type": "background", "paint": {"background-color": PAPER}},
            *(below if basemap else []),
            *_hex_layers(font),
            *_feeder_layers(),
            *_line_layers(),
            *_point_layers(),
            *_label_layers(font),
        ],
    }


# --- expressions --------------------------------------------------------------------------------------------------


def _get(attribute: str, otherwise: Json = 0) -> list[Json]:
    return ["coalesce", ["get", attribute], otherwise]


def _by_zoom(*stops: Json) -> list[Json]:
    """zoom, value, zoom, value, …"""
    return ["interpolate", ["linear"], ["zoom"], *stops]


def _halo(zoom: float) -> list[Json]:
    """Width of the ring around a point: none before a zoom, where it would only pierce the lines."""
    return _by_zoom(zoom, 0, zoom + 1, 0.7)


def _by_kv(low: float, medium: float, high: float, highest: float) -> list[Json]:
    return ["step", _get("kv", 10), low, 1, medium, 60, high, 220, highest]


_SUPPLY: list[Json] = ["match", _get("energized"), 2, LIVE, 1, SOME, DEAD]
_APPEARING = _by_zoom(FADE_BEGIN, 0, FADE_END - 1, 1)
# Low voltage is drawn lightly until it can be told apart, so that what carries it stands out.
_LINES_APPEARING = _by_zoom(
    FADE_BEGIN, 0, FADE_END - 1, _by_kv(0.6, 1, 1, 1), 15, _by_kv(0.5, 1, 1, 1), 17, _by_kv(0.75, 1, 1, 1), 18.5, 1
)
_DISAPPEARING = _by_zoom(FADE_END - 1, 0.75, FADE_END, 0)


# --- layers -------------------------------------------------------------------------------------------------------


def _layer(identity: str, kind: str, source: str, source_layer: str, **rest: Json) -> dict[str, Json]:
    return {"id": identity, "type": kind, "source": source, "source-layer": source_layer, **rest}


def _hex_layers(font: str) -> list[Json]:
    out, customers = _get("customers_out"), _get("customers")
    crowd: list[Json] = ["interpolate", ["linear"], ["ln", ["+", 1, customers]]]
    blues: list[Json] = [*crowd, 0, "#cfe0eb", 3, "#a3c7de", 6, "#5f9fc8", 10, LIVE]
    share: list[Json] = ["/", out, ["max", 1, customers]]
    fires: list[Json] = ["interpolate", ["linear"], share, 0, "#f6d9a8", 0.3, SOME, 1, DEAD]
    some_out: list[Json] = [">", out, 0]
    labelled: list[Json] = ["all", some_out, ["==", ["get", "owner"], True]]
    return [
        _layer(
            "hexes",
            "fill",
            "hexes",
            "hexes",
            maxzoom=FADE_END,
            paint={"fill-color": ["case", some_out, fires, blues], "fill-opacity": _DISAPPEARING},
        ),
        _layer(
            "hexes-out",
            "line",
            "hexes",
            "hexes",
            maxzoom=FADE_END,
            filter=some_out,
            paint={"line-color": DEAD, "line-width": _by_zoom(4, 1, 12, 3), "line-opacity": _DISAPPEARING},
        ),
        _layer(
            "hexes-out-label",
            "symbol",
            "hexes",
            "hexes",
            minzoom=5.0,
            maxzoom=FADE_END - 1,
            filter=labelled,
            layout={"text-field": ["to-string", out], "text-font": [font], "text-size": 12},
            paint=_ink(),
        ),
    ]


def _feeder_layers() -> list[Json]:
    """Faint, so that cells can be told apart below them, but where supply is missing; they go as the lines come."""
    width = _by_zoom(3, 0.4, 8, 0.6, FADE_BEGIN, 1.2)
    going = _by_zoom(4, 0.2, 9.5, 0.3, FADE_BEGIN, 0.8, FADE_END - 1, 0)
    layers: list[Json] = []
    for identity, supply, colour in (("feeders", 2, LIVE), ("feeders-some", 1, SOME), ("feeders-dead", 0, DEAD)):
        paint: dict[str, Json] = {
            "line-color": colour,
            "line-width": width if supply == 2 else _by_zoom(3, 1.2, FADE_BEGIN, 2.2),
            "line-opacity": going if supply == 2 else _by_zoom(FADE_BEGIN, 1, FADE_END - 1, 0),
        }
        if supply < 2:
            paint["line-dasharray"] = [4, 1] if supply else [2, 1.5]
        layers.append(
            _layer(
                identity,
                "line",
                "feeders",
                "feeders",
                maxzoom=FADE_END - 1,
                filter=["==", _get("energized"), supply],
                paint=paint,
            )
        )
    return layers


def _line_layers() -> list[Json]:
    width = _by_zoom(
        10, _by_kv(0.3, 0.8, 1.6, 2.4), 14, _by_kv(0.5, 2, 3.5, 5), 16, _by_kv(0.8, 3, 5, 7), 18, _by_kv(2.2, 5, 8, 10)
    )
    dashes: dict[str, Json] = {"lines-some": [4, 1], "lines-dead": [2, 1.5]}
    layers: list[Json] = []
    for identity, supply, colour in (("lines", 2, LIVE), ("lines-some", 1, SOME), ("lines-dead", 0, DEAD)):
        opacity = _LINES_APPEARING if supply == 2 else _APPEARING
        paint: dict[str, Json] = {"line-color": colour, "line-width": width, "line-opacity": opacity}
        if identity in dashes:
            paint["line-dasharray"] = dashes[identity]
        layers.append(
            _layer(
                identity,
                "line",
                "grid",
                "lines",
                minzoom=FADE_BEGIN,
                filter=["==", _get("energized"), supply],
                layout={"line-cap": "round" if supply == 2 else "butt", "line-join": "round"},
                paint=paint,
            )
        )
    return layers


def _point_layers() -> list[Json]:
    is_open: list[Json] = ["==", ["get", "open"], True]
    small_first = _by_zoom(
        12.5,
        ["case", is_open, 2, _by_kv(0.3, 1, 2.5, 3)],
        15.5,
        ["case", is_open, 5, _by_kv(0.8, 2.5, 4, 5)],
        17,
        ["case", is_open, 6, _by_kv(2.2, 4, 5, 6)],
        19,
        ["case", is_open, 7, _by_kv(5, 6, 6, 7)],
    )
    # Closed switches of low voltage come by the dozen on one point: only from far in, and below all others.
    crowded: list[Json] = ["all", ["!", is_open], ["<", _get("kv", 10), 1]]
    worth: list[Json] = ["any", ["!", crowded], [">=", ["zoom"], CROWD_ZOOM]]
    hollow: list[Json] = ["case", is_open, HALO, _SUPPLY]
    edge: Json = _by_zoom(15, ["case", crowded, 0.3, 1.5], 18, ["case", crowded, 1, 1.5])
    switches = _circles("switches", FADE_BEGIN + 1.5, small_first, hollow, _SUPPLY, edge)
    return [
        _circles("meters", METERS_ZOOM, _by_zoom(METERS_ZOOM, 0.5, 16.5, 1.3, 19, 5), _SUPPLY, HALO, _halo(17)),
        _circles("transformers", FADE_BEGIN + 1, _by_zoom(12, _by_kv(1, 1.5, 5, 6), 17, 9), HALO, _SUPPLY, 2.5),
        {**switches, "filter": worth},
        _circles("substations", FADE_BEGIN, _by_zoom(11, 4, 15, 9), INK, _SUPPLY, 3),
    ]


def _circles(layer: str, minzoom: float, radius: Json, fill: Json, edge: Json, edge_width: Json) -> dict[str, Json]:
    opacity = _by_zoom(minzoom, 0, minzoom + 0.5, 1)
    paint: dict[str, Json] = {
        "circle-radius": radius,
        "circle-color": fill,
        "circle-opacity": opacity,
        "circle-stroke-color": edge,
        "circle-stroke-width": edge_width,
        "circle-stroke-opacity": opacity,
    }
    # What is open lies above what is closed, what is dead above what is live, and high voltage above low.
    rank = _by_kv(0, 0.2, 0.4, 0.6)
    order: list[Json] = ["+", ["case", ["==", ["get", "open"], True], 3, 0], ["-", rank, _get("energized")]]
    return _layer(layer, "circle", "grid", layer, minzoom=minzoom, layout={"circle-sort-key": order}, paint=paint)


def _label_layers(font: str) -> list[Json]:
    return [
        _layer(
            "feeder-label",
            "symbol",
            "grid",
            "lines",
            minzoom=14.0,
            filter=["all", ["has", "feeder"], [">=", _get("kv"), 1]],
            layout={
                "symbol-placement": "line",
                "symbol-spacing": 400,
                "text-field": ["get", "feeder"],
                "text-font": [font],
                "text-size": 11,
            },
            paint=_ink(),
        ),
        _name_label("transformer-label", "transformers", 16.5, 11, font),
        _name_label("switch-label", "switches", 17.5, 10, font),
        _name_label("substation-label", "substations", 14.0, 13, font),
    ]


def _name_label(identity: str, layer: str, minzoom: float, size: float, font: str) -> dict[str, Json]:
    return _layer(
        identity,
        "symbol",
        "grid",
        layer,
        minzoom=minzoom,
        layout={
            "text-field": _get("name", ""),
            "text-font": [font],
            "text-size": size,
            "text-anchor": "top",
            "text-offset": [0, 0.9],
        },
        paint=_ink(),
    )


def _ink() -> dict[str, Json]:
    return {"text-color": INK, "text-halo-color": HALO, "text-halo-width": 1.5}
