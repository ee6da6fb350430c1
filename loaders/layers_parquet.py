"""GeoParquet, and Parquet without shapes, as layers; needs pyarrow, an extra, for GDAL's wheels do not read it."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from loaders.report import LoadError

SUFFIX = ".parquet"


class ParquetFile:
    """A file, which is one layer of its name."""

    def __init__(self, path: Path) -> None:
        """Reads it; raises LoadError for one that is none, or where pyarrow is missing."""
        if importlib.util.find_spec("pyarrow") is None:
            raise LoadError(f"{path}: Parquet needs the package pyarrow: pip install 'gridtwin[parquet]'")
        self.path, self.frame = path, _frame(path)
        geo = isinstance(self.frame, geopandas.GeoDataFrame)
        self._geometry = str(self.frame.geometry.name) if isinstance(self.frame, geopandas.GeoDataFrame) else None
        crs = self.frame.crs if isinstance(self.frame, geopandas.GeoDataFrame) else None
        self.crs: str | None = crs.to_string() if geo and crs is not None else None

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def columns(self) -> tuple[str, ...]:
        """All but the shapes."""
        return tuple(str(name) for name in self.frame.columns if name != self._geometry)

    @property
    def geometry(self) -> str:
        """The type of the first shape; empty for a table."""
        types = [] if self._geometry is None else self.frame[self._geometry].dropna().geom_type.tolist()
        return str(types[0]) if types else ""

    def column(self, name: str) -> NDArray[Any]:
        """object (rows,): Python's own values, None where not given."""
        given = self.frame[name].astype(object)
        column = np.full(len(given), None, dtype=object)
        for row, (value, there) in enumerate(zip(given.tolist(), given.notna().tolist(), strict=True)):
            column[row] = value if there else None
        return column

    def shapes(self) -> NDArray[Any] | None:
        """object (rows,): as they are stored; None for a table."""
        return (
            None
            if self._geometry is None
            else np.asarray(shapely.force_2d(self.frame[self._geometry].to_numpy()), dtype=object)
        )


@cache
def _errors() -> tuple[type[Exception], ...]:
    """What pyarrow raises for what it cannot read."""
    arrow: type[Exception] = importlib.import_module("pyarrow").ArrowException
    return (arrow, OSError)


def _frame(path: Path) -> pd.DataFrame:
    try:
        return geopandas.read_parquet(path)
    except ValueError:
        pass  # without shapes, or broken: the next line tells
    except _errors() as error:
        raise LoadError(f"{path} is no Parquet that can be read: {error}") from error
    failures: tuple[type[Exception], ...] = (ValueError, *_errors())
    try:
        return pd.read_parquet(path)
    except failures as error:
        raise LoadError(f"{path} is no Parquet that can be read: {error}") from error
