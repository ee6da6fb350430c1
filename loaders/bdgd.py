"""ANEEL's BDGD: a Brazilian utility's geodatabase, read by the mapping beside this file.

What a mapping cannot say is here: which phases lie behind a transformer of one or two phases, whose secondary is
lettered anew, and what the customers' figures of reliability come to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from loaders.layers import read_mapped
from loaders.layers_mapping import LayersMapping, read_mapping
from loaders.layers_source import Layer, LayerSource
from loaders.report import FIRST_IDS, LoadError, LoadReport
from twin.network import Network

Progress = Callable[[str], None]

MAPPING = Path(__file__).with_name("bdgd.toml")
SIGNATURE = ("CTMT", "SSDMT", "UNTRMT", "PONNOT")
"""Layers that every BDGD has."""
BEHIND_TRANSFORMERS = ("SSDBT", "RAMLIG", "UCBT_tab", "UCBT", "PIP")
"""Layers whose UNI_TR_MT names the transformer that feeds them."""


def is_bdgd(source: Path) -> bool:
    """Whether a source is a FileGDB, zipped or not, or another file, with the layers of a BDGD."""
    if not source.name.lower().endswith((".gdb", ".gdb.zip", ".zip", ".gpkg")):
        return False
    try:
        return set(SIGNATURE) <= set(LayerSource(source).layers)
    except LoadError:
        return False


def read_bdgd(
    source: Path, *, crs: str | None = None, progress: Progress = lambda step: None
) -> tuple[Network, LoadReport]:
    """Reads a BDGD; raises LoadError, which names layer, feature, field and value.

    Consumers keep `dic_h` and `fic`: hours and number of interruptions in the year.
    """
    layers = _BdgdSource(source)
    missing = sorted(set(SIGNATURE) - set(layers.layers))
    if missing:
        raise LoadError(f"{source} is no BDGD: it has no layer {missing[0]!r}")
    name = source.name.partition(".")[0]
    network, report = read_mapped(layers, _fitting(layers, name), "bdgd", crs=crs, progress=progress)
    if layers.lettered:
        report.notes.append(
            f"{len(layers.lettered)} transformers letter their secondary anew; all behind them has the phases of their "
            f"primary ({', '.join(list(layers.lettered)[:FIRST_IDS])}, …)"
        )
    _reliability(network, report)
    return network, report


class _BdgdSource(LayerSource):
    """The layers, low-voltage phases in the letters of the medium voltage."""

    @cached_property
    def lettered(self) -> dict[str, str]:
        """Phases of the primary, by transformer, of those whose secondary has phases that the primary lacks."""
        names = ("COD_ID", "FAS_CON_P", "FAS_CON_S", "FAS_CON_T")
        columns = super().read("UNTRMT", names).columns
        rows = zip(*([str(value).strip() for value in columns[name]] for name in names), strict=True)
        return {mrid: first for mrid, first, *others in rows if set("".join(others)) & set("ABC") - set(first)}

    def read(self, name: str, columns: Sequence[str]) -> Layer:
        """As the source has it, but FAS_CON behind such transformers is theirs, with N where it has it."""
        if name not in BEHIND_TRANSFORMERS or "UNI_TR_MT" not in self.info(name).columns:
            return super().read(name, columns)
        layer = super().read(name, [*columns, "UNI_TR_MT"])
        phases = layer.columns["FAS_CON"].astype(object)
        for row, transformer in enumerate(layer.columns["UNI_TR_MT"]):
            primary = self.lettered.get(str(transformer).strip())
            if primary is not None:
                phases[row] = primary + ("N" if "N" in str(phases[row]) and "N" not in primary else "")
        layer.columns["FAS_CON"] = phases
        return layer


def _fitting(layers: LayerSource, name: str) -> LayersMapping:
    """The mapping with the customers' tables by the names that this version has: `UCBT_tab`, or `UCBT` before."""
    mapping = read_mapping(MAPPING)
    entries = []
    for entry in mapping.layers:
        older = entry.layer.removesuffix("_tab")
        entries.append(
            replace(entry, layer=older) if entry.layer not in layers.layers and older in layers.layers else entry
        )
    return replace(mapping, layers=tuple(entries), name=name)


def _reliability(network: Network, report: LoadReport) -> None:
    extras = network.consumers.extras
    if "dic_h" not in extras or "fic" not in extras:
        return
    hours, counts = extras["dic_h"], extras["fic"]
    known = ~(np.isnan(hours) | np.isnan(counts))
    if known.any():
        report.notes.append(
            f"{int(known.sum())} customers were interrupted {counts[known].mean():.2f} times for "
            f"{hours[known].mean():.2f} h in the year on average (FIC, DIC)"
        )
