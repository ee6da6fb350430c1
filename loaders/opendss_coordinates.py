"""The file of coordinates of an OpenDSS circuit: a bus, x and y on each line."""

from __future__ import annotations

from collections.abc import Iterator

from loaders.opendss_text import BrokenLine, lines
from loaders.report import LoadError

LIMIT = 1e12


def read_coordinates(text: str, shown: str, swapped: bool) -> dict[str, tuple[float, float]]:
    """x and y as written, by bus in lower case; swapped: y stands first, as latitudes do.

    shown: the file, for people. The first line may hold the names of columns. Raises LoadError, which names file and
    line.
    """
    found = {}
    for number, line in _lines(text, shown):
        words = line.replace(",", " ").replace('"', " ").split()
        try:
            bus, x, y = words[0].lower(), float(words[1]), float(words[2])
        except (IndexError, ValueError):
            if number == 1 and len(words) > 2:
                continue
            raise _error(shown, number, line, "a bus and two numbers are needed") from None
        if not (-LIMIT < x < LIMIT and -LIMIT < y < LIMIT):
            raise _error(shown, number, line, f"finite numbers below {LIMIT:g} are needed")
        found[bus] = (y, x) if swapped else (x, y)
    return found


def _lines(text: str, shown: str) -> Iterator[tuple[int, str]]:
    try:
        yield from lines(text)
    except BrokenLine as error:
        raise LoadError(f"{shown}: {error}") from error


def _error(shown: str, number: int, line: str, what: str) -> LoadError:
    return LoadError(f"{shown} line {number}: coordinates is {line[:80]!r}; {what}")
