"""The URL of a PostGIS store; its password never shows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from twin.store import StoreError

SCHEMES = ("postgresql", "postgres")
DEFAULT_SCHEMA = "gridtwin"
HIDDEN = "***"

_SCHEMA_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,39}")
_PASSWORD = re.compile(r"([a-z][a-z0-9+.-]*:/{1,2}[^\s:/@]*:)\S*@")  # up to the last @: it may hold one
_PASSWORD_ASKED = re.compile(r"([?&](?:ssl)?password=)[^\s&#'\"]+")
_SECRETS = ("password", "sslpassword")


@dataclass(frozen=True, repr=False)
class PostgisUrl:
    """`postgresql://user:password@host:port/database?schema=gridtwin`.

    As text, and in every message, the password is `***`. dsn: what the driver needs, password and all. schema: the
    PostgreSQL schema that holds the store. database, user: for messages; empty where the URL leaves them out.
    """

    dsn: str = field(repr=False)
    schema: str
    database: str
    user: str
    _shown: str

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"PostgisUrl({self._shown!r})"

    @classmethod
    def parse(cls, text: str) -> PostgisUrl:
        """Reads a URL; raises StoreError, which does not repeat it, for one that is none."""
        try:
            parts = urlsplit(text)
            _ = parts.port
            query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            raise _malformed() from None
        if parts.scheme not in SCHEMES or parts.fragment:
            raise _malformed()
        schema = next((value for name, value in query if name == "schema"), DEFAULT_SCHEMA)
        if not _SCHEMA_NAME.fullmatch(schema):
            raise StoreError(
                f"schema={schema!r} is no name for a schema: use at most 40 lower-case letters, digits and _, "
                "without pg_ in front"
            )
        kept = [(name, value) for name, value in query if name != "schema"]
        given = dict(kept)
        return cls(
            _joined(parts, parts.netloc, urlencode(kept)),
            schema,
            parts.path.lstrip("/") or given.get("database", ""),
            parts.username or given.get("user", ""),
            _shown(parts, query),
        )


def redacted(text: str) -> str:
    """Any text with the passwords of the URLs in it hidden."""
    return _PASSWORD_ASKED.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1{HIDDEN}@", text))


def _shown(parts: SplitResult, query: list[tuple[str, str]]) -> str:
    user, at, place = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    netloc = f"{name}{colon}{HIDDEN if colon else ''}{at}{place}"
    shown = [(key, HIDDEN if key in _SECRETS else value) for key, value in query]
    return _joined(parts, netloc, urlencode(shown, safe="*/"))


def _joined(parts: SplitResult, netloc: str, query: str) -> str:
    return f"{parts.scheme}://{netloc}{parts.path}{'?' if query else ''}{query}"


def _malformed() -> StoreError:
    return StoreError(
        "this is no URL of a PostGIS store; write postgresql://user:password@host:port/database?schema=gridtwin, "
        "with %40 for an @ in the password"
    )
