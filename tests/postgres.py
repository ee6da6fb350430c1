"""A private PostgreSQL with PostGIS in a temporary folder, for the tests and benchmarks that need one.

Nothing of the machine's own clusters is touched. The server runs as an unprivileged user where the tests run as root
(`initdb` refuses root), writes through to the disk as a real one does, and dies with the process that started it.
"""

from __future__ import annotations

import asyncio
import glob
import itertools
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from tests.ports import free_port

T = TypeVar("T")

OWNER = "gridtwin"
TEMPLATE = "gridtwin_template"
"""Has PostGIS, and nothing else."""
EMPTY = "template0"
"""Has not even that."""
STARTS_WITHIN_S = 60.0


class PostgresMissing(Exception):
    """There is no PostgreSQL with PostGIS; says how to get it."""


class Postgres:
    """One server: start, stop, kill and restart it; make databases in it.

    Connections come over loopback with a password, as over a network, or over a socket in the folder.
    """

    def __init__(self, folder: Path, programs: Path, user: str | None, options: Sequence[str] = ()) -> None:
        self.folder, self.programs, self.user, self.options = folder, programs, user, list(options)
        self.port = free_port()
        self.password = secrets.token_urlsafe(12)
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)

    # --- the server -------------------------------------------------------------------------------------------

    def make(self) -> None:
        """Makes the cluster, starts it and makes the template that every database is a copy of."""
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        self._give(password_file)
        self._run(
            "initdb",
            f"--pgdata={self._data}",
            f"--username={OWNER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        )
        self.start()
        self.execute("postgres", f"CREATE DATABASE {TEMPLATE}")
        self.execute(TEMPLATE, "CREATE EXTENSION postgis")

    def start(self, largest_file: int | None = None) -> None:
        """Starts the server and returns when it answers; largest_file: bytes that none of its files grows beyond."""
        command = [
            *_dies_with_us(),
            *([] if largest_file is None else ["prlimit", f"--fsize={largest_file}", "--"]),
            str(self.programs / "postgres"),
            "-D",
            str(self._data),
            "-k",
            str(self.folder),
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            *(word for option in self.options for word in ("-c", option)),
        ]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, process_group=0, **self._as_user()
            )
        end = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stops the server as an administrator would: connections are cut, everything is on disk."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Ends every process of the server at once, as a power cut would; returns when all of them are gone."""
        children: list[int] = []
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGSTOP)  # it starts none in the place of one that was killed
            children = _children(self._process.pid)
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._end(signal.SIGKILL)
        end = time.monotonic() + STARTS_WITHIN_S
        while _running(children):  # a new server refuses the memory that they share
            if time.monotonic() > end:
                raise RuntimeError(f"processes of PostgreSQL that cannot be killed: {_running(children)}")
            time.sleep(0.02)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)  # nothing happens where it ended already
        self._process.wait(STARTS_WITHIN_S)
        self._process = None

    def remove(self) -> None:
        """Stops the server and forgets everything in it."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- databases --------------------------------------------------------------------------------------------

    def url(self, database: str, *, user: str = OWNER, password: str | None = None, port: int = 0) -> str:
        """The URL of a database, over loopback."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{port or self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """The same over the socket in the folder."""
        return f"postgresql://{OWNER}:{self.password}@/{database}?host={self.folder}&port={self.port}"

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """A new database, a copy of one that nobody is connected to; gives its name and drops it at the end."""
        name = f"test_{next(self._numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield name
        finally:
            self.execute("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, database: str, *statements: str) -> None:
        """Runs statements, each in a transaction of its own."""

        async def all_of_them(connection: asyncpg.Connection) -> None:
            for statement in statements:
                await connection.execute(statement)

        self.run(database, all_of_them)

    def fetch(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""

        async def rows(connection: asyncpg.Connection) -> list[tuple[Any, ...]]:
            return [tuple(record.values()) for record in await connection.fetch(query, *values)]

        return self.run(database, rows)

    def explain(self, database: str, query: str, *values: object, schema: str = "gridtwin") -> dict[str, Any]:
        """The plan of a query, its tables looked for in a schema."""

        async def plan(connection: asyncpg.Connection) -> dict[str, Any]:
            await connection.execute(f"SET search_path = {schema}, public")
            found: dict[str, Any] = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT json) {query}", *values))[0]
            return found["Plan"]

        return self.run(database, plan)

    def run(self, database: str, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Does something on a connection of its own."""

        async def whole() -> T:
            connection = await asyncpg.connect(self.url(database), timeout=STARTS_WITHIN_S)
            try:
                return await work(connection)
            finally:
                await connection.close()

        return asyncio.run(whole())

    # --- inside -----------------------------------------------------------------------------------------------

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _answers(self) -> bool:
        ready = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-d", "postgres"]
        return subprocess.run(ready, check=False).returncode == 0

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self.programs / program), *words], capture_output=True, text=True, check=False, **self._as_user()
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _as_user(self) -> dict[str, Any]:
        if self.user is None:
            return {"cwd": self.folder}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": self.folder}

    def _give(self, path: Path) -> None:
        path.chmod(0o700 if path.is_dir() else 0o600)
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            os.chown(path, entry.pw_uid, entry.pw_gid)


@contextmanager
def private_postgres(options: Sequence[str] = ()) -> Iterator[Postgres]:
    """A server of our own for as long as the block lasts; raises PostgresMissing.

    options: settings such as `max_connections=40`.
    """
    programs = _programs()
    user = _unprivileged() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="gridtwin-pg-"))  # short: the path of a socket has at most 107 bytes
    server = Postgres(folder, programs, user, options)
    server._give(folder)
    try:
        server.make()
        yield server
    finally:
        server.remove()


def _programs() -> Path:
    """The folder of the newest server that has PostGIS."""
    on_path = shutil.which("initdb")
    found = [Path(path) for path in glob.glob("/usr/lib/postgresql/*/bin/initdb")]
    found.sort(key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0, reverse=True)
    if on_path is not None:
        found.append(Path(on_path).resolve())
    for initdb in found:
        config = initdb.with_name("pg_config")
        shared = subprocess.run([str(config), "--sharedir"], capture_output=True, text=True, check=False).stdout.strip()
        if (Path(shared) / "extension" / "postgis.control").exists():
            return initdb.parent
    raise PostgresMissing("no PostgreSQL with PostGIS: install the system's packages postgresql and postgresql-postgis")


def _unprivileged() -> str:
    """A user who is not root: the one that PostgreSQL's package makes, else nobody."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _dies_with_us() -> list[str]:
    """Where the system has it: a killed test run leaves no server behind."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "INT", "--"] if setpriv else []


def _children(pid: int) -> list[int]:
    """Processes that a process started."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def _running(pids: Sequence[int]) -> list[int]:
    """Those that have not ended; one that has, and that nobody asked about, holds nothing any more."""
    if not pids:
        return []
    command = ["ps", "-o", "pid=,stat=", "-p", ",".join(map(str, pids))]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    found = (line.split() for line in listed.stdout.splitlines())
    return [int(pid) for pid, state in found if not state.startswith("Z")]
