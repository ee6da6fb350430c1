"""The rule that nothing is skipped in CI, on made-up tests run by a pytest of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().with_name("conftest.py")

MADE_UP = {
    "skips": "import pytest\ndef test_a():\n    pytest.skip('made-up reason')\n",
    "is marked": "import pytest\n@pytest.mark.skip(reason='made-up reason')\ndef test_a():\n    pass\n",
    "skips in a fixture": (
        "import pytest\n@pytest.fixture\ndef tool():\n    pytest.skip('made-up reason')\ndef test_a(tool):\n    pass\n"
    ),
    "skips the module": "import pytest\npytest.skip('made-up reason', allow_module_level=True)\n",
}


def outcome(folder: Path, text: str, ci: str) -> tuple[int, str]:
    """The exit code and output of pytest on one file, beside a copy of our conftest.py."""
    shutil.copy(CONFTEST, folder)
    (folder / "test_made_up.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "--rootdir", ".", "test_made_up.py"]
    environment = {**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("text", MADE_UP.values(), ids=MADE_UP)
def test_a_skipped_test_fails_in_ci(text: str, tmp_path: Path) -> None:
    code, output = outcome(tmp_path, text, "true")
    assert code != 0
    assert "1 skipped" not in output
    assert "CI=true allows no skipped" in output
    assert "made-up reason" in output


@pytest.mark.parametrize("text", MADE_UP.values(), ids=MADE_UP)
def test_a_skipped_test_is_skipped_elsewhere(text: str, tmp_path: Path) -> None:
    _, output = outcome(tmp_path, text, "")
    assert "1 skipped" in output
    assert "made-up reason" in output
    assert "failed" not in output


def test_an_expected_failure_is_none_in_ci(tmp_path: Path) -> None:
    text = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_a():\n    assert False\n"
    code, output = outcome(tmp_path, text, "true")
    assert code == 0, output
    assert "1 xfailed" in output
