"""Finds the programs that tests need beyond PyPI, and installs the system's packages of what is missing.

As root or with passwordless sudo, on a system with apt-get. Elsewhere one line each says what is missing, how
to get it and which tests are left out; with CI=true nothing may be, and the exit code is 1.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Run = Callable[[Sequence[str]], int]


@dataclass(frozen=True)
class Need:
    """A program that some tests run."""

    name: str
    programs: tuple[str, ...]
    """any one of these on PATH will do; none where only files are looked for"""
    packages: tuple[str, ...]
    """Debian's packages of it"""
    tests: str
    """which tests are left out without it"""
    files: tuple[str, ...] = ()
    """patterns of files that must be there too: programs that are not on PATH, parts of others"""

    def is_met(self) -> bool:
        there = not self.programs or any(shutil.which(program) for program in self.programs)
        return there and all(glob.glob(pattern) for pattern in self.files)


NEEDS = (
    Need("Chromium", ("chromium", "chromium-browser", "google-chrome"), ("chromium",), "those in a browser"),
    Need("GDAL", ("ogrinfo",), ("gdal-bin",), "those with GDAL's tools"),
    Need(
        "PostgreSQL with PostGIS",
        (),
        ("postgresql", "postgresql-postgis"),
        "those of the PostGIS store",
        files=("/usr/lib/postgresql/*/bin/initdb", "/usr/share/postgresql/*/extension/postgis.control"),
    ),
)
LONG_NEEDS = (
    Need("debootstrap", ("debootstrap",), ("debootstrap",), "those that build the image in a fresh Debian"),
    Need(
        "QGIS for Python",
        (),
        ("python3-qgis",),
        "those that open layers in QGIS",
        files=("/usr/lib/python3/dist-packages/qgis/core/__init__.py",),
    ),
)
"""What only `make test-long` needs: with --long these too."""


def run(command: Sequence[str]) -> int:
    """Runs a command without questions or output; returns its exit code."""
    return subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ).returncode


def apt_get(run: Run) -> list[str] | None:
    """The beginning of a command that installs packages, or None where there is no right to."""
    if shutil.which("apt-get") is None:
        return None
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-o", "DPkg::Lock::Timeout=300"]
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo") is not None and run(["sudo", "-n", "true"]) == 0:
        return ["sudo", "-n", *command]
    return None


def install(needs: Sequence[Need], run: Run) -> None:
    """Installs what can be; one need's failure leaves the others alone."""
    command = apt_get(run)
    if command is None:
        return
    print("Updating the system's package lists.", flush=True)
    run([*command, "update"])
    for need in needs:
        print(f"Installing {need.name}: {' '.join(need.packages)}.", flush=True)
        run([*command, "install", "--no-install-recommends", *need.packages])


def check(needs: Sequence[Need], run: Run, ci: bool) -> int:
    """Meets the needs as far as it may; returns the exit code."""
    missing = [need for need in needs if not need.is_met()]
    if missing:
        install(missing, run)
    missing = [need for need in missing if not need.is_met()]
    for need in missing:
        outcome = "CI=true allows no test to be left out" if ci else f"left out: {need.tests}"
        print(f"{need.name} is missing (apt-get install {' '.join(need.packages)}); {outcome}.", flush=True)
    return 1 if missing and ci else 0


if __name__ == "__main__":
    needs = (*NEEDS, *LONG_NEEDS) if "--long" in sys.argv[1:] else NEEDS
    sys.exit(check(needs, run, os.environ.get("CI") == "true"))
