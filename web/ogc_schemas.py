"""JSON Schemas of what OGC API answers, after those of OGC 17-069r4, 20-057 and 17-083r4."""

from __future__ import annotations

from collections.abc import Mapping

from web.schema_words import COUNT, FLAG, GEOMETRY, NUMBER, TEXT, Schema, array, choice, record, ref

_URI: Schema = {"type": "string", "format": "uri"}
_LINKS = array(record({"href": TEXT, "rel": TEXT, "type": TEXT}, {"title": TEXT, "templated": FLAG}))
_CORNER: Schema = {**array(NUMBER), "minItems": 2, "maxItems": 2}
_TILESET: Mapping[str, Schema] = {"dataType": choice("vector"), "crs": _URI, "links": _LINKS}
_TILESET_TOO: Mapping[str, Schema] = {"title": TEXT, "tileMatrixSetId": TEXT, "tileMatrixSetURI": _URI}
_MATRIX_SET: Mapping[str, Schema] = {"id": TEXT, "title": TEXT, "uri": _URI, "crs": _URI, "links": _LINKS}

OGC_SCHEMAS: Mapping[str, Schema] = {
    "OgcLandingPage": record({"title": TEXT, "description": TEXT, "links": _LINKS}),
    "OgcConformance": record({"conformsTo": array(_URI), "links": _LINKS}),
    "OgcCollection": record(
        {"id": TEXT, "title": TEXT, "description": TEXT, "itemType": choice("feature"), "links": _LINKS},
        {
            "crs": array(_URI),
            "storageCrs": _URI,
            "extent": record(
                {"spatial": record({"bbox": array({**array(NUMBER), "minItems": 4, "maxItems": 4}), "crs": _URI})}
            ),
        },
    ),
    "OgcCollections": record({"links": _LINKS, "crs": array(_URI), "collections": array(ref("OgcCollection"))}),
    "OgcFeature": record(
        {"type": choice("Feature"), "id": TEXT, "geometry": GEOMETRY, "properties": {"type": "object"}},
        {"links": _LINKS},
    ),
    "OgcFeatures": record(
        {
            "type": choice("FeatureCollection"),
            "features": array(ref("OgcFeature")),
            "links": _LINKS,
            "numberMatched": COUNT,
            "numberReturned": COUNT,
        }
    ),
    "OgcProperties": record(
        {"$schema": _URI, "$id": _URI, "type": choice("object"), "properties": {"type": "object"}},
        {"title": TEXT, "additionalProperties": FLAG},
    ),
    "OgcTilesets": record({"tilesets": array(record(_TILESET, _TILESET_TOO)), "links": _LINKS}),
    "OgcTileset": record(
        {
            **_TILESET,
            **_TILESET_TOO,
            "layers": array(
                record(
                    {"id": TEXT, "dataType": choice("vector"), "minTileMatrix": TEXT, "maxTileMatrix": TEXT},
                    {"geometryDimension": choice(0, 1, 2), "propertiesSchema": {"type": "object"}},
                )
            ),
            "tileMatrixSetLimits": array(
                record(
                    {
                        "tileMatrix": TEXT,
                        "minTileRow": COUNT,
                        "maxTileRow": COUNT,
                        "minTileCol": COUNT,
                        "maxTileCol": COUNT,
                    }
                )
            ),
        },
        {
            "mediaTypes": array(TEXT),
            "boundingBox": record({"lowerLeft": _CORNER, "upperRight": _CORNER}, {"crs": _URI}),
            "centerPoint": record({"coordinates": _CORNER}, {"crs": _URI, "tileMatrix": TEXT}),
        },
    ),
    "OgcTileMatrixSets": record({"tileMatrixSets": array(record(_MATRIX_SET)), "links": _LINKS}),
    "OgcTileMatrixSet": record(
        {
            **_MATRIX_SET,
            "orderedAxes": array(TEXT),
            "tileMatrices": array(
                record(
                    {
                        "id": TEXT,
                        "scaleDenominator": NUMBER,
                        "cellSize": NUMBER,
                        "pointOfOrigin": _CORNER,
                        "tileWidth": COUNT,
                        "tileHeight": COUNT,
                        "matrixWidth": COUNT,
                        "matrixHeight": COUNT,
                    },
                    {"cornerOfOrigin": choice("topLeft")},
                )
            ),
        },
        {"wellKnownScaleSet": _URI},
    ),
}
