"""README.md keeps its word: its blocks are run. And what runs the blocks of documents notices what goes wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks, run, run_all

__all__ = ["blocks", "run", "run_all"]

README = ROOT / "README.md"


@pytest.mark.timeout(1800)
def test_readme_blocks_run(tmp_path: Path) -> None:
    assert run_all(README.read_text(encoding="utf-8"), tmp_path, warm=True) > 0


def test_every_block_not_run_says_why() -> None:
    silent = [block.line for block in blocks(README.read_text(encoding="utf-8")) if block.reason == ""]
    assert silent == [], f"README.md: no reason for not running the blocks at lines {silent}"


MADE_UP = """\
# A made-up readme

```sh
echo 42 > answer
```

Other languages are not run:

```json
{"answer": 42}
```

<!-- not run: it never ends -->

```sh
sleep 1000000
```

```python
from pathlib import Path

assert Path("answer").read_text() == "42\\n"
```
"""


def test_blocks_are_found_and_run_in_one_folder(tmp_path: Path) -> None:
    found = list(blocks(MADE_UP))
    assert [(block.language, block.line, block.reason) for block in found] == [
        ("sh", 3, None),
        ("sh", 15, "it never ends"),
        ("python", 19, None),
    ]
    assert run_all(MADE_UP, tmp_path) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["answer"]


@pytest.mark.parametrize(
    "markdown",
    [
        "```sh\nfalse\ntrue\n```\n",
        "```sh\necho $never_set\n```\n",
        "```python\nraise SystemExit(1)\n```\n",
        "```python\nimport no_such_package\n```\n",
    ],
)
def test_a_block_that_fails_is_noticed(markdown: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"block at line 1 ended with"):
        run_all(markdown, tmp_path)


def test_a_block_in_a_list_is_run(tmp_path: Path) -> None:
    markdown = "1. first:\n\n   ```python title=x\n   if True:\n       print(1)\n   ```\n"
    (block,) = blocks(markdown)
    assert block.text == "if True:\n    print(1)\n"
    assert run_all(markdown, tmp_path) == 1


def test_our_environment_comes_first(tmp_path: Path) -> None:
    expected = Path(sys.executable).parent / "python"
    assert run_all(f'```sh\ntest "$(command -v python)" = "{expected}"\n```\n', tmp_path) == 1


@pytest.mark.parametrize("comment", ["<!-- not run: -->", "<!-- not run -->", "<!--not run:-->"])
def test_a_missing_reason_is_noticed(comment: str) -> None:
    (block,) = blocks(f"{comment}\n```sh\ntrue\n```\n")
    assert block.reason == ""


@pytest.mark.parametrize(
    "markdown",
    [
        "<!-- not run: why -->\nSome words.\n\n```sh\ntrue\n```\n",
        "<!-- not run: why -->\n\n```json\n{}\n```\n",
        "<!-- not run: why -->\n<!-- not run: why -->\n\n```sh\ntrue\n```\n",
        "```sh\ntrue\n```\n\n<!-- not run: why -->\n",
        "```sh\ntrue\n",
        "```bash\ntrue\n```\n",
        "```py\npass\n```\n",
    ],
)
def test_a_document_that_cannot_be_read_is_refused(markdown: str) -> None:
    with pytest.raises(ValueError, match=r"'not run' is said of no|never closed|say (sh|python), not"):
        list(blocks(markdown))


def test_a_server_goes_on_beside_the_next_blocks(tmp_path: Path) -> None:
    markdown = (
        "```sh\ngridtwin generate --meters 50 --store town.gpkg\n```\n"
        "<!-- goes on -->\n\n```sh\ngridtwin serve town.gpkg\n```\n"
        "<!-- file: ask.py -->\n```python\nfrom urllib.request import urlopen\n"
        'print(urlopen("http://127.0.0.1:8080/api/network").status)\n```\n'
        "```sh\npython ask.py\n```\n"
    )
    wrote: list[str] = []
    assert run_all(markdown, tmp_path, warm=True, told=lambda block, output: wrote.append(output)) == 4
    assert wrote[-1] == "200\n"


def test_a_warm_program_ends_as_a_cold_one(tmp_path: Path) -> None:
    markdown = """\
```sh
python -c 'import sys; sys.exit(7)' || test $? -eq 7
python -c 'raise SystemExit("said")' 2> said || test $? -eq 1
test "$(cat said)" = said
python -c '1 / 0' 2> trace || test $? -eq 1
grep -q ZeroDivisionError trace
gridtwin info nothing.gpkg 2> missing || test $? -eq 2
grep -q "is not there" missing
X=1 python -c 'import os; print(os.environ["X"], os.getcwd(), __name__)' > seen
echo "print(__file__)" > here.py && python here.py
```
"""
    assert run_all(markdown, tmp_path, warm=True) == 1
    assert (tmp_path / "seen").read_text().split() == ["1", str(tmp_path), "__main__"]
