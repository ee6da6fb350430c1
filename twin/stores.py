"""From a store's URL to the store: `grid.gpkg` or `postgresql://…`."""

from __future__ import annotations

import importlib
import re
from importlib.util import find_spec
from pathlib import Path

from twin.geopackage import GeoPackageStore
from twin.postgis_url import SCHEMES
from twin.store import Store, StoreError

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+)://")


class UnknownStore(StoreError):
    """A URL of a kind that no store reads."""


def is_store(url: str) -> bool:
    """Whether a name is that of a store, and not of a source to load from."""
    scheme = _SCHEME.match(url)
    return url.lower().endswith(".gpkg") if scheme is None else scheme[1] in SCHEMES


def open_store(url: str, *, write: bool = False, create: bool = False) -> Store:
    """Opens a store; `write` takes the one writer's place, `create` makes what is not there yet.

    Raises StoreError (UnknownStore, StoreMissing, StoreLocked, StoreInvalid) with a sentence that says what to do.
    """
    scheme = _SCHEME.match(url)
    if scheme is not None and scheme[1] in SCHEMES:
        return _postgis(url, write, create)
    if scheme is not None:
        raise UnknownStore(
            f"no store reads {scheme[1]}:// URLs; give a postgresql:// URL, or the name of a file that ends in .gpkg"
        )
    path = Path(url)
    if path.suffix.lower() != ".gpkg":
        raise UnknownStore(
            f"{url!r} is no store: give the name of a GeoPackage file, which ends in .gpkg, or a postgresql:// URL"
        )
    return GeoPackageStore(path, write=write, create=create)


def _postgis(url: str, write: bool, create: bool) -> Store:
    """Its driver is an extra, and takes a moment to import: only who needs it waits for it."""
    if find_spec("asyncpg") is None or find_spec("alembic") is None:
        raise UnknownStore("postgresql:// URLs need the extra of that name: pip install 'gridtwin[postgis]'")
    store: Store = importlib.import_module("twin.postgis").PostgisStore(url, write=write, create=create)
    return store
