"""`gridtwin export`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from tiles.budget import COMPRESSED_LIMIT
from tiles.export import ARCHIVES, Exported, Pyramid, export_pyramid
from tiles.export_files import ExportError
from tiles.export_layers import TABLES, export_layers
from tiles.frames import FRAME_NAMES
from tiles.layers import LAYER_NAMES
from tiles.source import TileSource
from tiles.tilejson import TILESETS
from twin.trace_kinds import FIELDS
from twin.views import STATES, StateName, View, Views, parse_instant
from web import console
from web.commands.options import AsJson, StoreUrl, opened

INTERRUPTED = 130
"""Exit code, as shells have it for Ctrl+C."""

File = Annotated[Path, typer.Argument(metavar="FILE", help=f"Ends in {', '.join([*ARCHIVES, *TABLES])}")]
Layers = Annotated[
    str, typer.Option(help=f"Of {', '.join(FRAME_NAMES)}, with commas between; all but nodes where left out")
]
State = Annotated[str, typer.Option(help="current or normal switch positions")]
Scenario = Annotated[str | None, typer.Option(help=FIELDS["scenario"].replace("to trace in", "to export"))]
At = Annotated[str | None, typer.Option(help=FIELDS["at"].replace("to trace in", "to export"))]
Revision = Annotated[int | None, typer.Option(min=0, help=FIELDS["revision"].replace("to trace in", "to export"))]
Tileset = Annotated[str, typer.Option(help=f"For tiles: {' or '.join(TILESETS)}; both where left out")]
MinZoom = Annotated[int | None, typer.Option("--min-zoom", help="For tiles: the lowest zoom")]
MaxZoom = Annotated[int | None, typer.Option("--max-zoom", help="For tiles: the deepest zoom")]
Attribution = Annotated[str, typer.Option(help="For tiles: whose data it is, as maps show it")]
Cores = Annotated[int | None, typer.Option(min=1, help="For tiles: processes that make them; one a core if left out")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace FILE where it exists")]


def export(
    store: StoreUrl,
    file: File,
    layers: Layers = "",
    state: State = "current",
    scenario: Scenario = None,
    at: At = None,
    revision: Revision = None,
    tileset: Tileset = "",
    minzoom: MinZoom = None,
    maxzoom: MaxZoom = None,
    attribution: Attribution = "",
    cores: Cores = None,
    overwrite: Overwrite = False,
    json: AsJson = False,
) -> None:
    """Write all tiles (.pmtiles, .mbtiles) or the layers (.gpkg, .parquet, .geojson, .geojsonl) of one state to a file.

    Tiles that were interrupted go on where they were: run the same command again.
    """
    if state not in STATES:
        raise typer.BadParameter(f"state is {state!r}; it must be {' or '.join(STATES)}")
    named: StateName = "normal" if state == "normal" else "current"
    view = View(named, scenario, None if at is None else parse_instant(at), revision)
    _check_file(store, file, overwrite)
    wanted = tuple(name for name in layers.split(",") if name) or LAYER_NAMES
    if file.suffix.lower() not in ARCHIVES:
        _refuse_for_layers(file, {"tileset": tileset, "min-zoom": minzoom, "max-zoom": maxzoom})
        with opened(store) as twin, console.progress(f"exporting {file.name}") as step:
            snapshot = Views(twin).see(view).snapshot
            counts = export_layers(snapshot.network, snapshot, file, wanted, step)
        _show_layers(file, counts, json)
        return
    pyramid = Pyramid.within((tileset,) if tileset else TILESETS, wanted, minzoom, maxzoom)
    with opened(store) as twin, _going_on_later(file), _counted() as progress:
        seen = Views(twin).see(view)
        made = export_pyramid(
            TileSource(seen.snapshot.network),
            seen.snapshot,
            file,
            pyramid,
            state=state if seen.scenario is None else f"scenario {seen.scenario}, {state}",
            attribution=attribution,
            cores=cores,
            progress=progress,
        )
    _show_tiles(file, made, json)


def _check_file(store: str, file: Path, overwrite: bool) -> None:
    if file.suffix.lower() not in (*ARCHIVES, *TABLES):
        raise ExportError(f"{file}: no such kind of export; its name must end in {', '.join([*ARCHIVES, *TABLES])}")
    if not file.parent.is_dir():
        raise ExportError(f"{file}: there is no folder {file.parent}")
    if not file.exists():
        return
    if file.resolve() == Path(store).resolve():
        raise ExportError(f"{file} is the store itself; give another name")
    if not overwrite:
        raise ExportError(f"{file} exists; say --overwrite to replace it, or give another name")


def _refuse_for_layers(file: Path, given: dict[str, object]) -> None:
    for name, value in given.items():
        if value not in (None, ""):
            raise typer.BadParameter(f"--{name} is for tiles ({', '.join(ARCHIVES)}), and {file} holds layers")


@contextmanager
def _going_on_later(file: Path) -> Iterator[None]:
    """Ctrl+C is no failure: what was made is kept."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        console.say(f"Interrupted. {file}.part keeps the tiles made so far: run the same command to go on.")
        raise typer.Exit(INTERRUPTED) from interrupt


@contextmanager
def _counted() -> Iterator[Callable[[str, int, int], None]]:
    """A bar that knows how far it is. It draws itself when it is told something, as forks and threads do not mix."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(
        *columns,
        TimeRemainingColumn(),
        console=console.err,
        transient=True,
        auto_refresh=False,
        disable=not console.err.is_terminal,
    )
    task, drawn, shown = bar.add_task("", total=None), 0.0, ""
    with bar:

        def told(what: str, done: int, of: int) -> None:
            nonlocal drawn, shown
            if what == shown and done < of and time.monotonic() < drawn + 0.1:
                return
            if what != shown:
                bar.reset(task, description=what, total=of or None, completed=done)
            bar.update(task, completed=done)
            bar.refresh()
            drawn, shown = time.monotonic(), what

        yield told


def _show_layers(file: Path, counts: dict[str, int], json: bool) -> None:
    size = file.stat().st_size
    if json:
        console.write_json({"file": str(file), "bytes": size, "features": counts})
        return
    console.table("", ("layer", "features"), list(counts.items()))
    console.say(f"{file}: {size:,} bytes")


def _show_tiles(file: Path, made: Exported, json: bool) -> None:
    if made.discarded is not None:
        console.say(
            f"{file}.part was of another export ({made.discarded['state']} state of revision "
            f"{made.discarded['revision']}, model {made.discarded['model']}); this one began anew."
        )
    if json:
        console.write_json(
            {
                "file": str(file),
                "bytes": made.bytes,
                "tiles": made.tiles,
                "resumed": made.resumed,
                "partial_tiles": made.partial,
                "left_out": made.left_out,
            }
        )
        return
    console.say(f"{file}: {made.tiles:,} tiles, {made.bytes:,} bytes")
    if made.resumed:
        console.say(f"{made.resumed:,} of them were there from an export that was interrupted.")
    if made.partial:
        console.say(
            f"{made.partial:,} tiles are not complete: to stay below {COMPRESSED_LIMIT // 1000} kB they leave out "
            f"{made.left_out:,} features, the least important first, and say so in their layer `partial`."
        )
