"""Which versions an advisory speaks of, what a folder of advisories knows, and that silence is no pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import audit
from tests.audit import HOLES, NOT_ASKED, affects, known, locked


def advisory(*events: dict[str, str], name: str = "Some_Package", **more: object) -> dict[str, object]:
    ranges = [{"type": "GIT", "events": [{"introduced": "0"}]}, {"type": "ECOSYSTEM", "events": list(events)}]
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges, **more}
    return {"id": "MADE-UP-1", "summary": "a made-up hole", "affected": [affected]}


@pytest.mark.parametrize(
    ("version", "expected"),
    [("0.9", False), ("1.0", True), ("1.10", True), ("2.0rc1", True), ("2.0", False), ("3.0", True), ("3.1", False)],
)
def test_ranges(version: str, expected: bool) -> None:
    hole = advisory({"introduced": "1.0"}, {"fixed": "2.0"}, {"introduced": "3.0"}, {"last_affected": "3.0"})
    assert affects(hole, "some-package", version) is expected
    assert not affects(hole, "other-package", version)


def test_versions_in_a_list_and_ones_that_cannot_be_compared() -> None:
    assert affects(advisory(versions=["7.7"]), "some-package", "7.7")
    assert affects(advisory({"introduced": "not a version"}), "some-package", "1.0")


def test_a_folder_is_asked(tmp_path: Path) -> None:
    (tmp_path / "some-package").mkdir()
    path = tmp_path / "some-package" / "MADE-UP-1.yaml"
    path.write_text(json.dumps(advisory({"introduced": "0"}, {"fixed": "2"})))
    packages = {"some-package": {"1", "2"}, "other": {"1"}}
    assert list(known(tmp_path, packages)) == ["some-package 1: MADE-UP-1 a made-up hole"]
    path.write_text(json.dumps({**advisory({"introduced": "0"}), "withdrawn": "2026-01-01T00:00:00Z"}))
    assert list(known(tmp_path, packages)) == []


def test_all_that_is_locked_is_asked_for() -> None:
    packages = locked()
    assert {"numba", "starlette", "pip-audit", "uv", "simbench", "hatchling", "pyjwt"} <= set(packages)
    assert all(packages.values())


@pytest.mark.parametrize(("holes", "code"), [([], NOT_ASKED), (["a hole"], HOLES)])
def test_silence_is_no_pass(
    holes: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "pip_audit", lambda path: (holes, 10, 1))
    monkeypatch.setattr(audit, "npm_audit", lambda: ([], False))
    assert audit.main(None) == code
    said = capsys.readouterr().out
    assert "That is no pass" in said and "9 of 10 packages" in said and "npm could not be asked" in said
