"""`gridtwin export`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from loaders.cim_export import CimExported, export_cim
from loaders.cim_files import SUFFIXES as CIM_SUFFIXES
from tiles.export import ARCHIVES, Pyramid, export_pyramid
from tiles.export_files import ExportError, replacing
from tiles.export_layers import TABLES, export_layers
from tiles.export_tables import EXPORT_NAMES
from tiles.layers import LAYER_NAMES
from tiles.qgis import project
from tiles.source import TileSource
from tiles.tilejson import TILESETS
from twin.layer_columns import MODEL_LAYERS
from twin.postgis_url import redacted
from twin.trace_kinds import FIELDS
from twin.views import STATES, StateName, View, Views, parse_instant
from web import console
from web.commands.exported import counted, notes, show_counts, show_tiles
from web.commands.options import AsJson, StoreUrl, opened
from web.settings import Settings

MAX_TILES = 10_000_000
"""In one export, unless asked for otherwise."""
INTERRUPTED = 130
"""Exit code, as shells have it for Ctrl+C."""

PROJECT = ".qgs"
ENDINGS = (*ARCHIVES, *TABLES, *CIM_SUFFIXES, PROJECT)

File = Annotated[Path, typer.Argument(metavar="FILE", help=f"Ends in {', '.join(ENDINGS)}")]
Layers = Annotated[
    str,
    typer.Option(help=f"Of {', '.join(EXPORT_NAMES)}, with commas between; all where left out, of tiles those of maps"),
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
Url = Annotated[str, typer.Option(help=f"For {PROJECT}: address of the server it shows; as `serve` has it if left out")]
MaxTiles = Annotated[int, typer.Option(min=1, help="For tiles: more are refused before the first is made")]
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
    max_tiles: MaxTiles = MAX_TILES,
    url: Url = "",
    overwrite: Overwrite = False,
    json: AsJson = False,
) -> None:
    """Write one state to a file: all tiles (.pmtiles, .mbtiles), the layers (.gpkg, .parquet, .geojson, .geojsonl), CIM
    RDF/XML (.xml, .rdf), or a QGIS project of a server (.qgs). Layers and CIM load again with `gridtwin load`.

    Tiles that were interrupted go on where they were: run the same command again.
    """
    if state not in STATES:
        raise typer.BadParameter(f"state is {state!r}; it must be {' or '.join(STATES)}")
    named: StateName = "normal" if state == "normal" else "current"
    view = View(named, scenario, None if at is None else parse_instant(at), revision)
    _check_file(store, file, overwrite)
    ending = file.suffix.lower()
    of_tiles = {"tileset": tileset, "min-zoom": minzoom, "max-zoom": maxzoom}
    if ending not in ARCHIVES:
        _refuse(file, "tiles", ARCHIVES, of_tiles)
    if ending not in (*ARCHIVES, *TABLES):
        _refuse(file, "layers", (*ARCHIVES, *TABLES), {"layers": layers})
    if ending != PROJECT:
        _refuse(file, "QGIS projects", (PROJECT,), {"url": url})
    wanted = tuple(name for name in layers.split(",") if name)
    if ending in TABLES:
        _export_layers(store, file, view, wanted or EXPORT_NAMES, json)
    elif ending in CIM_SUFFIXES:
        _export_cim(store, file, view, json)
    elif ending == PROJECT:
        if view != View():
            raise typer.BadParameter(f"--state, --scenario, --at and --revision are none of {file}: its server tells")
        _export_project(store, file, url, json)
    else:
        pyramid = Pyramid.within((tileset,) if tileset else TILESETS, wanted or LAYER_NAMES, minzoom, maxzoom)
        _export_tiles(store, file, view, pyramid, attribution, cores, max_tiles, json)


def _export_layers(store: str, file: Path, view: View, wanted: tuple[str, ...], json: bool) -> None:
    with opened(store) as twin, console.progress(f"exporting {file.name}") as step:
        snapshot = Views(twin).see(view).snapshot
        counts = export_layers(snapshot.network, snapshot, file, wanted, step)
    missing = [name for name in MODEL_LAYERS if name not in wanted]
    said = notes(snapshot)
    if missing:
        said = [f"it is a part of the network, without {', '.join(missing)}, and cannot be loaded as one"]
    show_counts(file, "features", "layer", counts, said, json)


def _export_cim(store: str, file: Path, view: View, json: bool) -> None:
    with opened(store) as twin, counted() as progress:
        snapshot = Views(twin).see(view).snapshot
        with replacing(file) as unfinished, unfinished.open("wb") as stream:
            made: CimExported = export_cim(snapshot.network, snapshot, stream, progress)
    show_counts(file, "objects", "class", made.counts, [*made.notes, *notes(snapshot)], json)


def _export_project(store: str, file: Path, url: str, json: bool) -> None:
    settings = Settings(public_url=url)
    with opened(store) as twin:
        name, bounds = twin.network.name or "gridtwin", twin.network.bounds
    address = url.rstrip("/") or f"http://{settings.host}:{settings.port}"
    with replacing(file) as unfinished:
        unfinished.write_bytes(project(address, name, bounds))
    if json:
        console.write_json({"file": str(file), "bytes": file.stat().st_size, "url": address})
        return
    console.say(f"{file} shows {address}: `gridtwin serve {redacted(store)}` before QGIS opens it.")


def _export_tiles(
    store: str,
    file: Path,
    view: View,
    pyramid: Pyramid,
    attribution: str,
    cores: int | None,
    max_tiles: int,
    json: bool,
) -> None:
    with opened(store) as twin, _going_on_later(file), counted() as progress:
        seen = Views(twin).see(view)
        made = export_pyramid(
            TileSource(seen.snapshot.network),
            seen.snapshot,
            file,
            pyramid,
            state=view.state if seen.scenario is None else f"scenario {seen.scenario}, {view.state}",
            attribution=attribution,
            cores=cores,
            max_tiles=max_tiles,
            progress=progress,
        )
    show_tiles(file, made, json)


@contextmanager
def _going_on_later(file: Path) -> Iterator[None]:
    """Ctrl+C is no failure: what was made is kept."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        console.say(f"Interrupted. {file}.part keeps the tiles made so far: run the same command to go on.")
        raise typer.Exit(INTERRUPTED) from interrupt


def _check_file(store: str, file: Path, overwrite: bool) -> None:
    if file.suffix.lower() not in ENDINGS:
        raise ExportError(f"{file}: no such kind of export; its name must end in {', '.join(ENDINGS)}")
    if not file.parent.is_dir():
        raise ExportError(f"{file}: there is no folder {file.parent}")
    if not file.exists():
        return
    if file.resolve() == Path(store).resolve():
        raise ExportError(f"{file} is the store itself; give another name")
    if not overwrite:
        raise ExportError(f"{file} exists; say --overwrite to replace it, or give another name")


def _refuse(file: Path, what: str, endings: Iterable[str], given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value not in (None, ""):
            raise typer.BadParameter(f"--{name} is for {what} ({', '.join(endings)}), and {file} is none")
