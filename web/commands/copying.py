"""`gridtwin copy`: backup, restore, and from one kind of store to another."""

from __future__ import annotations

from typing import Annotated

import typer

from twin.copying import copy_store
from twin.postgis_url import redacted
from twin.stores import open_store
from web import console
from web.commands.options import AsJson, StoreUrl

TargetUrl = Annotated[str, typer.Argument(metavar="STORE", help="Where to copy it; must hold nothing yet")]


def copy(source: StoreUrl, target: TargetUrl, json: AsJson = False) -> None:
    """Copy all of a store to another one, of any kind: every model, the log as it is, answers and scenarios."""
    kept = open_store(source)
    try:
        made = open_store(target, write=True, create=True)
        try:
            with console.progress(f"copying to {redacted(target)}") as step:
                report = copy_store(kept, made, step)
        finally:
            made.close()
    finally:
        kept.close()
    if json:
        console.write_json(report.to_json() | {"store": redacted(target)})
        return
    console.say(
        f"Copied {report.models} models, {report.events:,} events, {report.answers:,} answers and "
        f"{report.scenarios} scenarios to {redacted(target)}, at revision {report.revision}."
    )
    for model in report.missing:
        console.say(f"Model {model} is in the log, and not kept in {redacted(source)} any more.")
