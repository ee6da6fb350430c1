"""`make audit`: looks for known holes in what is locked, as far as somebody who knows of holes can be asked.

Asks PyPI's advisories by way of pip-audit, and npm's. Where they cannot be reached it says so, and that is no pass.
With a folder of advisories in the OSV format (of the Python Packaging Authority's database) it asks that, too.
Exit codes: 0 all was asked and nothing is known, 1 there are holes, 2 somebody could not be asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parent.parent
VIEWER = ROOT / "web" / "viewer"
FINE, HOLES, NOT_ASKED = 0, 1, 2


def locked(folder: Path = ROOT / "requirements") -> dict[str, set[str]]:
    """Every package of the locks, and the versions that they pin."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.glob("*.txt")):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in text.splitlines():
            if line and not line.startswith("#"):
                requirement = Requirement(line.partition("--hash")[0].strip())
                (specifier,) = requirement.specifier
                found.setdefault(canonicalize_name(requirement.name), set()).add(specifier.version)
    return found


def affects(advisory: Mapping[str, Any], name: str, version: str) -> bool:
    """Whether an advisory in the OSV format speaks of a version of a package."""
    for affected in advisory.get("affected", ()):
        package = affected.get("package", {})
        if package.get("ecosystem") != "PyPI" or canonicalize_name(package.get("name", "")) != name:
            continue
        if version in affected.get("versions", ()):
            return True
        ranges = (each for each in affected.get("ranges", ()) if each["type"] == "ECOSYSTEM")
        if any(_inside(each["events"], Version(version)) for each in ranges):
            return True
    return False


def _inside(events: list[Mapping[str, str]], version: Version) -> bool:
    """Whether a version lies at or after an `introduced` and before the `fixed` that follows it."""
    inside = False
    for event in events:
        ((kind, text),) = event.items()
        try:
            limit = Version(text)
        except InvalidVersion:
            return True  # not to be compared: for a person to look at
        if kind == "introduced" and version >= limit:
            inside = True
        elif (kind == "fixed" and version >= limit) or (kind == "last_affected" and version > limit):
            inside = False
    return inside


def known(folder: Path, packages: Mapping[str, set[str]]) -> Iterator[str]:
    """What a folder of advisories, one folder a package, knows of some packages."""
    for name, versions in packages.items():
        for path in sorted((folder / name).glob("*")):
            advisory = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML, too
            if "withdrawn" in advisory:
                continue
            for version in sorted(versions):
                if affects(advisory, name, version):
                    yield f"{name} {version}: {advisory['id']} {advisory.get('summary', '')}".strip()


def pip_audit(path: Path) -> tuple[list[str], int, int]:
    """What PyPI's advisories know of one lock; how many packages were asked for, and how many it could not tell of."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner=off"]
    done = subprocess.run([*command, "--format=json", "-r", str(path)], capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        return [f"{path.name}: {line}" for line in done.stderr.splitlines()[-1:]], 0, 1
    packages = json.loads(done.stdout)["dependencies"]
    holes = [
        f"{each['name']} {each['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
        for each in packages
        for hole in each.get("vulns", ())
    ]
    return holes, len(packages), sum("skip_reason" in each for each in packages)


def npm_audit() -> tuple[list[str], bool]:
    """What npm knows of the viewer's lock, and whether it could be asked."""
    done = subprocess.run(["npm", "audit", "--json"], cwd=VIEWER, capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout or "{}")
    if "vulnerabilities" not in answer:
        return [], False
    return [f"{name}: {hole['severity']}" for name, hole in answer["vulnerabilities"].items()], True


def main(folder: Path | None) -> int:
    """Asks everybody, says what they said, and returns the exit code."""
    holes: list[str] = []
    silent: list[str] = []
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        found, asked, untold = pip_audit(path)
        print(f"{path.name}: {asked - untold} of {asked} packages asked for, {len(found)} holes", flush=True)
        holes += found if asked else []
        silent += [path.name] if untold else []
    found, told = npm_audit()
    print(f"package-lock.json: {f'{len(found)} holes' if told else 'npm could not be asked'}", flush=True)
    holes += found
    silent += [] if told else ["package-lock.json"]
    if folder is not None:
        packages = locked()
        found = list(known(folder, packages))
        there = sum((folder / name).is_dir() for name in packages)
        print(f"{folder}: {there} of {len(packages)} packages have ever had a hole, {len(found)} have one now")
        holes += found
    for hole in dict.fromkeys(holes):
        print(hole)
    if silent:
        print(f"Not asked, or not wholly: {', '.join(silent)}. That is no pass: run this where the advisories are.")
    return HOLES if holes else NOT_ASKED if silent else FINE


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
