"""What the tables of a pandapower net hold, in SI units: powers of consumers and their phases, ratings, counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from loaders.frame_table import FrameTable
from twin.phases import ABC, A, B, C

Quantities = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]
"""Of each row the active power in W, the reactive power in var, and the phases."""

_HUGE_W = 1e12


def quantity(
    table: FrameTable, units: Mapping[str, float], low: float, high: float, hint: str, *, needed: bool = True
) -> NDArray[np.float64]:
    """float64 (rows,): the first of these columns that is there, times its unit, within limits in SI units."""
    column = next((name for name in units if name in table), next(iter(units)))
    unit = units[column]
    return table.numbers(column, low / unit, high / unit, hint, needed=needed) * unit


def parallel(table: FrameTable) -> NDArray[np.float64]:
    """float64 (rows,): how many systems stand side by side, 1 where it is not said."""
    systems = table.numbers("parallel", 1, 1e3, "a number of systems", needed=False)
    return np.nan_to_num(systems, nan=1.0)


def _scaling(table: FrameTable) -> NDArray[np.float64]:
    return np.nan_to_num(table.numbers("scaling", needed=False), nan=1.0)


def _power(table: FrameTable, p: str, q: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """W and var of columns such as `p_mw` and `q_mvar`, or up to format version 1 `p_kw` and `q_kvar`."""
    active = quantity(table, {f"{p}_mw": 1e6, f"{p}_kw": 1e3}, -_HUGE_W, _HUGE_W, "a power")
    reactive = quantity(table, {f"{q}_mvar": 1e6, f"{q}_kvar": 1e3}, -_HUGE_W, _HUGE_W, "a power", needed=False)
    return active, np.nan_to_num(reactive, nan=0.0)


def load(table: FrameTable) -> Quantities:
    p_w, q_var = _power(table, "p", "q")
    scaling = _scaling(table)
    return p_w * scaling, q_var * scaling, np.full(len(table), ABC, np.uint8)


def asymmetric_load(table: FrameTable) -> Quantities:
    """Phases are those that draw anything; in delta, both between which something draws."""
    kinds = table.text("type").tolist()
    total_p, total_q = np.zeros(len(table)), np.zeros(len(table))
    phases = np.zeros(len(table), np.uint8)
    for letter, own, following in (("a", A, B), ("b", B, C), ("c", C, A)):
        p_w, q_var = _power(table, f"p_{letter}", f"q_{letter}")
        draws = (p_w != 0) | (q_var != 0)
        delta = np.array([kind == "delta" for kind in kinds], dtype=np.bool_)
        phases |= np.where(draws, np.where(delta, own | following, own), 0).astype(np.uint8)
        total_p += p_w
        total_q += q_var
    scaling = _scaling(table)
    return total_p * scaling, total_q * scaling, np.where(phases == 0, ABC, phases).astype(np.uint8)


def motor(table: FrameTable) -> Quantities:
    efficiency = table.numbers("efficiency_percent", 1, 100, "a percentage", needed=False) / 100
    loading = np.nan_to_num(table.numbers("loading_percent", 0, 1e3, "a percentage", needed=False) / 100, nan=1.0)
    p_w = table.numbers("pn_mech_mw", 0, 1e5, "a power in MW") * 1e6 / efficiency * loading * _scaling(table)
    return p_w, np.full(len(table), np.nan), np.full(len(table), ABC, np.uint8)
