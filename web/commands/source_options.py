"""Arguments of the commands that read a source."""

from __future__ import annotations

from typing import Annotated

import typer

from loaders import formats

Format = Annotated[str, typer.Option("--format", help=f"auto, or the name of a format: {formats.NAMES}")]
Crs = Annotated[
    str | None,
    typer.Option(help="Coordinate system of a source that does not say it: EPSG:25832", metavar="EPSG:n"),
]
