"""Runs many Python programs at the price of one start: a process that has imported gridtwin forks for each of them.

`python` and `gridtwin` on PATH become a small program that hands its words, folder, environment and streams over and
ends as the fork did. What is forked is what would have run: only the imports are shared.
"""

from __future__ import annotations

import array
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas  # noqa: F401  what the programs that are run import, too
import networkx  # noqa: F401

import gridtwin  # noqa: F401
from web import cli

CLIENT = """#!{python} -IS
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    words = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
    streams = array.array("i", [0, 1, 2])
    server.sendmsg([len(words).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    server.sendall(words)
    code = server.recv(1)
sys.exit(code[0] if code else 70)
"""


@contextmanager
def warm_python() -> Iterator[Path]:
    """A folder with `python` and `gridtwin` in it, to go first on PATH."""
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        address = f"{folder}/socket"
        for name in ("python", "gridtwin"):
            program = Path(folder, name)
            program.write_text(CLIENT.format(python=sys.executable, address=address))
            program.chmod(0o755)
        root = Path(__file__).resolve().parent.parent
        command = [sys.executable, "-m", "tests.warm_python", address]
        with subprocess.Popen(command, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline(), "it did not begin to listen"
                yield Path(folder)
            finally:
                process.terminate()
                process.wait(timeout=30)


def listen(address: str) -> None:
    """Forks for every program that is asked for, until it is ended."""
    cli.app_of()  # imports what the commands need
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(16)
        print("listening", flush=True)
        while True:
            asking, _ = listener.accept()
            with asking:
                if os.fork() == 0:
                    listener.close()
                    _parent_of_one(asking)


def _parent_of_one(asking: socket.socket) -> None:
    """Waits for the program, so that the process that listens need not, and passes its end on."""
    program = os.fork()
    if program == 0:
        _become(asking)
    _, status = os.waitpid(program, 0)
    code = os.waitstatus_to_exitcode(status)
    asking.sendall(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def _become(asking: socket.socket) -> None:
    """In a process of its own: takes over everything that was sent, and runs the program."""
    size, ancillary, _, _ = asking.recvmsg(4, socket.CMSG_SPACE(3 * 4))
    streams = array.array("i", ancillary[0][2][:12])
    text = b""
    while len(text) < int.from_bytes(size, "big"):
        text += asking.recv(1 << 16)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    words, here, environment = json.loads(text)
    os.chdir(here)
    os.environ.clear()
    os.environ.update(environment)
    code = 1
    try:
        code = _ran(words)
    finally:
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ran(words: list[str]) -> int:
    program, *rest = words
    try:
        if Path(program).name == "gridtwin":
            sys.argv = words
            cli.main()
        elif rest[:1] == ["-c"]:
            sys.argv, sys.path[0] = ["-c", *rest[2:]], ""
            exec(compile(rest[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv, sys.path[0] = rest, str(Path(rest[0]).resolve().parent)
            runpy.run_path(rest[0], run_name="__main__")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
            return 1
        return int(ended.code or 0)
    return 0


if __name__ == "__main__":
    listen(sys.argv[1])
