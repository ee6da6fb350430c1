"""What the command line shows: progress on the error stream, results on the output stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


@contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """A bar that moves for as long as the block runs; the function it gives says which step is under way."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda step: bar.update(task, description=f"{title}: {step}")


def say(text: str) -> None:
    """A sentence for people."""
    err.print(text, markup=False)


def write(text: str) -> None:
    """Output for programs, as it is."""
    out.file.write(text)


def json_text(value: object) -> str:
    """One JSON value, indented."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"


def write_json(value: object) -> None:
    """The same as output."""
    write(json_text(value))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows for people; whole numbers and decimals to the right."""
    shown = Table(title=title or None, title_justify="left", show_edge=False, pad_edge=False)
    for position, column in enumerate(columns):
        numeric = all(isinstance(row[position], int | float) for row in rows)
        shown.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(_text(value) for value in row))
    out.print(shown)


def facts(title: str, values: Mapping[str, object]) -> None:
    """Names and values, one a line."""
    shown = Table(
        title=title or None, title_justify="left", show_header=False, show_edge=False, pad_edge=False, box=None
    )
    for name, value in values.items():
        shown.add_row(name, _text(value))
    out.print(shown)


def _text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return str(value).replace("[", r"\[")
