"""`gridtwin switch`."""

from __future__ import annotations

from typing import Annotated

import typer

from twin import phases
from twin.engine import SwitchingResult
from twin.events import Operation
from twin.outages import outages
from web import console
from web.commands.options import AsJson, Author, Note, StoreUrl, login_name, opened

Mrids = Annotated[list[str], typer.Argument(metavar="MRID…", help="Ids of switches")]


def switch(
    store: StoreUrl,
    what: Annotated[str, typer.Argument(help="open, close, or normal (every switch to its normal position)")],
    mrids: Mrids = [],  # noqa: B006  typer reads the default, nobody changes it
    phases_: Annotated[str, typer.Option("--phases", help="Only these phases, such as A")] = "",
    note: Note = "",
    author: Author = "",
    json: AsJson = False,
) -> None:
    """Operate switches as one batch and say who lost and who regained supply."""
    if what not in ("open", "close", "normal") or (what == "normal") != (not mrids):
        raise typer.BadParameter("say `open MRID…`, `close MRID…` or `normal`")
    mask = phases.code_to_mask(phases_) if phases_ else 0
    with opened(store, write=True) as twin:
        operations = [Operation(mrid, what == "open", mask) for mrid in mrids]
        who = author or login_name()
        result = twin.switch(operations, normal=what == "normal", author=who, note=note)
        out = twin.current.customers_out
        areas = [outage.to_json() for outage in outages(twin)]
    if json:
        console.write_json(result.to_json() | {"customers_out": out, "outages": areas})
    else:
        _show_switching(result, out, len(areas))


def _show_switching(result: SwitchingResult, customers_out: int, areas: int) -> None:
    lost, gained = result.deenergized, result.reenergized
    console.facts(
        f"Revision {result.revision}",
        {
            "lost supply": f"{lost.customers:,} customers, {lost.nodes:,} nodes",
            "regained supply": f"{gained.customers:,} customers, {gained.nodes:,} nodes",
            "out now": f"{customers_out:,} customers in {areas:,} areas",
        },
    )
