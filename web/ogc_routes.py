"""The operations of OGC API, as the table of routes has them."""

from __future__ import annotations

from collections.abc import Sequence

from tiles.cql2 import LONGEST
from tiles.filter import LANGUAGES
from tiles.layers import LAYER_NAMES
from web import ogc_endpoints
from web.ogc import COLLECTIONS, CRS84, GEOJSON, MVT, OPENAPI, SCHEMA_JSON, TILE_MATRIX_SET
from web.ogc_parameters import DEFAULT_LIMIT, LARGEST_LIMIT
from web.openapi import Endpoint, Operation, Parameter
from web.responses import JSON
from web.schema_words import COUNT, TEXT, Schema, choice

_F_JSON = Parameter("f", "the format; by the header Accept where left out", choice("json"))
_COLLECTION = Parameter("collectionId", "collection", choice(*COLLECTIONS), "path")
_LAYER = Parameter("collectionId", "collection that has tiles", choice(*LAYER_NAMES), "path")
_MATRIX_SET = Parameter("tileMatrixSetId", "tile matrix set", choice(TILE_MATRIX_SET), "path")
_FEATURE = Parameter("featureId", "mrid of the feature, percent-encoded", TEXT, "path")
_CRS: Schema = {**choice(CRS84), "type": "string", "format": "uri"}
_CRS_PARAMETER = Parameter("crs", "coordinate system of the answer; there is one", _CRS)
_TILE = (
    Parameter("tileMatrix", "zoom", TEXT, "path"),
    Parameter("tileRow", "row, from the north", COUNT, "path"),
    Parameter("tileCol", "column, from the west", COUNT, "path"),
)
_NUMBERS: Schema = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
_ITEMS = (
    Parameter(
        "limit",
        "most features of a page",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT},
    ),
    Parameter("bbox", "west,south,east,north: what meets it, and what has no place", _NUMBERS),
    Parameter("bbox-crs", "coordinate system of bbox; there is one", _CRS),
    _CRS_PARAMETER,
    Parameter("datetime", "instant, or begin/end: outages that lasted then; elements have no time, so all match"),
    Parameter("filter", "condition in CQL2", {"type": "string", "maxLength": LONGEST}),
    Parameter("filter-lang", "language of filter", {**choice(*LANGUAGES), "type": "string", "default": "cql2-text"}),
    Parameter("filter-crs", "coordinate system of geometries in filter; there is one", _CRS),
    Parameter("properties", "names of properties to show, with commas between"),
    Parameter("after", "where the page begins; links to next pages have it", COUNT),
    Parameter("model", "410 where another model is in force"),
)


def ogc_operations(
    view: Sequence[Parameter], tile_parameters: Sequence[Parameter], seen: Parameter
) -> tuple[Operation, ...]:
    """All operations.

    view: parameters that choose a state. tile_parameters: those of tiles. seen: the header that names an ETag.
    """
    unchanged = {304: "Not changed since the ETag in If-None-Match."}
    problems = (400, 404, 406)

    def told(
        path: str,
        endpoint: Endpoint,
        what: str,
        schema: str,
        parameters: Sequence[Parameter] = (),
        name: str = "",
    ) -> Operation:
        """A small JSON document."""
        return Operation(
            "GET",
            f"/ogc{path}",
            endpoint,
            what,
            "ogc",
            {JSON: schema},
            (*parameters, _F_JSON, seen),
            problems=problems,
            also=unchanged,
            name=name or f"ogc_{endpoint.__name__}",
        )

    def tiled(path: str, origin: str, parameters: Sequence[Parameter]) -> tuple[Operation, ...]:
        """Tilesets, a tileset and its tiles; the ids are those of 20-057, table 14."""
        own, prefix = (*parameters, _MATRIX_SET), f"{origin}.vector."
        at = f"{path}/tiles/{{tileMatrixSetId}}"
        tile = Operation(
            "GET",
            f"/ogc{at}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}",
            ogc_endpoints.get_tile,
            "One vector tile, by row and column; 204 where it is empty.",
            "ogc",
            {MVT: ""},
            (*own, *_TILE, *tile_parameters, Parameter("f", "the format", choice("mvt")), seen),
            problems=(400, 404, 406, 410, 503),
            also={204: "Nothing there.", **unchanged},
            name=prefix + "getTile",
        )
        return (
            told(
                f"{path}/tiles",
                ogc_endpoints.list_tilesets,
                "Tilesets.",
                "OgcTilesets",
                parameters,
                prefix + "getTileSetsList",
            ),
            told(at, ogc_endpoints.get_tileset, "One tileset.", "OgcTileset", own, prefix + "getTileSet"),
            tile,
        )

    collection = "/collections/{collectionId}"
    described = (collection, ogc_endpoints.collection, "One collection.", "OgcCollection", [_COLLECTION])
    return (
        told("", ogc_endpoints.landing_page, "OGC API: where everything is.", "OgcLandingPage", name="ogc_root"),
        told("/", ogc_endpoints.landing_page, "OGC API: where everything is.", "OgcLandingPage"),
        told("/conformance", ogc_endpoints.conformance, "Conformance classes.", "OgcConformance"),
        Operation(
            "GET",
            "/ogc/api",
            ogc_endpoints.api,
            "The OpenAPI 3.0 document of OGC API.",
            "ogc",
            {OPENAPI: "Document"},
            (_F_JSON, seen),
            problems=(400,),
            also=unchanged,
            name="ogc_api",
        ),
        told("/collections", ogc_endpoints.list_collections, "Feature collections.", "OgcCollections"),
        told(*described),
        *(
            Operation(
                "GET",
                f"/ogc{collection}/{part}",
                endpoint,
                what,
                "ogc",
                {SCHEMA_JSON: "OgcProperties", JSON: "OgcProperties"},
                (_COLLECTION, _F_JSON, seen),
                problems=problems,
                also=unchanged,
                name=f"ogc_{part}",
            )
            for part, endpoint, what in (
                ("queryables", ogc_endpoints.queryables, "What filters may speak of."),
                ("schema", ogc_endpoints.collection_schema, "Properties of the features."),
            )
        ),
        Operation(
            "GET",
            f"/ogc{collection}/items",
            ogc_endpoints.items,
            "Features, page by page, all pages of one state.",
            "ogc",
            {GEOJSON: "OgcFeatures", JSON: "OgcFeatures"},
            (_COLLECTION, *_ITEMS, *view, _F_JSON, seen),
            problems=(400, 404, 406, 410, 503),
            also=unchanged,
            name="ogc_items",
        ),
        Operation(
            "GET",
            f"/ogc{collection}/items/{{featureId:path}}",
            ogc_endpoints.feature,
            "One feature by its mrid.",
            "ogc",
            {GEOJSON: "OgcFeature", JSON: "OgcFeature"},
            (_COLLECTION, _FEATURE, _CRS_PARAMETER, *view, _F_JSON, seen),
            problems=(400, 404, 406, 410, 503),
            also=unchanged,
            name="ogc_feature",
        ),
        *tiled(collection, "collection", [_LAYER]),
        *tiled("", "dataset", []),
        told("/tileMatrixSets", ogc_endpoints.list_tile_matrix_sets, "Tile matrix sets.", "OgcTileMatrixSets"),
        told(
            "/tileMatrixSets/{tileMatrixSetId}",
            ogc_endpoints.get_tile_matrix_set,
            "One tile matrix set.",
            "OgcTileMatrixSet",
            [_MATRIX_SET],
        ),
    )
