"""Every format that is read, how it is recognised, and one way to read any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loaders.bdgd import is_bdgd, read_bdgd
from loaders.cim import is_cim, read_cim
from loaders.coordinates import PlaceError
from loaders.exported_layers import is_exported, read_exported
from loaders.layers import is_layers, read_layers
from loaders.opendss import is_opendss, read_opendss
from loaders.pandapower import is_pandapower, read_pandapower
from loaders.report import LoadError, LoadReport
from loaders.simbench import is_simbench, read_simbench
from twin.components import TableError
from twin.mrids import DuplicateMrid
from twin.network import Network, NetworkError
from twin.postgis_url import redacted

Progress = Callable[[str], None]


class Reader(Protocol):
    """Reads one format; raises LoadError and then has made nothing."""

    def __call__(self, source: Path, /, *, crs: str | None, progress: Progress) -> tuple[Network, LoadReport]: ...


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name, what it looks like in words, how to tell, how to read."""

    name: str
    looks_like: str
    recognises: Callable[[Path], bool]
    read: Reader


def _simbench(source: Path, /, *, crs: str | None, progress: Progress) -> tuple[Network, LoadReport]:
    if crs is not None:
        raise LoadError(f"--crs is {crs!r}, but simbench is in degrees by its definition: leave it out")
    return read_simbench(source, progress=progress)


def _layers(source: Path, /, *, crs: str | None, progress: Progress) -> tuple[Network, LoadReport]:
    raise _unmapped(str(source))


def _unmapped(source: str) -> LoadError:
    return LoadError(
        f"{source} holds GIS layers: say with --mapping what they are; "
        f"`gridtwin load {source} --suggest-mapping FILE` writes a first mapping"
    )


FORMATS = (
    Format("simbench", "a folder with Node.csv and Coordinates.csv", is_simbench, _simbench),
    Format("pandapower", "a JSON file that pandapower wrote", is_pandapower, read_pandapower),
    Format(
        "opendss", "a .dss file, a folder with its master, or a tar archive of that folder", is_opendss, read_opendss
    ),
    Format("cim", "CIM RDF/XML: a .xml or .rdf file, a folder or a zip archive of such", is_cim, read_cim),
    Format("gridtwin", "layers that gridtwin exported: GeoPackage, GeoParquet or GeoJSON", is_exported, read_exported),
    Format("bdgd", "a geodatabase of ANEEL's BDGD, zipped or not", is_bdgd, read_bdgd),
    Format("layers", "GIS layers and a mapping of them", is_layers, _layers),
)
NAMES = ", ".join(known.name for known in FORMATS)
"""Of every format, for people to read."""


def read(
    source: Path | str,
    format_name: str = "auto",
    *,
    crs: str | None = None,
    mapping: Path | None = None,
    progress: Progress = lambda step: None,
) -> tuple[Network, LoadReport]:
    """Reads a source of the named format, or of the one it looks like.

    source: a file or folder, or as text the URL of a PostGIS database whose tables are GIS layers.
    crs: the coordinate system of its coordinates, such as EPSG:25832, for a format that does not know it itself.
    mapping: a TOML file that says what GIS layers are, which then is the format. Raises LoadError with one sentence
    for a source that is not there, of no known format, or not whole.
    """
    if isinstance(source, str) and "://" not in source:
        source = Path(source)
    if isinstance(source, Path) and not source.exists():
        raise LoadError(f"{source} is not there")
    if mapping is not None and format_name not in ("auto", "layers"):
        raise LoadError(f"--mapping is for GIS layers, and --format is {format_name!r}: leave one of them out")
    try:
        if mapping is not None:
            return read_layers(source, mapping, crs=crs, progress=progress)
        if isinstance(source, str):
            raise _unmapped(redacted(source))
        chosen = _named(format_name) if format_name != "auto" else _recognised(source)
        return chosen.read(source, crs=crs, progress=progress)
    except (PlaceError, TableError, NetworkError, DuplicateMrid) as error:
        raise LoadError(f"{redacted(str(source))}: {error}") from error


def _named(name: str) -> Format:
    for known in FORMATS:
        if known.name == name:
            return known
    raise LoadError(f"--format is {name!r}; known formats are auto, {NAMES}")


def _recognised(source: Path) -> Format:
    for known in FORMATS:
        if known.recognises(source):
            return known
    looks = "; ".join(f"{known.name} is {known.looks_like}" for known in FORMATS)
    raise LoadError(f"{source} is of no format that gridtwin reads ({looks}); name one with --format")
