"""Who may import whom, read from the code's own imports.

topology -> twin -> {loaders, tiles} -> web: imports go leftwards only, loaders and tiles ignore each other,
and a package that only one place should know is imported in that place only.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

MAY_IMPORT = {
    "topology": set(),
    "twin": {"topology"},
    "loaders": {"topology", "twin"},
    "tiles": {"topology", "twin"},
    "web": {"topology", "twin", "loaders", "tiles"},
    "gridtwin": {"topology", "twin", "loaders", "tiles", "web"},
}

ONLY_IN = {
    "alembic": ("twin/postgis_migrations.py", "twin/sql/"),
    "asyncpg": (
        "twin/postgis.py",
        "twin/postgis_listener.py",
        "twin/postgis_schema.py",
        "twin/postgis_session.py",
    ),
    "h3": ("tiles/hexes.py",),
    "jwt": ("web/signed_tokens.py",),
    "networkx": ("topology/nx", "twin/graph.py"),
    "numba": ("topology/jit.py",),
    "pmtiles": ("tiles/export_archives.py",),
    "rich": ("web/",),
    # The embedded store; MBTiles, which is a SQLite file; what an interrupted export goes on from.
    "sqlite3": ("twin/geopackage", "tiles/export_archives.py", "tiles/export_journal.py"),
    "starlette": ("web/",),
    "typer": ("web/",),
    "uvicorn": ("web/",),
}


@dataclass(frozen=True)
class Import:
    """One import statement's module, as seen from the file that holds it."""

    path: str
    line: int
    module: str
    """dotted name; of `from a.b import c` it is a.b.c where that is a file of ours, else a.b"""
    relative: bool
    in_function: bool

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


def module_name(path: str) -> str:
    """The dotted name of a file: twin/graph.py is twin.graph, twin/__init__.py is twin."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(sources: Mapping[str, str]) -> Iterator[Import]:
    """All imports of some files (path -> text), those under `if TYPE_CHECKING` and in functions too."""
    modules = {module_name(path) for path in sources}
    for path, text in sources.items():
        tree = ast.parse(text, path)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        inside = {id(node) for function in functions for node in ast.walk(function)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
                relative = False
            elif isinstance(node, ast.ImportFrom):
                parent = node.module or ""
                children = [f"{parent}.{alias.name}" for alias in node.names]
                names = sorted({child if child in modules else parent for child in children})
                relative = node.level > 0
            else:
                continue
            for name in names:
                yield Import(path, node.lineno, name, relative, id(node) in inside)


def violations(sources: Mapping[str, str], declared: frozenset[str]) -> list[str]:
    """What these files import against the house rules; `declared` are the packages that we depend on."""
    found = []
    for each in imports(sources):
        layer = each.path.partition("/")[0].removesuffix(".py")
        places = ONLY_IN.get(each.package)
        if each.relative:
            found.append(f"{each.path}:{each.line} imports relatively")
        elif each.in_function:
            found.append(f"{each} inside a function")
        elif each.package in MAY_IMPORT:
            if each.package != layer and each.package not in MAY_IMPORT[layer]:
                found.append(f"{each}: {layer} does not know {each.package}")
        elif places is not None:
            if not each.path.startswith(places):
                found.append(f"{each}: only {', '.join(places)} may")
        elif each.package not in sys.stdlib_module_names and each.package not in declared:
            found.append(f"{each}: not a dependency in pyproject.toml")
    return found


def cycle(sources: Mapping[str, str]) -> list[str]:
    """Modules that import each other in a ring, or []."""
    edges: dict[str, set[str]] = {module_name(path): set() for path in sources}
    for each in imports(sources):
        if each.module in edges:
            edges[module_name(each.path)].add(each.module)
    while leaves := {module for module, targets in edges.items() if not targets}:
        edges = {module: targets - leaves for module, targets in edges.items() if module not in leaves}
    return sorted(edges)


@cache
def our_sources() -> dict[str, str]:
    """The text of every Python file of the packages, by path from the root."""
    files = [file for layer in MAY_IMPORT for file in sorted((ROOT / layer).rglob("*.py"))]
    files += ROOT.glob("gridtwin.py")
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}


@cache
def declared_packages() -> frozenset[str]:
    """The import names of the run-time dependencies (each is its distribution's name, here)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["postgis"]]
    names = [line.partition(";")[0].partition(">")[0].partition("[")[0].strip() for line in lines]
    return frozenset(name.replace("-", "_") for name in names)


def test_every_layer_has_files() -> None:
    for layer in MAY_IMPORT:
        assert any(path.partition("/")[0].removesuffix(".py") == layer for path in our_sources()), layer


def test_our_imports_keep_to_the_layers() -> None:
    assert violations(our_sources(), declared_packages()) == []


def test_no_modules_import_each_other_in_a_ring() -> None:
    assert cycle(our_sources()) == []


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("topology/graph.py", "import twin.network", "topology does not know twin"),
        ("topology/graph.py", "from twin import network", "topology does not know twin"),
        ("twin/network.py", "from tiles.mvt import encode", "twin does not know tiles"),
        ("loaders/simbench.py", "import tiles", "loaders does not know tiles"),
        ("tiles/mvt.py", "from loaders.report import LoadReport", "tiles does not know loaders"),
        ("twin/network.py", "import gridtwin", "twin does not know gridtwin"),
        ("web/app.py", "import gridtwin", "web does not know gridtwin"),
        ("topology/trace.py", "import numba", "only topology/jit.py may"),
        ("topology/_kernels.py", "from numba import njit", "only topology/jit.py may"),
        ("twin/network.py", "import networkx as nx", "only topology/nx, twin/graph.py may"),
        ("tiles/layers.py", "import h3.api.numpy_int", "only tiles/hexes.py may"),
        ("twin/store.py", "import asyncpg", "only twin/postgis.py, "),
        ("twin/store.py", "import sqlite3", "only twin/geopackage, tiles/export_archives.py, "),
        ("twin/engine.py", "from starlette.requests import Request", "only web/ may"),
        ("loaders/simbench.py", "from rich.progress import Progress", "only web/ may"),
        ("twin/network.py", "import pandapower", "not a dependency"),
        ("twin/network.py", "def f():\n    import json", "inside a function"),
        (
            "twin/network.py",
            "class A:\n    async def f(self):\n        from json import loads",
            "inside a function",
        ),
        ("twin/network.py", "from . import state", "imports relatively"),
        ("twin/network.py", "if TYPE_CHECKING:\n    import tiles", "twin does not know tiles"),
    ],
)
def test_a_wrong_import_is_found(path: str, text: str, message: str) -> None:
    found = violations({path: text}, frozenset({"numpy"}))
    assert len(found) == 1, found
    assert message in found[0]
    assert found[0].startswith(f"{path}:")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("topology/jit.py", "import numba"),
        ("topology/graph.py", "import numpy as np\nfrom topology import _kernels\nimport dataclasses"),
        ("twin/graph.py", "import networkx\nfrom topology.graph import Graph"),
        ("twin/geopackage.py", "import sqlite3"),
        ("tiles/hexes.py", "import h3"),
        (
            "web/app.py",
            "import tiles.source, loaders.simbench, twin.engine, topology.trace\nimport starlette",
        ),
        ("gridtwin.py", "from web.app import create_app"),
    ],
)
def test_a_right_import_is_allowed(path: str, text: str) -> None:
    assert violations({path: text}, frozenset({"numpy"})) == []


def test_a_ring_is_found() -> None:
    ring = {
        "twin/a.py": "from twin import b",
        "twin/b.py": "import twin.c",
        "twin/c.py": "from twin.a import thing",
        "twin/d.py": "import twin.a",
        "twin/e.py": "",
    }
    assert cycle(ring) == ["twin.a", "twin.b", "twin.c", "twin.d"]
    assert cycle({**ring, "twin/c.py": "import twin.e"}) == []
