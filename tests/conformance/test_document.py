"""docs/conformance.md keeps its word: its blocks are run, its links lead somewhere, and every case is in its table."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_readme import run_all

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "conformance.md"


def test_its_blocks_run(tmp_path):
    assert run_all(DOCUMENT.read_text(encoding="utf-8"), tmp_path) == 2


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", DOCUMENT.read_text(encoding="utf-8"))
    assert len(links) > 12
    assert [link for link in links if not (DOCUMENT.parent / link).exists()] == []


def test_it_names_every_case():
    text = DOCUMENT.read_text(encoding="utf-8")
    cases = [folder.name for folder in (ROOT / "tests" / "cases").iterdir() if folder.is_dir()]
    assert len(cases) >= 10
    assert [name for name in cases if f"(../tests/cases/{name})" not in text] == []
