"""From a store's URL to the store: `grid.gpkg`, or `postgresql://…` once that store is there."""

from __future__ import annotations

import re
from pathlib import Path

from twin.geopackage import GeoPackageStore
from twin.store import Store, StoreError

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+)://")


class UnknownStore(StoreError):
    """A URL of a kind that no store reads."""


def open_store(url: str, *, write: bool = False, create: bool = False) -> Store:
    """Opens a store; `write` takes the one writer's place, `create` makes what is not there yet.

    Raises StoreError (UnknownStore, StoreMissing, StoreLocked, StoreInvalid) with a sentence that says what to do.
    """
    scheme = _SCHEME.match(url)
    if scheme is not None:
        raise UnknownStore(f"no store reads {scheme[1]}:// URLs yet; give the name of a file that ends in .gpkg")
    path = Path(url)
    if path.suffix.lower() != ".gpkg":
        raise UnknownStore(f"{url!r} is no store: give the name of a GeoPackage file, which ends in .gpkg")
    return GeoPackageStore(path, write=write, create=create)
