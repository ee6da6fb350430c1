"""`gridtwin token`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from web import console
from web.access import SCOPES, TokenFile, add_token


def token(
    file: Annotated[Path, typer.Argument(help="File of hashed tokens, for `gridtwin serve --token-file`")],
    name: Annotated[str, typer.Option(help="Who it is for; the log keeps this name")],
    scope: Annotated[str, typer.Option(help=f"What they may do: {', '.join(SCOPES)}; each may what those before may")],
    until: Annotated[str | None, typer.Option(help="The day it ends, such as 2027-01-31")] = None,
    first: Annotated[bool, typer.Option("--first", help="Do nothing where the file holds tokens already")] = False,
) -> None:
    """Make an access token, keep its hash in a file, and show the token this one time."""
    if first and file.exists() and TokenFile(file).count:
        console.say(f"{file} holds tokens already; `gridtwin token` without --first adds another.")
        return
    made = add_token(file, name, scope, until)
    console.write(made + "\n")
    console.say(f"This is the token of {name}; it cannot be shown again. Delete their line in {file} to end it.")
