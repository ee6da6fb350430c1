"""The words of OpenDSS scripts: lines without their comments, parameters, arrays, buses.

A value may be quoted by any of " ' ( [ {, and quotes count only where a word begins: `Line.l(r:a-b)` is one word.
Between values stand blanks, tabs, commas. Spaces around `=` do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from loaders.report import shown

QUOTES = {'"': '"', "'": "'", "(": ")", "[": "]", "{": "}"}

_QUOTED = r""""[^"]*"|'[^']*'|\([^)]*\)|\[[^\]]*\]|\{[^}]*\}"""
_PARAMETER = re.compile(rf"""[\s,]*(?:([^\s,="'(\[{{][^\s,=]*)\s*=\s*)?({_QUOTED}|[^\s,="'(\[{{][^\s,=]*|[^\s,].*)""")
"""Its last alternative takes the rest of a line that is none of the others."""

_COMMENT = re.compile(rf"(?<![^\s,=])(?:{_QUOTED})|(!|//)")
_WORD = re.compile(rf"{_QUOTED}|[^\s,|]+")


class BrokenLine(ValueError):
    """Text that is no list of parameters; says what is wrong with it."""


def lines(text: str) -> Iterator[tuple[int, str]]:
    """(number, text) of every line that says something, from 1 on, without comments and blanks around it.

    A block comment begins with a line that begins with `/*` and ends with the line that holds `*/`. Raises BrokenLine
    at the end of the text for one that does not end: all that follows would be lost in it.
    """
    block = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped:
            continue
        if block or stripped.startswith("/*"):
            block = 0 if "*/" in stripped else block or number
            continue
        if "!" in stripped or "//" in stripped:
            stripped = _without_comment(stripped)
            if not stripped:
                continue
        yield number, stripped
    if block:
        raise BrokenLine(f"the comment that begins with /* in line {block} does not end")


def _without_comment(line: str) -> str:
    for found in _COMMENT.finditer(line):
        if found.group(1):
            return line[: found.start()].rstrip()
    return line


def parameters(line: str) -> list[tuple[str, str]]:
    """(name, value) of each parameter as written, the name empty where none is given, the value with its quotes.

    Raises BrokenLine where a quote does not end, a name has no value or a value no name before its `=`.
    """
    found: list[tuple[str, str]] = _PARAMETER.findall(line)
    if found:
        last = found[-1][1]
        if last[0] == "=" or (last[0] in QUOTES and (len(last) == 1 or last[-1] != QUOTES[last[0]])):
            raise BrokenLine(_complaint(last))
    return found


def _complaint(rest: str) -> str:
    beginning = rest if len(rest) <= 60 else f"{rest[:60]}…"
    if rest[0] in QUOTES:
        return f"the quote that begins {beginning!r} does not end"
    return f"a name and a value are needed around the = of {beginning!r}"


def unquoted(value: str) -> str:
    """The value without the quotes around it."""
    return value[1:-1].strip() if value[:1] in QUOTES and len(value) > 1 else value


def whole_number(value: str) -> int | None:
    """A whole number of up to nine digits, quoted or not; None for anything else."""
    text = unquoted(value)
    return int(text) if text.isdecimal() and len(text) <= 9 else None


def is_inline_math(value: str) -> bool:
    """Whether a value is to be calculated, in reverse Polish notation: `(8 1000 /)`."""
    return value[:1] in QUOTES and bool(re.search(r"\s(?:[-+*/^]|sqrt?|inv|ln|log10|exp|sin|cos|tan|pi)\s*\W?$", value))


def array(value: str) -> list[str]:
    """The elements of an array; rows of a matrix, parted by |, follow each other."""
    return [word.strip("\"'") for word in _WORD.findall(unquoted(value))]


def bus_and_nodes(value: str) -> tuple[str, tuple[int, ...]]:
    """`671.1.2` → ("671", (1, 2)), the name in lower case. Raises BrokenLine for a node that is no number."""
    name, dot, nodes = unquoted(value).lower().partition(".")
    if not dot:
        return name, ()
    try:
        return name, tuple([int(node) for node in nodes.split(".") if node])
    except ValueError:
        raise BrokenLine(f"{shown(value)} is no bus: its nodes are to be numbers, as in 671.1.2") from None
