"""README.md keeps its word: the shell and Python blocks that it shows are run, in order, in one empty folder.

A block that cannot be run here (it serves for ever, it builds the environment) has a comment right before it
that says why: `<!-- not run: reason -->`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"
COMMENT = re.compile(r"<!--\s*not run:?\s*(.*?)\s*-->")
FENCE = "```"
OTHER_NAMES = {"bash": "sh", "console": "sh", "py": "python", "shell": "sh"}
INTERPRETERS = {"sh": ["sh", "-eu", "-c"], "python": [sys.executable, "-c"]}
TIMEOUT_S = 300


@dataclass(frozen=True)
class Block:
    """A fenced block in one of the languages that we run."""

    language: str
    text: str
    line: int
    """of its fence, from 1"""
    reason: str | None
    """why it is not run; None if it is"""


def blocks(markdown: str) -> Iterator[Block]:
    """The shell and Python blocks of a document, in order.

    Raises ValueError for what would go unnoticed: a comment that no such block follows, a fence that is never
    closed, a shell or Python block that goes by another name.
    """
    lines = iter(enumerate(markdown.splitlines(), 1))
    reason: str | None = None
    for number, line in lines:
        comment = COMMENT.fullmatch(line.strip())
        if line.lstrip().startswith(FENCE):
            language = line.strip().removeprefix(FENCE).partition(" ")[0]
            if language in OTHER_NAMES:
                raise ValueError(f"line {number}: say {OTHER_NAMES[language]}, not {language}")
            text = _until_fence(lines, number)
            if language in INTERPRETERS:
                yield Block(language, text, number, reason)
                reason = None
        elif comment is not None and reason is None:
            reason = comment[1]
            continue
        if reason is not None and line.strip():
            raise ValueError(f"line {number}: 'not run' is said of no sh or python block")
    if reason is not None:
        raise ValueError("'not run' is said of no sh or python block at the end")


def _until_fence(lines: Iterator[tuple[int, str]], start: int) -> str:
    text = []
    for _, line in lines:
        if line.strip() == FENCE:
            return textwrap.dedent("\n".join(text)) + "\n"
        text.append(line)
    raise ValueError(f"line {start}: this block is never closed")


def run(block: Block, folder: Path) -> None:
    """Runs a block in `folder` as a reader would, our environment first on PATH; raises AssertionError."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    done = subprocess.run(
        [*INTERPRETERS[block.language], block.text],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, (
        f"the {block.language} block at line {block.line} ended with {done.returncode}:\n"
        f"{block.text}\n{done.stdout}\n{done.stderr}"
    )


def run_all(markdown: str, folder: Path) -> int:
    """Runs every block that says nothing against it; returns how many."""
    runnable = [block for block in blocks(markdown) if block.reason is None]
    for block in runnable:
        run(block, folder)
    return len(runnable)


@pytest.mark.timeout(1800)
def test_readme_blocks_run(tmp_path: Path) -> None:
    assert run_all(README.read_text(encoding="utf-8"), tmp_path) > 0


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
