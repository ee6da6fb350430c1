"""JavaScript as it is sent: without comments, indentation and other space that means nothing.

Own code, as the libraries for Python change texts in templates within templates (rjsmin 1.3 does), and those for Node
would be needed wherever the viewer is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

GAP = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
TEXT = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
TEMPLATE = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*(?:`|\$\{)", re.DOTALL)
PATTERN = re.compile(r"/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/\w*")
WORD = re.compile(r"[\w$#]+")

BEFORE_VALUES = frozenset(
    (
        "return",
        "typeof",
        "case",
        "do",
        "else",
        "in",
        "of",
        "void",
        "delete",
        "throw",
        "new",
        "instanceof",
        "await",
        "yield",
    )
)
"""Words after which `/` begins a regular expression; after another it divides."""

Token = tuple[str, str]
"""What stands between it and the one before, and itself; a template's texts are tokens, its `${` at the end."""


def shortened(script: str) -> str:
    """The same tokens in the same order; line ends stay where they may end a statement."""
    parts = []
    before = ""
    for gap, token in _tokens(script):
        parts += [_kept(before, gap, token), token]
        before = token
    return "".join(parts)


def _tokens(script: str) -> Iterator[Token]:
    at, before = 0, ""
    braces: list[bool] = []  # of those that are open: whether a template goes on behind it
    while True:
        gap = GAP.match(script, at)
        begin = gap.end() if gap else at
        if begin == len(script):
            return
        text = script[begin]
        if text == "`" or (text == "}" and braces and braces.pop()):
            found = TEMPLATE.match(script, begin + 1)
        elif text in "\"'":
            found = TEXT.match(script, begin)
        elif text == "/" and _begins_value(before):
            found = PATTERN.match(script, begin)
        else:
            found = WORD.match(script, begin)
            if text == "{":
                braces.append(False)
        token = script[begin : found.end() if found else begin + 1]
        if len(token) > 1 and token[0] in "`}" and token.endswith("${"):
            braces.append(True)
        yield script[at:begin], token
        at, before = begin + len(token), token


def _begins_value(before: str) -> bool:
    """Whether a value comes after this token, not an operator."""
    return before in BEFORE_VALUES or not (WORD.match(before[-1:]) or before[-1:] in tuple(")]}`\"'"))


def _kept(before: str, gap: str, after: str) -> str:
    if not gap or not before:
        return ""
    last, first = before[-1], after[0]
    if "\n" in gap:
        return "" if last in "{([,;" or first in "})]" else "\n"
    words = WORD.match(last) and (WORD.match(first) or first == ".")
    return " " if words or (last in "+-/" and first in "+-/") else ""
