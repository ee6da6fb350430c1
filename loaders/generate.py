"""A made-up utility of any size that looks like one: a town's streets, substations, feeders, ties, meters.

Everything follows from the numbers given: the same meters, feeders and seed give the same bytes. Each feeder is
radial, every meter is supplied, and every open tie between two feeders joins their trunks on three phases, so that
closing it restores either from the other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from loaders.generate_flaws import add_flaws
from loaders.generate_legs import legs
from loaders.generate_streets import streets
from loaders.generate_tables import Tables
from loaders.generate_territory import territory
from loaders.report import LoadError, LoadReport
from twin.network import Network

Progress = Callable[[str], None]

LEAST, MOST = 10, 50_000_000
"""Meters."""

METERS_PER_FEEDER = 1_500
METERS_PER_INTERSECTION = 24
METERS_PER_FLAW = 200
"""Of each kind."""
INTERSECTIONS_PER_FEEDER = 4
"""At least; fewer are no area to serve."""


def generate(
    meters: int,
    feeders: int | None = None,
    seed: int = 0,
    *,
    flaws: int = 0,
    progress: Progress = lambda step: None,
) -> tuple[Network, LoadReport]:
    """A utility with exactly so many meters.

    feeders: how many, one for 1,500 meters where it is left out. flaws: how many of each kind to put in; the report
    names them. Raises LoadError for numbers out of range.
    """
    _check("--meters", meters, LEAST, MOST, "that is as many as are made")
    if feeders is None:
        feeders = max(1, round(meters / METERS_PER_FEEDER))
    most = max(1, meters // (METERS_PER_INTERSECTION * INTERSECTIONS_PER_FEEDER))
    _check("--feeders", feeders, 1, most, f"so many meters are streets for {most}")
    _check("--seed", seed, 0, 2**63 - 1, "it is a whole number")
    _check("--flaws", flaws, 0, meters // METERS_PER_FLAW, "more would leave little that is right")
    rng = np.random.default_rng(seed)
    progress("streets")
    town = streets(max(9, meters // METERS_PER_INTERSECTION), rng)
    progress("territories")
    area = territory(town, feeders, rng)
    progress("feeders")
    tables, geometry = Tables(area, legs(area, meters, rng), rng).build()
    report = LoadReport(f"{meters} meters, {feeders} feeders, seed {seed}", "generate")
    if flaws:
        tables, geometry = add_flaws(tables, geometry, flaws, rng, report)
    for name, table in tables.items():
        report.use(name.replace("_", " "), len(table))
    progress("numbering the network")
    return Network.from_tables(f"generated {meters} {feeders} {seed}", tables, geometry), report


def _check(name: str, value: int, low: int, high: int, why: str) -> None:
    if not low <= value <= high:
        raise LoadError(f"{name} is {value}; it must lie in {low:,} … {high:,}: {why}")
