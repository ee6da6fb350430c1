"""The URL of a PostGIS store, and that its password never shows."""

from __future__ import annotations

import pytest

from twin.postgis_url import PostgisUrl, redacted
from twin.store import StoreError

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("text", "shown", "schema", "database", "user"),
    [
        (f"postgresql://ann:{SECRET}@db:5433/grid", "postgresql://ann:***@db:5433/grid", "gridtwin", "grid", "ann"),
        (f"postgres://ann:{SECRET}@db/g?schema=north", "postgres://ann:***@db/g?schema=north", "north", "g", "ann"),
        ("postgresql://db/grid", "postgresql://db/grid", "gridtwin", "grid", ""),
        ("postgresql:///grid?host=/run/pg", "postgresql:///grid?host=/run/pg", "gridtwin", "grid", ""),
        (f"postgresql://a%40b:p@{SECRET}@db/g", "postgresql://a%40b:***@db/g", "gridtwin", "g", "a%40b"),
        (
            f"postgres://db/g?user=ann&password={SECRET}",
            "postgres://db/g?user=ann&password=***",
            "gridtwin",
            "g",
            "ann",
        ),
        (f"postgresql://ann:{SECRET}@db?database=g", "postgresql://ann:***@db?database=g", "gridtwin", "g", "ann"),
    ],
)
def test_urls(text: str, shown: str, schema: str, database: str, user: str) -> None:
    url = PostgisUrl.parse(text)
    assert (str(url), url.schema, url.database, url.user) == (shown, schema, database, user)
    assert SECRET not in repr(url) and SECRET not in f"{url}" and SECRET not in redacted(f"cannot open {text}, sorry")
    assert "schema=" not in url.dsn
    assert (SECRET in text) == (SECRET in url.dsn)


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://ann:{SECRET}@db:port/grid",
        f"postgresql://ann:{SECRET}@[db/grid",
        f"postgresql://ann:{SECRET}@db/grid#part",
        f"postgresql://ann:{SECRET}@db/grid?schema",
        f"mysql://ann:{SECRET}@db/grid",
        *(
            f"postgresql://ann:{SECRET}@db/grid?schema={name}"
            for name in ("", "pg_x", "A", "1a", "a-b", 'a"b', "x" * 41, "a;drop")
        ),
    ],
)
def test_what_is_no_url_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(StoreError) as refused:
        PostgisUrl.parse(text)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("text", ["grid.gpkg", "a b", "https://example.org/a?b=c", "C:/x@y", "at 12:30 by a@b"])
def test_other_text_stays(text: str) -> None:
    assert redacted(text) == text


def test_a_url_that_a_path_spoiled_is_hidden_too() -> None:
    assert SECRET not in redacted(f"postgresql:/ann:{SECRET}@db/grid is not there")
