"""What the commands share: arguments, exit codes, opening a store."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from twin.engine import Twin
from twin.postgis_url import redacted
from twin.store import StoreMissing
from twin.stores import open_store
from web import console

FINE, FINDINGS, BAD_INPUT = 0, 1, 2
SHOWN = 20
"""Rows that a table for people shows before it says how many more there are."""

StoreUrl = Annotated[
    str, typer.Argument(metavar="STORE", help="A GeoPackage file (grid.gpkg), or a PostGIS database (postgresql://…)")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON")]
Note = Annotated[str, typer.Option(help="Kept in the log")]
Author = Annotated[str, typer.Option(help="Who does it, kept in the log; the login name if left out")]
IfEmpty = Annotated[bool, typer.Option("--if-empty", help="Do nothing where the store holds a network already")]


def login_name() -> str:
    """Whom the log names where nobody is given; empty for a user whom the system has no name for."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def holds_network(url: str) -> bool:
    """Whether a store is there and holds a network; a store that cannot be reached raises StoreError."""
    try:
        store = open_store(url)
    except StoreMissing:
        return False
    try:
        return store.head() is not None
    finally:
        store.close()


@contextmanager
def opened(store: str, *, write: bool = False) -> Iterator[Twin]:
    with console.progress("opening") as step:
        step(redacted(store))
        twin = _from_store(store, write=write)
    with twin:
        yield twin


def _from_store(url: str, *, write: bool = False) -> Twin:
    store = open_store(url, write=write)
    try:
        return Twin.from_store(store)
    except BaseException:
        store.close()
        raise
