"""`gridtwin load`, and what else reads a source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loaders import formats
from loaders.layers_source import open_layers
from loaders.layers_suggest import suggested
from loaders.report import LoadError, LoadReport
from twin.engine import Twin
from twin.events import ModelReplaced
from twin.network import Network
from twin.postgis_url import redacted
from twin.stores import open_store
from twin.validation import findings
from web import console
from web.commands.options import AsJson, Author, IfEmpty, Note, holds_network, login_name
from web.commands.source_options import Crs, Format

StoreOption = Annotated[str, typer.Option("--store", help="Where to keep it: grid.gpkg, or postgresql://…")]

OptionalStore = Annotated[str | None, typer.Option("--store", help="Where to keep it: grid.gpkg, or postgresql://…")]
MappingFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="For GIS layers: a TOML file that says which layer is what")
]
SuggestMapping = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Only write a first mapping for GIS layers, to a new file, or - for the screen"),
]


def load(
    source: Annotated[str, typer.Argument(help="A folder or file to read; postgresql://… for GIS layers in PostGIS")],
    store: OptionalStore = None,
    format_: Format = "auto",
    crs: Crs = None,
    mapping: MappingFile = None,
    suggest_mapping: SuggestMapping = None,
    note: Note = "",
    author: Author = "",
    if_empty: IfEmpty = False,
    json: AsJson = False,
) -> None:
    """Read a network, check that it is whole, store it, and report what was read, used and left out."""
    if suggest_mapping is not None:
        suggest(source, suggest_mapping)
        return
    if store is None:
        raise typer.BadParameter("it is needed: grid.gpkg, or postgresql://…", param_hint="--store")
    if if_empty and left_alone(store):
        return
    network, report = read(source, format_, crs, mapping)
    with console.progress("checking") as step:
        found = findings(network, progress=step)
    dead = [finding for finding in found if finding.kind == "no_source"]
    if dead:
        raise LoadError(f"{redacted(source)}: {dead[0].message} Nothing was stored.")
    vanished = keep(network, store, note, author)
    if json:
        console.write_json(
            report.to_json() | {"store": redacted(store), "model": network.model, "vanished": list(vanished)}
        )
        return
    show_report(report)
    for mrid in vanished:
        console.say(f"Off normal before, and gone from the new model: {mrid}")
    console.say(f"Stored in {redacted(store)} as model {network.model}.")
    if found:
        console.say(f"{len(found)} findings: see `gridtwin check {redacted(store)}`.")


def left_alone(store: str) -> bool:
    """Whether a store holds a network already, which is then said."""
    there = holds_network(store)
    if there:
        console.say(f"{redacted(store)} holds a network already and is left as it is.")
    return there


def suggest(source: str, target: Path) -> None:
    """Writes a first mapping for a source; a file that is there already is left alone."""
    if "://" not in source and not Path(source).exists():
        raise LoadError(f"{source} is not there")
    layers = open_layers(source)
    try:
        text = suggested(layers)
    finally:
        layers.close()
    if str(target) == "-":
        console.write(text)
        return
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise LoadError(f"--suggest-mapping: {target} is there already; name a new file") from error
    except OSError as error:
        raise LoadError(f"--suggest-mapping: {target} cannot be written: {error.strerror}") from error
    console.say(f"A first mapping is in {target}: check it, then load with --mapping {target}.")


def read(
    source: Path | str, format_name: str, crs: str | None = None, mapping: Path | None = None
) -> tuple[Network, LoadReport]:
    with console.progress(f"loading {redacted(str(source)).rpartition('/')[2]}") as step:
        return formats.read(source, format_name, crs=crs, mapping=mapping, progress=step)


def keep(network: Network, url: str, note: str, author: str = "") -> tuple[str, ...]:
    """Stores a network; returns the switches off normal that are gone. author: the login name where it is empty."""
    with console.progress("storing") as step:
        step(redacted(url))
        store = open_store(url, write=True, create=True)
        try:
            Twin.load(network, store, author=author or login_name(), note=note)
            (*_, last) = store.events()
        finally:
            store.close()
    assert isinstance(last.event, ModelReplaced)
    return last.event.vanished


def show_report(report: LoadReport) -> None:
    rows = [(kind, read, report.used[kind], read - report.used[kind]) for kind, read in report.read.items()]
    console.table(f"{report.source} ({report.format})", ("kind", "read", "used", "left out"), rows)
    for skipped in report.skipped:
        first = ", ".join(skipped.first_ids)
        console.say(f"Left out {skipped.count:,} {skipped.kind} ({first}, …): {skipped.reason}.")
    for note in report.notes:
        console.say(f"{note}.")
