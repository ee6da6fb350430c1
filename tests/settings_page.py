"""The table of docs/settings.md, as web/settings.py has it: `python -m tests.settings_page` writes it there."""

from __future__ import annotations

import ast
import itertools
import re
from dataclasses import MISSING, fields
from pathlib import Path

from web import settings
from web.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "settings.md"
TABLE = re.compile(r"\| setting \|.*?\n(?=\n|\Z)", re.DOTALL)
OPTIONS = {
    **{name: f"--{name.replace('_', '-')}" for name in ("host", "port", "public_url", "token_file", "insecure")},
    **{name: f"--{name.replace('_', '-')}" for name in ("jwt_keys", "jwt_audience", "jwt_issuer")},
    "cors_origins": "--cors-origin",
}


def said() -> dict[str, str]:
    """Each setting's docstring: the sentence below it."""
    tree = ast.parse(Path(settings.__file__).read_text(encoding="utf-8"))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    return {
        field.target.id: str(text.value.value)
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def table() -> str:
    """Every setting with its option, variable, default and meaning, in Markdown."""
    meanings = said()
    rows = ["| setting | option | default | |", "|---|---|---|---|"]
    for each in fields(Settings):
        option = f"`{OPTIONS[each.name]}`" if each.name in OPTIONS else ""
        rows.append(f"| `{each.name}` | {option} | {_default(each.default)} | {meanings[each.name]} |")
    return "\n".join(rows) + "\n"


def _default(value: object) -> str:
    if value is MISSING:
        return "processors"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value not in ("", ()) else ""


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda _: table(), text), encoding="utf-8")
    print(f"{PAGE.name}: {len(fields(Settings))} settings, {PREFIX}…")
