"""What is installed when programs are missing, and what is said when they cannot be; nothing is run for real."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.system_packages import Need, check

TOOL = Need("Tool", ("tool", "tool-2"), ("tool-bin", "tool-data"), "those with tools")
OTHER = Need("Other", ("other",), ("other",), "those with the other")
SAYS = "Tool is missing (apt-get install tool-bin tool-data)"


class Machine:
    """A machine on which programs appear when their package is installed, as far as there is one."""

    def __init__(self, folder: Path, programs: Sequence[str], packages: Sequence[str] = ()) -> None:
        self.folder = folder
        self.packages = packages
        self.commands: list[str] = []
        for program in programs:
            self.add(program)

    def add(self, program: str) -> None:
        path = self.folder / program
        path.touch()
        path.chmod(0o755)

    def run(self, command: Sequence[str]) -> int:
        words = [word for word in command if "=" not in word and not word.startswith("-")]
        self.commands.append(" ".join(word for word in words if word != "env"))
        known = [package for package in self.packages if package in command]
        if "install" in command:
            for package in known:
                self.add(package.removesuffix("-bin"))
        return 0 if "update" in command or "true" in command or known else 100


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def be(user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)


def test_what_is_there_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(folder, ["tool-2", "other", "apt-get"])
    assert check([TOOL, OTHER], machine.run, ci=True) == 0
    assert machine.commands == []
    assert capsys.readouterr().out == ""


def test_root_installs_only_what_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be(0, monkeypatch)
    machine = Machine(folder, ["apt-get", "other"], ["tool-bin"])
    assert check([TOOL, OTHER], machine.run, ci=True) == 0
    assert machine.commands == ["apt-get update", "apt-get install tool-bin tool-data"]
    assert shutil.which("tool") is not None


def test_a_user_installs_with_sudo(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be(1000, monkeypatch)
    machine = Machine(folder, ["apt-get", "sudo"], ["tool-bin"])
    assert check([TOOL], machine.run, ci=True) == 0
    assert machine.commands == ["sudo true", "sudo apt-get update", "sudo apt-get install tool-bin tool-data"]


def test_a_user_without_sudo_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be(1000, monkeypatch)
    machine = Machine(folder, ["apt-get"], ["tool-bin"])
    assert check([TOOL], machine.run, ci=False) == 0
    assert machine.commands == []
    assert capsys.readouterr().out == f"{SAYS}; left out: those with tools.\n"


def test_ci_fails_without_what_it_cannot_install(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(folder, [])
    assert check([TOOL], machine.run, ci=True) == 1
    assert capsys.readouterr().out == f"{SAYS}; CI=true allows no test to be left out.\n"


def test_one_failure_leaves_the_others_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be(0, monkeypatch)
    machine = Machine(folder, ["apt-get"], ["other"])
    assert check([TOOL, OTHER], machine.run, ci=False) == 0
    assert shutil.which("other") is not None
    assert SAYS in capsys.readouterr().out


def test_a_file_that_is_missing_is_a_need(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be(1000, monkeypatch)
    part = Need("Part", (), ("part",), "those with the part", files=(f"{folder}/parts/*/part.control",))
    assert check([part], Machine(folder, []).run, ci=True) == 1
    assert capsys.readouterr().out == "Part is missing (apt-get install part); CI=true allows no test to be left out.\n"
    (folder / "parts" / "15").mkdir(parents=True)
    (folder / "parts" / "15" / "part.control").touch()
    assert check([part], Machine(folder, []).run, ci=True) == 0
