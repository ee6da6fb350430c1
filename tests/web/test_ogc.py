"""OGC API, link by link: what its conformance classes require, as far as requests can tell.

Requirements are named as in OGC 17-069r4 (Features), 18-058r1 (CRS), 19-079r2 (Filtering), 21-065r2 (CQL2), 20-057
(Tiles), 17-083r4 (Tile Matrix Set) and 19-072 (Common).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from tests.tiles import reader as tiles
from tests.web.conftest import Client, tiny_network
from twin.engine import Twin
from web.app import create_app
from web.ogc_conformance import CLASSES
from web.routes import OPERATIONS
from web.schemas import SCHEMAS
from web.settings import Settings

BASE = "http://twin.test"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
JSON, GEOJSON, MVT = "application/json", "application/geo+json", "application/vnd.mapbox-vector-tile"
GRID = ["lines", "substations", "switches", "transformers", "meters"]

COVERED: set[str] = set()
"""Conformance classes that some test here is about."""

Document = dict[str, Any]
Test = Callable[..., None]


def conforms(*classes: str) -> Callable[[Test], Test]:
    """Marks a test of requirements of some conformance classes, each `specification/class`."""
    COVERED.update(classes)
    return lambda test: test


@pytest.fixture(scope="module")
def ogc() -> Iterator[Client]:
    """A client of a network with an outage."""
    client = Client(create_app(Twin(tiny_network()), Settings(threads=2)))
    client.switch("SW1", opened=True)
    yield client
    client.close()


def got(client: Client, path: str, status: int = 200, **headers: str) -> Document:
    answer = client.get(path, headers=headers)
    assert answer.status_code == status, (path, answer.text)
    whole: Document = answer.json()
    return whole


def links(document: Document, rel: str) -> list[Document]:
    return [link for link in document["links"] if link["rel"] == rel]


def test_every_class_that_is_claimed_is_tested() -> None:
    named = {re.sub(r"http://www.opengis.net/spec/(.+?)/\d\.\d/conf/", r"\1/", each) for each in CLASSES}
    assert named == COVERED


# --- link by link -----------------------------------------------------------------------------------------------------


def all_links(value: object) -> Iterator[Document]:
    """Every link in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("href"), str):
            yield value
        for each in value.values():
            yield from all_links(each)
    elif isinstance(value, list):
        for each in value:
            yield from all_links(each)


def some_tile(document: Document, template: str) -> str:
    """A templated link filled in for a tile of zoom 10, one of which holds the whole network."""
    (limits,) = [each for each in document["tileMatrixSetLimits"] if each["tileMatrix"] == "10"]
    return template.format(tileMatrix="10", tileRow=limits["minTileRow"], tileCol=limits["minTileCol"])


def schema_of(path: str, media_type: str) -> str:
    """The schema that the table of operations promises for an answer."""
    for operation in OPERATIONS:
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(operation.public_path))
        if operation.method == "GET" and re.fullmatch(pattern, path) and media_type in operation.answers:
            return operation.answers[media_type]
    raise AssertionError(f"no operation answers {path} as {media_type}")


def validated(name: str, value: object) -> None:
    whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    jsonschema.Draft202012Validator(whole).validate(value)


def crawl(client: Client, base: str, headers: dict[str, str]) -> dict[str, str]:
    """Follows every link from the landing page on; returns media type by address."""
    seen: dict[str, str] = {}
    waiting = [(f"{base}/ogc", JSON)]
    while waiting:
        href, declared = waiting.pop()
        if href in seen:
            assert seen[href].partition(";")[0] == declared.partition(";")[0], href
            continue
        assert href.startswith(base + "/"), f"{href} is not an absolute address of this server"
        path = href.removeprefix(base)
        answer = client.get(path, headers={**headers, "Accept": declared})
        assert answer.status_code == 200, (href, answer.text)
        media_type = answer.headers["content-type"]
        assert media_type.partition(";")[0] == declared.partition(";")[0], href
        seen[href] = declared
        if "json" not in media_type:
            continue
        document = answer.json()
        name = schema_of(urlsplit(path).path, media_type)
        validated(name, document)
        for link in all_links(document):
            assert link["rel"] and link["type"], link
            target = link["href"]
            if link.get("templated"):
                assert re.findall(r"{(\w+)}", target) == ["tileMatrix", "tileRow", "tileCol"]
                target = some_tile(document, target)
            if link["rel"] == "self" and "tilesets" not in document and "collections" not in document:
                assert target == href or name == "OgcTileMatrixSets", href
            waiting.append((target, link["type"]))
    return seen


@pytest.mark.parametrize(
    ("base", "headers"),
    [
        (BASE, {}),
        (
            "https://grid.example/twin",
            {"X-Forwarded-Host": "grid.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/twin"},
        ),
    ],
    ids=["directly", "behind a proxy"],
)
def test_every_link_leads_where_it_says(ogc: Client, base: str, headers: dict[str, str]) -> None:
    seen = crawl(ogc, base, headers)
    paths = {urlsplit(href).path.removeprefix(urlsplit(base).path) for href in seen}
    for collection in [*GRID, "outages"]:
        assert {f"/ogc/collections/{collection}{part}" for part in ("", "/items", "/queryables", "/schema")} <= paths
    for parent in ("", *(f"/collections/{collection}" for collection in GRID)):
        assert {f"/ogc{parent}/tiles", f"/ogc{parent}/tiles/WebMercatorQuad"} <= paths
    assert sum(media_type == MVT for media_type in seen.values()) == 6


# --- Common and Features, Part 1: core --------------------------------------------------------------------------------


@conforms("ogcapi-common-1/core", "ogcapi-common-1/landing-page", "ogcapi-features-1/core")
@pytest.mark.parametrize("path", ["/ogc", "/ogc/"])
def test_the_landing_page(ogc: Client, path: str) -> None:
    """/req/core/root-op, root-success, api-definition-op; /req/landing-page/root-success"""
    page = got(ogc, path)
    for rel, media_type in (
        ("self", JSON),
        ("service-desc", "application/vnd.oai.openapi+json;version=3.0"),
        ("service-doc", "text/html"),
        ("conformance", JSON),
        ("data", JSON),
        (REL + "tilesets-vector", JSON),
        (REL + "tiling-schemes", JSON),
    ):
        (link,) = links(page, rel)
        assert link["type"] == media_type


@conforms("ogcapi-features-1/core")
def test_the_conformance_declaration(ogc: Client) -> None:
    """/req/core/conformance-op, conformance-success; ogcapi-tiles /req/core/conformance-success"""
    declared = got(ogc, "/ogc/conformance")["conformsTo"]
    assert declared == list(CLASSES)
    assert len(set(declared)) == len(declared)


@conforms("ogcapi-common-1/json", "ogcapi-common-1/core")
@pytest.mark.parametrize("path", ["/ogc", "/ogc/collections", "/ogc/collections/lines/items", "/ogc/tiles"])
def test_formats_are_negotiated(ogc: Client, path: str) -> None:
    """/req/json/content, /req/core/http"""
    assert ogc.get(path, headers={"Accept": "text/html,*/*;q=0.8"}).status_code == 200
    assert ogc.get(path, headers={"Accept": JSON}).headers["content-type"] == JSON
    assert "json" in ogc.get(path + "?f=json", headers={"Accept": "text/html"}).headers["content-type"]
    assert got(ogc, path, 406, Accept="text/html")["title"] == "Not acceptable"
    assert got(ogc, path + "?f=html", 400)["field"] == "f"


@conforms("ogcapi-common-1/core", "ogcapi-features-1/core")
@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if each.path.startswith("/ogc")],
    ids=lambda each: each.path,
)
def test_unknown_parameters_are_refused(ogc: Client, operation: Any) -> None:
    """/req/core/query-param-unknown, and 404 for what does not exist (/req/core/http)"""
    filled = {
        "collectionId": "lines",
        "featureId": "L2",
        "tileMatrixSetId": "WebMercatorQuad",
        "tileMatrix": "10",
        "tileRow": some_tile(got(ogc, "/ogc/tiles/WebMercatorQuad"), "{tileRow}"),
        "tileCol": some_tile(got(ogc, "/ogc/tiles/WebMercatorQuad"), "{tileCol}"),
    }
    path = operation.public_path.format(**filled)
    assert ogc.get(path).status_code == 200
    problem = got(ogc, path + "?unheard=of", 400)
    assert problem["field"] == "unheard"
    for name in re.findall(r"{(\w+)}", operation.public_path):
        wrong = operation.public_path.format(**{**filled, name: "99999"})
        assert got(ogc, wrong, 404)["status"] == 404


@conforms("ogcapi-common-2/collections", "ogcapi-features-1/core", "ogcapi-features-2/crs")
def test_collections_are_described(ogc: Client) -> None:
    """/req/core/fc-md-op, fc-md-links, fc-md-items, fc-md-items-links, fc-md-extent, sfc-md-op, sfc-md-success;
    /req/crs/fc-md-crs-list, fc-md-storageCrs, fc-md-storageCrs-valid-value"""
    whole = got(ogc, "/ogc/collections")
    assert links(whole, "self")[0]["type"] == JSON
    assert [each["id"] for each in whole["collections"]] == [*GRID, "outages"]
    for collection in whole["collections"]:
        assert got(ogc, f"/ogc/collections/{collection['id']}") == collection
        (items,) = links(collection, "items")
        assert items["type"] == GEOJSON
        (bbox,) = collection["extent"]["spatial"]["bbox"]
        assert bbox == pytest.approx([9.0, 51.98, 9.1, 52.0])
        assert collection["crs"] == [CRS84] == [collection["storageCrs"]]
        assert len(links(collection, REL + "queryables")) == 1
        assert len(links(collection, REL + "tilesets-vector")) == (collection["id"] != "outages")


@conforms("ogcapi-features-1/core", "ogcapi-features-1/geojson", "ogcapi-features-2/crs")
@pytest.mark.parametrize("collection", [*GRID, "outages"])
def test_items_are_geojson(ogc: Client, collection: str) -> None:
    """/req/core/fc-op, fc-response, fc-links, fc-rel-type, fc-numberMatched, fc-numberReturned, f-op, f-links;
    /req/geojson/definition, content; /req/crs/ogc-crs-header, ogc-crs-header-value"""
    path = f"/ogc/collections/{collection}/items"
    answer = ogc.get(path)
    assert answer.headers["content-type"] == GEOJSON
    assert answer.headers["content-crs"] == f"<{CRS84}>"
    whole = answer.json()
    assert whole["numberMatched"] == whole["numberReturned"] == len(whole["features"]) > 0
    assert links(whole, "self") == [{"href": BASE + path, "rel": "self", "type": GEOJSON}]
    assert links(whole, "next") == []
    assert "crs" not in whole
    for feature in whole["features"]:
        one = ogc.get(f"{path}/{quote(feature['id'], safe='')}")
        assert one.headers["content-type"] == GEOJSON and one.headers["content-crs"] == f"<{CRS84}>"
        document = one.json()
        assert {name: document[name] for name in feature} == feature
        (parent,) = links(document, "collection")
        assert parent == {"href": f"{BASE}/ogc/collections/{collection}", "rel": "collection", "type": JSON}
        assert len(links(document, "self")) == 1


@conforms("ogcapi-features-1/core")
@pytest.mark.parametrize("collection", GRID)
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_hold_every_feature_once(ogc: Client, collection: str, limit: int) -> None:
    """/req/core/fc-limit-definition, fc-limit-response-1; next links, /rec/core/fc-next-1 to fc-next-3"""
    path = f"/ogc/collections/{collection}/items"
    whole = got(ogc, path)
    found: list[Document] = []
    following = f"{BASE}{path}?limit={limit}"
    while following:
        page = got(ogc, following.removeprefix(BASE))
        assert page["numberReturned"] == len(page["features"]) <= limit
        assert page["numberMatched"] == whole["numberMatched"]
        found += page["features"]
        ahead = links(page, "next")
        assert len(ahead) == (len(found) < page["numberMatched"])
        following = ahead[0]["href"] if ahead else ""
    assert found == whole["features"]


@conforms("ogcapi-features-1/core")
def test_a_limit_may_be_too_large_and_not_too_small(ogc: Client) -> None:
    """/req/core/fc-limit-response-1 C, /req/core/query-param-invalid"""
    assert got(ogc, "/ogc/collections/lines/items?limit=1000000")["numberReturned"] == 3
    for limit in ("0", "-1", "many", ""):
        assert got(ogc, f"/ogc/collections/lines/items?limit={limit}", 400)["field"] == "limit"


@conforms("ogcapi-features-1/core", "ogcapi-features-2/crs")
def test_boxes(ogc: Client) -> None:
    """/req/core/fc-bbox-definition, fc-bbox-response; /req/crs/fc-bbox-crs-definition, fc-bbox-crs-valid-value"""
    lines, box = "/ogc/collections/lines/items", "9.05,51.99,9.1,52.01"
    assert [each["id"] for each in got(ogc, f"{lines}?bbox={box}")["features"]] == ["L2"]
    assert [each["id"] for each in got(ogc, f"{lines}?bbox=9.05,51.99,-7,9.1,52.01,7")["features"]] == ["L2"]
    assert got(ogc, f"{lines}?bbox=9.2,51.99,9.1,52.01")["numberMatched"] == 3 - 1  # round the world, from the east
    assert got(ogc, f"{lines}?bbox={box}&bbox-crs={CRS84}")["numberMatched"] == 1
    for wrong in ("1,2,3", "1,2,3,4,5", "a,b,c,d", "1,9,2,8", "0,0,181,1", "0,-91,1,1", "0,0,nan,1", ""):
        assert got(ogc, f"{lines}?bbox={wrong}", 400)["field"] == "bbox"
    for name in ("bbox-crs", "crs", "filter-crs"):
        other = "http://www.opengis.net/def/crs/EPSG/0/3857"
        assert got(ogc, f"{lines}?bbox={box}&{name}={other}", 400)["field"] == name


@conforms("ogcapi-features-2/crs")
def test_there_is_one_coordinate_system(ogc: Client) -> None:
    """/req/crs/fc-crs-definition, fc-crs-valid-value, fc-crs-default-value, fc-crs-action"""
    for path in ("/ogc/collections/lines/items", "/ogc/collections/lines/items/L2"):
        assert ogc.get(f"{path}?crs={CRS84}").json().get("features") == ogc.get(path).json().get("features")
        assert got(ogc, f"{path}?crs=http://www.opengis.net/def/crs/EPSG/0/4326", 400)["field"] == "crs"


@conforms("ogcapi-features-1/core")
def test_instants(ogc: Client) -> None:
    """/req/core/fc-time-definition, fc-time-response: what has no time matches; an outage lasts from its beginning."""
    early, late = "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    intervals = [(early, 0), (late, 1), (f"../{early}", 0), (f"{early}/..", 1), (f"{early}/{late}", 1), (f"/{late}", 1)]
    for interval, count in intervals:
        assert got(ogc, f"/ogc/collections/lines/items?datetime={interval}")["numberMatched"] == 3
        assert got(ogc, f"/ogc/collections/outages/items?datetime={interval}")["numberMatched"] == count, interval
    for wrong in ("yesterday", "../..", "/", f"{late}/{early}", "2020-01-01T00:00:00", ""):
        assert got(ogc, f"/ogc/collections/lines/items?datetime={wrong}", 400)["field"] == "datetime"


@conforms("ogcapi-features-1/oas30", "ogcapi-common-1/oas30", "ogcapi-tiles-1/oas30")
def test_the_api_definition(ogc: Client) -> None:
    """/req/oas30/oas-definition-1, completeness, exceptions-codes; ogcapi-tiles /req/oas30/operation-id"""
    answer = ogc.get("/ogc/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    document = answer.json()
    OpenAPIV30SpecValidator(document).validate()
    assert document["servers"] == [{"url": BASE + "/ogc"}]
    served = {each.public_path.removeprefix("/ogc") or "/" for each in OPERATIONS if each.path.startswith("/ogc")}
    assert set(document["paths"]) == served
    ids = {path["get"]["operationId"] for path in document["paths"].values()}
    for origin in ("dataset", "collection"):
        for resource in ("getTileSetsList", "getTileSet", "getTile"):
            assert f"{origin}.vector.{resource}" in ids
    for name in ("limit", "bbox", "datetime", "filter", "filter-lang"):
        parameter = document["components"]["parameters"][name]
        assert (parameter["in"], parameter["required"], parameter["explode"]) == ("query", False, False)
    assert document["components"]["parameters"]["limit"]["schema"]["maximum"] == 10_000
    assert document["components"]["parameters"]["filter-lang"]["schema"]["enum"] == ["cql2-text", "cql2-json"]


# --- Part 3 and CQL2 --------------------------------------------------------------------------------------------------


@conforms("ogcapi-features-3/queryables", "ogcapi-features-3/features-filter")
@pytest.mark.parametrize("collection", [*GRID, "outages"])
def test_queryables_are_the_properties(ogc: Client, collection: str) -> None:
    """/req/queryables/get-queryables-op, get-queryables-response, expression-construction"""
    path = f"/ogc/collections/{collection}/queryables"
    answer = ogc.get(path)
    assert answer.headers["content-type"] == "application/schema+json"
    document = answer.json()
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == BASE + path
    assert document["additionalProperties"] is False
    properties = document["properties"]
    geometry = properties.pop("geometry")
    assert "type" not in geometry and geometry["format"].startswith("geometry-")
    (first, *_) = got(ogc, f"/ogc/collections/{collection}/items")["features"]
    assert set(properties) == set(first["properties"])
    returnable = got(ogc, f"/ogc/collections/{collection}/schema")["properties"]
    assert {name: returnable[name] for name in properties if name != "mrid"} == {
        name: each for name, each in properties.items() if name != "mrid"
    }
    jsonschema.Draft202012Validator.check_schema(document)
    for name in properties:
        assert got(ogc, f"/ogc/collections/{collection}/items?filter={name}%20IS%20NULL")["numberMatched"] >= 0
    assert got(ogc, f"/ogc/collections/{collection}/items?filter=id%3D1", 400)["field"] == "filter"


TEXTS = {
    "basic-cql2": [
        ("switches", "mrid = 'SW1'", ["SW1"]),
        ("switches", "NOT (open = true) AND customers >= 3 OR mrid = 'J'", ["CB1", "J"]),
        ("switches", "mrid <> 'SW1' AND open = true", ["TIE"]),
        ("lines", "name IS NOT NULL", ["L 1/1"]),
        ("lines", "length_m > 1400.5", ["L3"]),
        ("outages", "since > TIMESTAMP('2001-01-01T00:00:00Z') AND customers = 3", ["n3"]),
        ("outages", "since < DATE('2001-01-01')", []),
    ],
    "advanced-comparison-operators": [
        ("switches", "mrid LIKE 'CB_'", ["CB1", "CB2"]),
        ("switches", "mrid NOT LIKE '%B%' AND customers BETWEEN 0 AND 1", ["J", "TIE"]),
        ("lines", "mrid IN ('L2', 'L3')", ["L2", "L3"]),
    ],
    "case-insensitive-comparison": [("lines", "CASEI(mrid) = CASEI('l2')", ["L2"])],
    "accent-insensitive-comparison": [("lines", "ACCENTI(mrid) = ACCENTI('Ĺ2')", ["L2"])],
    "basic-spatial-functions": [
        ("switches", "S_INTERSECTS(geometry, BBOX(9.03, 51.9, 9.05, 52.1))", ["SW1"]),
        ("switches", "S_INTERSECTS(geometry, POINT(9.04 52.0))", ["SW1"]),
    ],
    "basic-spatial-functions-plus": [
        ("lines", "S_INTERSECTS(geometry, LINESTRING(9.05 51.9, 9.05 51.99))", ["L3"]),
        ("lines", "S_INTERSECTS(geometry, MULTIPOINT(9.07 52.0, 9.03 52.0))", ["L 1/1", "L2"]),
        ("outages", "S_INTERSECTS(geometry, POLYGON((9.07 51.9, 9.2 51.9, 9.2 52.1, 9.07 52.1, 9.07 51.9)))", ["n3"]),
    ],
    "spatial-functions": [
        ("lines", "S_WITHIN(geometry, BBOX(9.05, 51.9, 9.09, 52.1))", ["L2"]),
        ("lines", "S_DISJOINT(geometry, BBOX(9.05, 51.9, 9.09, 52.1))", ["L 1/1"]),
        ("lines", "S_CONTAINS(geometry, POINT(9.07 52.0))", ["L2"]),
        ("lines", "S_CROSSES(geometry, LINESTRING(9.05 51.9, 9.05 51.99))", ["L3"]),
        ("lines", "S_EQUALS(geometry, LINESTRING(9.08 52.0, 9.06 52.0))", ["L2"]),
        ("lines", "S_OVERLAPS(geometry, LINESTRING(9.07 52.0, 9.09 52.0))", ["L2"]),
        ("lines", "S_TOUCHES(geometry, POINT(9.06 52.0))", ["L2"]),
    ],
    "property-property": [("switches", "open <> normal_open", ["SW1"])],
    "arithmetic": [("lines", "length_m / 2 + 100 = 800 AND customers * 2 - 2 ^ 2 = 4", ["L 1/1"])],
}


@conforms(
    "ogcapi-features-3/filter", "ogcapi-features-3/features-filter", "cql2/cql2-text", *(f"cql2/{c}" for c in TEXTS)
)
@pytest.mark.parametrize(
    ("collection", "text", "expected"), [each for cases in TEXTS.values() for each in cases], ids=str
)
def test_filters(ogc: Client, collection: str, text: str, expected: list[str]) -> None:
    """/req/filter/filter-param, filter-lang-param, response; /req/features-filter/response"""
    path = f"/ogc/collections/{collection}/items?filter={quote(text)}"
    for more in ("", "&filter-lang=cql2-text", f"&filter-crs={CRS84}"):
        whole = got(ogc, path + more)
        assert sorted(each["id"] for each in whole["features"]) == expected
        assert whole["numberMatched"] == len(expected)


@conforms("ogcapi-features-3/filter")
def test_filters_and_other_parameters_are_all_held_to(ogc: Client) -> None:
    """/req/filter/mixing-expressions"""
    path = "/ogc/collections/switches/items?filter=open&bbox=9.07,51.9,9.2,52.1&datetime=2020-01-01T00:00:00Z"
    assert [each["id"] for each in got(ogc, path)["features"]] == ["TIE"]


@conforms("cql2/cql2-json", "ogcapi-features-3/filter")
def test_filters_in_json(ogc: Client) -> None:
    """/req/cql2-json/basic-cql2, advanced-comparison-operators, basic-spatial-functions"""
    text = (
        '{"op":"and","args":[{"op":"in","args":[{"property":"mrid"},["SW1","TIE"]]},'
        '{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Point","coordinates":[9.04,52.0]}]}]}'
    )
    whole = got(ogc, f"/ogc/collections/switches/items?filter-lang=cql2-json&filter={quote(text)}")
    assert [each["id"] for each in whole["features"]] == ["SW1"]
    for query in (f"filter={quote(text)}", "filter-lang=cql2-json&filter=open", "filter=open%20="):
        assert got(ogc, f"/ogc/collections/switches/items?{query}", 400)["field"] == "filter"
    assert got(ogc, "/ogc/collections/switches/items?filter-lang=sql&filter=1", 400)["field"] == "filter-lang"


# --- Tiles ------------------------------------------------------------------------------------------------------------

PARENTS = ["", *(f"/collections/{collection}" for collection in GRID)]


@conforms(
    "ogcapi-tiles-1/tilesets-list",
    "ogcapi-tiles-1/dataset-tilesets",
    "ogcapi-tiles-1/geodata-tilesets",
    "ogcapi-tiles-1/tileset",
    "tms/tilesetmetadata",
    "tms/json-tilesetmetadata",
)
@pytest.mark.parametrize("parent", PARENTS)
def test_tilesets_are_described(ogc: Client, parent: str) -> None:
    """/req/dataset-tilesets/landingpage, operation; /req/geodata-tilesets/desc-links, operation;
    /req/tilesets-list/tileset-links; /req/tileset/description"""
    (link,) = links(got(ogc, f"/ogc{parent}"), REL + "tilesets-vector")
    assert link["href"] == f"{BASE}/ogc{parent}/tiles"
    (brief,) = got(ogc, f"/ogc{parent}/tiles")["tilesets"]
    whole = got(ogc, links(brief, "self")[0]["href"].removeprefix(BASE))
    for tileset in (brief, whole):
        assert tileset["dataType"] == "vector"
        assert tileset["crs"] == "http://www.opengis.net/def/crs/EPSG/0/3857"
        assert tileset["tileMatrixSetURI"] == "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
        (scheme,) = links(tileset, REL + "tiling-scheme")
        assert scheme["type"] == JSON
    (item,) = links(whole, "item")
    assert item["templated"] is True and item["type"] == MVT
    matrices = [limits["tileMatrix"] for limits in whole["tileMatrixSetLimits"]]
    assert matrices == [str(zoom) for zoom in range(10 if parent else 0, 17)]
    for layer in whole["layers"]:
        assert {layer["minTileMatrix"], layer["maxTileMatrix"]} <= set(matrices)


@conforms("tms/tilematrixset", "tms/json-tilematrixset")
def test_the_tile_matrix_set_is_that_of_the_registry(ogc: Client) -> None:
    """17-083r4, /req/tilematrixset, /req/json-tilematrixset, annex D.1"""
    (brief,) = got(ogc, "/ogc/tileMatrixSets")["tileMatrixSets"]
    whole = got(ogc, links(brief, "self")[0]["href"].removeprefix(BASE))
    assert [matrix["id"] for matrix in whole["tileMatrices"]] == [str(zoom) for zoom in range(25)]
    for zoom, matrix in enumerate(whole["tileMatrices"]):
        assert matrix["matrixWidth"] == matrix["matrixHeight"] == 2**zoom
        assert matrix["scaleDenominator"] == pytest.approx(matrix["cellSize"] / 0.00028, rel=1e-9)
        assert matrix["cellSize"] * 256 * 2**zoom == pytest.approx(2 * 20037508.3427892, rel=1e-9)
        assert matrix["pointOfOrigin"] == [-20037508.3427892, 20037508.3427892]


@conforms("ogcapi-tiles-1/core", "ogcapi-tiles-1/mvt")
@pytest.mark.parametrize("parent", PARENTS)
def test_tiles_are_where_the_template_says(ogc: Client, parent: str) -> None:
    """/req/core/tc-op, tc-success, tc-error, tc-tilematrix-definition, tc-tilerow-definition, tc-tilecol-definition;
    /req/mvt/content"""
    whole = got(ogc, f"/ogc{parent}/tiles/WebMercatorQuad")
    template = links(whole, "item")[0]["href"].removeprefix(BASE)
    shown: set[str] = set()
    for limits in whole["tileMatrixSetLimits"][:12]:
        rows = range(limits["minTileRow"], limits["maxTileRow"] + 1)
        columns = range(limits["minTileCol"], limits["maxTileCol"] + 1)
        z = limits["tileMatrix"]
        for row in rows:
            for column in columns:
                answer = ogc.get(template.format(tileMatrix=z, tileRow=row, tileCol=column))
                assert answer.status_code in (200, 204)
                tileset = "grid" if int(z) >= 10 else "hexes"
                layers = f"?layers={parent.rpartition('/')[2]}" if parent else ""
                assert answer.content == ogc.get(f"/tiles/{tileset}/{z}/{column}/{row}.mvt{layers}").content
                if answer.content:
                    assert answer.headers["content-type"] == MVT
                    shown |= set(tiles.read(answer.content))
        for field, row, column in (
            ("tileRow", rows.stop, columns.start),
            ("tileCol", rows.start, columns.start - 1),
            ("tileRow", 2 ** int(z), columns.start),
        ):
            if row < 2 ** int(z) and column < 0:
                continue
            problem = got(ogc, template.format(tileMatrix=z, tileRow=row, tileCol=column), 404)
            assert problem["field"] == field or row >= rows.stop
    assert shown >= ({parent.rpartition("/")[2]} if parent else {"hexes", "lines", "meters"})
    for matrix in ("17", "9" if parent else "25"):
        assert got(ogc, template.format(tileMatrix=matrix, tileRow=0, tileCol=0), 404)["field"] == "tileMatrix"
    for wrong in ("one", "1.5", "-1"):
        assert got(ogc, template.format(tileMatrix="16", tileRow=wrong, tileCol=0), 400)["field"] in (
            "tileRow",
            "tileCol",
        )
