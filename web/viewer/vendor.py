"""Copies what the viewer and its tests need from npm's packages into vendor/, as package-lock.json pins them.

Runs with npm from PATH, or where there is none (or one too old for the lock) with PyPI's build of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VIEWER = Path(__file__).resolve().parent
ROOT = VIEWER.parent.parent
TESTS = ROOT / "tests" / "web" / "vendor"
OLDEST_NPM = 7  # the first to read a lock of version 3

# Name in vendor/ -> file in node_modules/. The worker is found beside the module by its own name.
FILES = {
    "LICENSE.maplibre-gl.txt": "maplibre-gl/LICENSE.txt",
    "LICENSE.noto-sans.txt": "@fontsource/noto-sans/LICENSE",
    "noto-sans-400.woff2": "@fontsource/noto-sans/files/noto-sans-latin-400-normal.woff2",
    "noto-sans-600.woff2": "@fontsource/noto-sans/files/noto-sans-latin-600-normal.woff2",
    "maplibre-gl.css": "maplibre-gl/dist/maplibre-gl.css",
    "maplibre-gl-worker.mjs": "maplibre-gl/dist/maplibre-gl-worker.mjs",
    "maplibre-gl.mjs": "maplibre-gl/dist/maplibre-gl.mjs",  # last: to make, it stands for all
}

# The same for the tests' vendor/, which is not shipped: a check of accessibility, and how maps read a pyramid.
TEST_FILES = {"axe.min.js": "axe-core/axe.min.js", "pmtiles.js": "pmtiles/dist/pmtiles.js"}


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


def main() -> int:
    npm = find_npm(Path(sys.executable).parent)
    with tempfile.TemporaryDirectory(prefix="gridtwin-viewer-") as folder:
        try:
            node_modules = install(npm, Path(folder))
            if TESTS.parent.is_dir():  # not where there is only a distribution
                copy(node_modules, TESTS, TEST_FILES)
            copy(node_modules, VIEWER / "vendor", FILES)
        except subprocess.CalledProcessError as error:
            print(f"The viewer's engine could not be installed: {npm} ended with {error.returncode}.")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
