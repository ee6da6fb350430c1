"""Copies what the viewer and its tests need from npm's packages into vendor/, as package-lock.json pins them.

Runs with npm from PATH, or where there is none (or one too old for the lock) with PyPI's build of it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VIEWER = Path(__file__).resolve().parent
ROOT = VIEWER.parent.parent
TESTS = ROOT / "tests" / "web" / "vendor"
OLDEST_NPM = 7  # the first to read a lock of version 3

# Name in vendor/ -> file in node_modules/. The worker is found beside the module by its own name.
FILES = {
    "LICENSE.maplibre-gl.txt": "maplibre-gl/LICENSE.txt",
    "LICENSE.noto-sans.txt": "@fontsource/noto-sans/LICENSE",
    "LICENSE.us-atlas.txt": "us-atlas/LICENSE",
    "LICENSE.world-atlas.txt": "world-atlas/LICENSE",
    "noto-sans-400.woff2": "@fontsource/noto-sans/files/noto-sans-latin-400-normal.woff2",
    "noto-sans-600.woff2": "@fontsource/noto-sans/files/noto-sans-latin-600-normal.woff2",
    "maplibre-gl.css": "maplibre-gl/dist/maplibre-gl.css",
    "maplibre-gl-worker.mjs": "maplibre-gl/dist/maplibre-gl-worker.mjs",
    "maplibre-gl.mjs": "maplibre-gl/dist/maplibre-gl.mjs",  # last: to make, it stands for all
}

CONTEXT = "context.topojson"
UNIT = 400  # steps of a degree, about 280 m: as fine as the lines themselves
COLDEST = -60  # degrees of latitude: nobody's grid is further south

# The same for the tests' vendor/, which is not shipped: a reader of JavaScript, a check of accessibility, and how maps
# read a pyramid.
TEST_FILES = {
    "acorn.js": "acorn/dist/acorn.js",
    "axe.min.js": "axe-core/axe.min.js",
    "pmtiles.js": "pmtiles/dist/pmtiles.js",
}


def npm_is_usable(npm: str) -> bool:
    """Whether this npm runs and reads our lock."""
    version = subprocess.run([npm, "--version"], capture_output=True, text=True, check=False)
    major = version.stdout.strip().partition(".")[0]
    return version.returncode == 0 and major.isdigit() and int(major) >= OLDEST_NPM


def find_npm(environment: Path) -> str:
    """npm on PATH, else in this Python environment, where it is installed first if need be."""
    for npm in (shutil.which("npm"), shutil.which("npm", path=environment)):
        if npm is not None and npm_is_usable(npm):
            return npm
    uv = [str(environment / "uv"), "pip", "install", "--quiet", "--python", sys.executable]
    lock = ROOT / "requirements" / "node.txt"
    subprocess.run([*uv, "--require-hashes", "-r", str(lock)], cwd=ROOT, check=True)
    return str(environment / "npm")


def install(npm: str, folder: Path) -> Path:
    """The lock's packages, checked against its hashes, in `folder`; returns node_modules."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(VIEWER / name, folder)
    options = ["--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--engine-strict=false"]
    variables = {
        **os.environ,
        "PATH": f"{Path(npm).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",  # npm's own node first
        "NODE_USE_SYSTEM_CA": "1",
        "npm_config_cache": str(folder / "cache"),  # works without a home, and leaves nothing behind
        "npm_config_loglevel": "error",
        "npm_config_update_notifier": "false",
    }
    subprocess.run([npm, "ci", *options], cwd=folder, env=variables, stdout=subprocess.DEVNULL, check=True)
    return folder / "node_modules"


def copy(node_modules: Path, vendor: Path, files: dict[str, str]) -> None:
    """Replaces what is in vendor/ by the files, in their order."""
    shutil.rmtree(vendor, ignore_errors=True)
    vendor.mkdir()
    for name, source in files.items():
        shutil.copyfile(node_modules / source, vendor / name)


# --- coasts and borders behind the network, drawn from Natural Earth (1:50m) and the U.S. Census Bureau


def context(world: dict[str, Any], states: dict[str, Any]) -> dict[str, Any]:
    """A topology of lines without areas, and names of countries and states where they stand on a map.

    world, states: world-atlas' countries-50m and us-atlas' states-10m, topologies both. Coasts are the arcs of one
    country, borders those of two.
    """
    arcs: list[list[list[int]]] = []
    sources = (("coast", world, "countries", 1), ("border", world, "countries", 2), ("state", states, "states", 2))
    objects: dict[str, Any] = {}
    for name, topology, within, owners in sources:
        first = len(arcs)
        arcs.extend(_coarse(line) for line in _lines(topology, within, owners) if max(y for _, y in line) > COLDEST)
        arcs[first:] = [arc for arc in arcs[first:] if len(arc) > 1]
        objects[name] = {"type": "MultiLineString", "arcs": [[number] for number in range(first, len(arcs))]}
    for name, topology, within in (("country_names", world, "countries"), ("state_names", states, "states")):
        objects[name] = {"type": "GeometryCollection", "geometries": list(_names(topology, within))}
    transform = {"scale": [1 / UNIT, 1 / UNIT], "translate": [0, 0]}
    return {"type": "Topology", "transform": transform, "objects": objects, "arcs": arcs}


def _decoded(topology: dict[str, Any], arc: list[list[int]]) -> list[tuple[float, float]]:
    (width, height), (left, bottom) = topology["transform"]["scale"], topology["transform"]["translate"]
    x = y = 0
    points = []
    for dx, dy in arc:
        x, y = x + dx, y + dy
        points.append((x * width + left, y * height + bottom))
    return points


def _flat(arcs: Any) -> Iterator[int]:
    for each in arcs:
        yield from _flat(each) if isinstance(each, list) else [each]


def _lines(topology: dict[str, Any], within: str, owners: int) -> Iterator[list[tuple[float, float]]]:
    used: Counter[int] = Counter()
    for shape in topology["objects"][within]["geometries"]:
        used.update({max(arc, ~arc) for arc in _flat(shape.get("arcs", []))})  # ~arc is the same, backwards
    for number, arc in enumerate(topology["arcs"]):
        if used[number] == owners:
            yield _decoded(topology, arc)


def _coarse(line: list[tuple[float, float]]) -> list[list[int]]:
    """In steps, each point from the one before."""
    steps = [(round(x * UNIT), round(y * UNIT)) for x, y in line]
    kept = [point for at, point in enumerate(steps) if at == 0 or point != steps[at - 1]]
    return [[x - px, y - py] for (x, y), (px, py) in zip(kept, [(0, 0), *kept], strict=False)]


def _names(topology: dict[str, Any], within: str) -> Iterator[dict[str, Any]]:
    """The name of each shape at the centre of its largest ring, with the ring's area in square degrees."""
    for shape in topology["objects"][within]["geometries"]:
        polygons = {"Polygon": [shape.get("arcs")], "MultiPolygon": shape.get("arcs")}.get(shape["type"], [])
        rings = [_centre([point for arc in outer for point in _along(topology, arc)]) for outer, *_ in polygons]
        if not rings:
            continue
        area, x, y = max(rings)
        place = [round(x * UNIT), round(y * UNIT)]
        properties = {"name": shape["properties"]["name"], "area": round(area, 2)}
        yield {"type": "Point", "coordinates": place, "properties": properties}


def _along(topology: dict[str, Any], arc: int) -> list[tuple[float, float]]:
    points = _decoded(topology, topology["arcs"][max(arc, ~arc)])
    return points if arc >= 0 else points[::-1]


def _centre(ring: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Area and centroid of a closed ring."""
    area = east = north = 0.0
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
        cross = x0 * y1 - x1 * y0
        area, east, north = area + cross, east + (x0 + x1) * cross, north + (y0 + y1) * cross
    return (abs(area) / 2, east / (3 * area), north / (3 * area)) if area else (0.0, *ring[0])


def write_context(node_modules: Path, vendor: Path) -> None:
    """The file that the viewer reads; the engine is touched after it, as it stands for all."""
    world, states = (
        json.loads((node_modules / name).read_text())
        for name in ("world-atlas/countries-50m.json", "us-atlas/states-10m.json")
    )
    text = json.dumps(context(world, states), separators=(",", ":"), ensure_ascii=False)
    (vendor / CONTEXT).write_text(text, encoding="utf-8")
    os.utime(vendor / "maplibre-gl.mjs")


def main() -> int:
    npm = find_npm(Path(sys.executable).parent)
    with tempfile.TemporaryDirectory(prefix="gridtwin-viewer-") as folder:
        try:
            node_modules = install(npm, Path(folder))
            if TESTS.parent.is_dir():  # not where there is only a distribution
                copy(node_modules, TESTS, TEST_FILES)
            copy(node_modules, VIEWER / "vendor", FILES)
            write_context(node_modules, VIEWER / "vendor")
        except subprocess.CalledProcessError as error:
            print(f"The viewer's engine could not be installed: {npm} ended with {error.returncode}.")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
