"""What the repository holds and what it must not: names of registries, paths of one machine, stray files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent

TOP_LEVEL = {
    "CHANGELOG.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "compose.yaml",
    "container",
    "docs",
    "gridtwin.py",
    "loaders",
    "pyproject.toml",
    "requirements",
    "tests",
    "tiles",
    "topology",
    "twin",
    "web",
}

REGISTRY_HOST = re.compile(
    r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|crates|docker|ghcr|quay|unpkg|jsdelivr|cdnjs|esm|anaconda|maven)"
    r"\.(?:org|com|io|net|sh|cloudflare\.com|apache\.org)\b"
    r"|\b(?:deb|security)\.debian\.org\b|\barchive\.ubuntu\.com\b|\bproxy\.golang\.org\b"
)
# Not preceded by what makes it the middle of a longer path or of an address.
MACHINE_PATH = re.compile(r"(?<![\w.~$}/-])/(?:work|root|Users)(?:/|\b)")


@cache
def tracked_files() -> tuple[Path, ...]:
    """The files that git knows and that are there, relative to the root."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [Path(name) for name in listing.stdout.split("\0") if name]
    return tuple(path for path in paths if (ROOT / path).is_file())


def found(pattern: re.Pattern[str], text: str) -> list[str]:
    """The lines of a text in which the pattern is, with their numbers."""
    return [f"{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


def tracked_texts() -> Iterator[tuple[Path, str]]:
    for path in tracked_files():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content:
            yield path, content.decode(errors="replace")


def pins(name: str) -> dict[str, tuple[str, int]]:
    """A lock's requirements: `name; marker` -> version, number of hashes."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pinned = {}
    for line in lines:
        words, *hashes = line.split("--hash=")
        requirement = Requirement(words.strip())
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", line
        pinned[f"{requirement.name}; {requirement.marker}"] = (specifier.version, len(hashes))
    return pinned


@pytest.mark.parametrize("pattern", [REGISTRY_HOST, MACHINE_PATH], ids=["registry", "machine path"])
def test_no_file_names_a_registry_or_a_path_of_one_machine(pattern: re.Pattern[str]) -> None:
    assert {str(path): lines for path, text in tracked_texts() if (lines := found(pattern, text))} == {}


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (REGISTRY_HOST, "https://" + "pypi" + ".org/simple"),
        (REGISTRY_HOST, "files." + "pythonhosted" + ".org"),
        (REGISTRY_HOST, "https://registry." + "npmjs" + ".org/maplibre-gl"),
        (REGISTRY_HOST, "FROM " + "docker" + ".io/library/python"),
        (REGISTRY_HOST, "//" + "unpkg" + ".com/maplibre-gl"),
        (REGISTRY_HOST, "deb http://deb." + "debian.org/debian bookworm"),
        (MACHINE_PATH, "cd /" + "work/main"),
        (MACHINE_PATH, 'open("/' + 'root/.cache")'),
        (MACHINE_PATH, "HOME=/" + "root"),
        (MACHINE_PATH, "=/" + "Users/someone/out.json"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_name_that_must_not_be_there_is_found(pattern: re.Pattern[str], text: str) -> None:
    assert found(pattern, f"first\n{text}\n") == [f"2: {text}"]


@pytest.mark.parametrize(
    "text",
    ["https://example.org/work/a", "../work/a", "$HOME/work/", "the root/", "import crates", "http://127.0.0.1"],
)
def test_innocent_words_are_left_alone(text: str) -> None:
    assert not REGISTRY_HOST.search(text)
    assert not MACHINE_PATH.search(text)


def test_the_top_level_holds_what_it_should() -> None:
    names = {path.parts[0] for path in tracked_files()}
    assert {name for name in names if not name.startswith(".")} - TOP_LEVEL == set()


def test_the_lock_of_the_viewer_has_hashes_and_no_addresses() -> None:
    lock = json.loads((ROOT / "web/viewer/package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads((ROOT / "web/viewer/package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert lock["packages"][""]["dependencies"] == wanted
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "requirements").glob("*.txt")))
def test_every_requirement_is_locked_with_hashes(name: str) -> None:
    assert pins(name)
    assert [requirement for requirement, (_, hashes) in pins(name).items() if hashes == 0] == []


@pytest.mark.parametrize("name", ["runtime.txt", "image.txt", "audit.txt", "build.txt", "demo.txt"])
def test_locks_that_share_an_environment_agree(name: str) -> None:
    tested = {key.partition(";")[0]: version for key, (version, _) in pins("test.txt").items()}
    for key, (version, _) in pins(name).items():
        assert tested.get(key.partition(";")[0], version) == version, key


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "runtime.txt": project["dependencies"],
        "test.txt": [*project["dependencies"], *(line for extra in extras.values() for line in extra)],
    }
    for name, lines in wanted.items():
        locked = {key.partition(";")[0]: version for key, (version, _) in pins(name).items()}
        for line in lines:
            requirement = Requirement(line)
            assert requirement.specifier.contains(locked[requirement.name]), f"{name}: make lock ({line})"


def test_the_wheel_holds_the_packages_and_the_viewer(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("gridtwin-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"topology", "twin", "loaders", "tiles", "web", "gridtwin.py"}
    shipped = {str(path) for path in tracked_files() if path.parts[0] in tops}
    assert shipped - names == {"web/viewer/package.json", "web/viewer/package-lock.json", "web/viewer/vendor.py"}
    assert {"web/viewer/vendor/maplibre-gl.mjs", "web/viewer/vendor/LICENSE.maplibre-gl.txt"} <= names
