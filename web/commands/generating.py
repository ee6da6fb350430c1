"""`gridtwin generate`: a made-up utility, stored."""

from __future__ import annotations

from typing import Annotated

import typer

from loaders.generate import LEAST, MOST
from loaders.generate import generate as make
from web import console
from web.commands.loading import StoreOption, keep, left_alone, show_report
from web.commands.options import AsJson, Author, IfEmpty, Note


def generate(
    meters: Annotated[int, typer.Option(help=f"How many meters, {LEAST} to {MOST:,}")],
    store: StoreOption,
    feeders: Annotated[int | None, typer.Option(help="How many feeders; one for 1,500 meters if left out")] = None,
    seed: Annotated[int, typer.Option(help="The same numbers give the same utility, byte for byte")] = 0,
    flaws: Annotated[int, typer.Option(help="Defects of each kind to put in, for `check` to find")] = 0,
    note: Note = "",
    author: Author = "",
    if_empty: IfEmpty = False,
    json: AsJson = False,
) -> None:
    """Make up a utility of any size: streets, substations, feeders, open ties, transformers, meters; store it."""
    if if_empty and left_alone(store):
        return
    with console.progress("generating") as step:
        network, report = make(meters, feeders, seed, flaws=flaws, progress=step)
    keep(network, store, note or network.name, author)
    if json:
        console.write_json(report.to_json() | {"store": store, "model": network.model})
        return
    show_report(report)
    console.say(f"Stored in {store} as model {network.model}.")
