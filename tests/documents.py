"""Documents keep their word: the shell, Python and other blocks that they show are run, in order, in one empty folder.

A comment right before a block says what is particular about it:

- `<!-- not run: reason -->`: it cannot be run here (it needs an engine, it builds the environment);
- `<!-- goes on -->`: it serves until it is interrupted, so it runs beside the blocks that follow, on another port;
- `<!-- file: NAME -->`: not a program, but what a file of that name holds.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.ports import free_port
from tests.warm_python import warm_python

ROOT = Path(__file__).resolve().parent.parent
COMMENT = re.compile(r"<!--\s*(not run|goes on|file)\b:?\s*(.*?)\s*-->")
FENCE = "```"
OTHER_NAMES = {"bash": "sh", "console": "sh", "js": "javascript", "py": "python", "shell": "sh"}
INTERPRETERS = {"sh": ["sh", "-eu", "-c"], "python": ["python", "-c"]}
ADDRESS = "http://127.0.0.1:8080"
"""Where a server listens unless told otherwise, and so what documents say."""
TIMEOUT_S = 300


@dataclass(frozen=True)
class Block:
    """A fenced block in one of the languages that we run, or with something said of it."""

    language: str
    text: str
    line: int
    """of its fence, from 1"""
    said: str = ""
    """`not run`, `goes on`, `file`, or nothing"""
    word: str = ""
    """the reason, or the file's name"""

    @property
    def reason(self) -> str | None:
        """Why it is not run; None if it is."""
        return self.word if self.said == "not run" else None


def blocks(markdown: str) -> Iterator[Block]:
    """The blocks of a document that are run, or might be, in order.

    Raises ValueError for what would go unnoticed: a comment that no such block follows, a fence that is never
    closed, a shell or Python block that goes by another name.
    """
    lines = iter(enumerate(markdown.splitlines(), 1))
    said: tuple[str, str] | None = None
    for number, line in lines:
        comment = COMMENT.fullmatch(line.strip())
        if line.lstrip().startswith(FENCE):
            language = line.strip().removeprefix(FENCE).partition(" ")[0]
            if language in OTHER_NAMES:
                raise ValueError(f"line {number}: say {OTHER_NAMES[language]}, not {language}")
            text = _until_fence(lines, number)
            if language in INTERPRETERS or (said is not None and said[0] == "file"):
                yield Block(language, text, number, *(said or ()))
                said = None
        elif comment is not None and said is None:
            said = comment[1], comment[2]
            continue
        if said is not None and line.strip():
            raise ValueError(f"line {number}: '{said[0]}' is said of no sh or python block")
    if said is not None:
        raise ValueError(f"'{said[0]}' is said of no sh or python block at the end")


def _until_fence(lines: Iterator[tuple[int, str]], start: int) -> str:
    text = []
    for _, line in lines:
        if line.strip() == FENCE:
            return textwrap.dedent("\n".join(text)) + "\n"
        text.append(line)
    raise ValueError(f"line {start}: this block is never closed")


def untagged(markdown: str) -> list[int]:
    """The lines of fences that say no language, so that nobody runs what is in them."""
    fences = [(number, line.strip()) for number, line in enumerate(markdown.splitlines(), 1) if FENCE in line]
    return [number for number, line in fences[::2] if line == FENCE]


class Reader:
    """Does what a document says, as a reader would: in one folder, with our environment first on PATH."""

    def __init__(self, folder: Path, programs: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.replaced: dict[str, str] = {}
        """what stands in documents for what a reader has instead: addresses, passwords"""
        path = (programs, Path(sys.executable).parent, os.environ.get("PATH", os.defpath))
        self.environment = {**os.environ, **environment, "PATH": os.pathsep.join(map(str, path))}
        self._stack = ExitStack()

    def run(self, block: Block) -> str:
        """Runs a block and returns what it wrote; raises AssertionError where it fails."""
        text = block.text
        for said, instead in self.replaced.items():
            text = text.replace(said, instead)
        if block.said == "file":
            (self.folder / block.word).write_text(text, encoding="utf-8")
            return ""
        if block.said == "goes on":
            self._begin(text)
            return ""
        done = subprocess.run(
            [*INTERPRETERS[block.language], text],
            cwd=self.folder,
            env=self.environment,
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
        return done.stdout

    def _begin(self, text: str) -> None:
        """Starts a server, and returns when it is ready."""
        port = free_port()
        process = subprocess.Popen(
            ["sh", "-euc", f"exec {text.strip()} --port {port}"],
            cwd=self.folder,
            env={**self.environment, "PATH": self.environment["PATH"].partition(os.pathsep)[2]},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(_end, process)
        url = self.replaced[ADDRESS] = f"http://127.0.0.1:{port}"
        end = time.monotonic() + TIMEOUT_S
        while not _is_ready(url):
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < end, f"never ready: {text}"
            time.sleep(0.1)

    def stop(self) -> None:
        """Ends what goes on."""
        self._stack.close()


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=60)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def reading(folder: Path, environment: Mapping[str, str] | None = None, *, warm: bool = False) -> Iterator[Reader]:
    """A reader in a folder; what goes on ends with the block. warm: programs share their imports."""
    with ExitStack() as stack:
        programs = stack.enter_context(warm_python()) if warm else Path(sys.executable).parent
        reader = Reader(folder, programs, environment or {})
        stack.callback(reader.stop)
        yield reader


def run_all(
    markdown: str,
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    replaced: Mapping[str, str] | None = None,
    warm: bool = False,
    told: Callable[[Block, str], None] = lambda block, output: None,
) -> int:
    """Runs every block that says nothing against it; returns how many.

    environment: variables that a reader has set. replaced: words of the document, and what a reader has instead.
    told: each block that was run, and what it wrote.
    """
    runnable = [block for block in blocks(markdown) if block.reason is None]
    with reading(folder, environment, warm=warm) as reader:
        reader.replaced.update(replaced or {})
        for block in runnable:
            told(block, reader.run(block))
    return len(runnable)


def run(block: Block, folder: Path) -> None:
    """Runs one block in a folder; raises AssertionError."""
    Reader(folder, Path(sys.executable).parent, {}).run(block)
