"""The image and the compose file, as far as they can be checked without an engine.

Linters and Docker Compose's own reader look at the files. The long test carries out the Dockerfile's steps in a fresh
Debian, and then the services' commands as the compose file gives them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import asinh, pi, radians, tan
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from tests.ports import free_port
from tests.postgres import TEMPLATE, Postgres
from tests.web.dockerfile import ROOT, Stage, build, container, context_files, instructions
from web.cli import app_of

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORE = (ROOT / ".dockerignore").read_text(encoding="utf-8")
COMPOSE = ROOT / "compose.yaml"
OURS = ("access", "load", "server")
START = ROOT / "container" / "start.sh"


def tool(name: str) -> str:
    """A program of our environment."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}")
    if found is None:
        pytest.skip(f"no {name}: `make test` installs it where it has a wheel")
    return found


def composed(**environment: str) -> dict[str, Any]:
    """The compose file as Docker Compose reads it."""
    command = [tool("docker-compose"), "-f", str(COMPOSE), "config", "--format", "json"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    whole: dict[str, Any] = json.loads(done.stdout)
    return whole


# --- linters --------------------------------------------------------------------------------------------------------


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [tool("hadolint"), "--failure-threshold", "style", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_docker_compose_reads_the_file_without_a_word() -> None:
    done = subprocess.run(
        [tool("docker-compose"), "-f", str(COMPOSE), "config", "--quiet"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# What the second linter says all the same, and why it stays so.
KEPT = {
    "CL-0019": "a digest can only be looked up where images come from; pin it in a file of your own",
    "CL-0026": "of processors: memory is limited, processors are shared by weight",
}


def test_a_linter_of_security_finds_nothing_grave() -> None:
    command = [tool("compose-lint"), "--format", "json", "--fail-on", "low", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    findings = found["findings"] if isinstance(found, dict) else found
    assert {finding["rule_id"] for finding in findings} <= set(KEPT), done.stdout


# --- rules of our own -----------------------------------------------------------------------------------------------


def test_the_image_is_small_and_nobodys() -> None:
    stages = [each.text for each in instructions(DOCKERFILE) if each.name == "FROM"]
    assert len(stages) == 2 and stages[0] == f"{stages[1]} AS build" and "-slim-" in stages[1]
    last = instructions(DOCKERFILE.rpartition("FROM ")[2])
    users = [each.text for each in last if each.name == "USER"]
    assert users == ["10001:10001"]
    assert {"HEALTHCHECK", "ENTRYPOINT", "EXPOSE"} <= {each.name for each in last}


def test_every_requirement_of_the_image_has_a_hash() -> None:
    steps = [each.text for each in instructions(DOCKERFILE) if each.name == "RUN"]
    installs = [part for step in steps for part in step.split("&&") if "pip install" in part]
    assert len(installs) == 4
    assert all("--require-hashes" in part or "--no-index" in part for part in installs)


def test_the_image_is_made_of_nothing_else() -> None:
    files = {str(path) for path in context_files(IGNORE)}
    tops = {name.partition("/")[0] for name in files}
    assert tops == {
        *("LICENSE", "README.md", "container", "gridtwin.py", "loaders", "pyproject.toml", "requirements"),
        *("tiles", "topology", "twin", "web"),
    }
    assert {name for name in files if name.startswith("container/")} == {"container/start.sh"}
    assert not [name for name in files if "__pycache__" in name or "/vendor/" in name or name.endswith(".gpkg")]
    tracked = subprocess.run(["git", "ls-files", *tops], cwd=ROOT, capture_output=True, text=True, check=True)
    there = {name for name in tracked.stdout.splitlines() if (ROOT / name).exists()}
    assert there - {"container/README.md"} <= files


def test_services_have_no_more_rights_than_they_need() -> None:
    whole = composed()
    for name, service in whole["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged") and "user" not in service, name
        assert service["mem_limit"] and service["pids_limit"], name
        if name in OURS:
            assert "cap_add" not in service and service["tmpfs"], name
    published = [(name, service["ports"]) for name, service in whole["services"].items() if service.get("ports")]
    assert [(name, port["host_ip"], port["target"]) for name, (port,) in published] == [("server", "127.0.0.1", 8080)]
    assert whole["networks"]["database"]["internal"] is True


def test_no_password_stands_anywhere() -> None:
    whole = composed()
    for name, service in whole["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            assert "PASSWORD" not in variable or value == "/run/secrets/database_password", name
        assert ":" not in "".join(word.partition("//")[2].partition("@")[0] for word in service.get("command") or [])
    (secret,) = whole["secrets"].values()
    assert secret["file"].endswith("/secrets/database_password")
    ignored = subprocess.run(["git", "check-ignore", "-q", "secrets/database_password"], cwd=ROOT, check=False)
    assert ignored.returncode == 0


def test_services_wait_for_each_other() -> None:
    services = composed()["services"]
    waits = {
        name: {on: each["condition"] for on, each in s["depends_on"].items()}
        for name, s in services.items()
        if s.get("depends_on")
    }
    assert waits == {
        "load": {"database": "service_healthy"},
        "server": {
            "access": "service_completed_successfully",
            "database": "service_healthy",
            "load": "service_completed_successfully",
        },
    }


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize(
    "environment",
    [
        {},
        {
            "GRIDTWIN_LOAD": "load /source/town.gpkg --mapping /source/town.toml",
            "GRIDTWIN_WORKERS": "4",
            "GRIDTWIN_PUBLIC_URL": "https://grid.example",
        },
    ],
    ids=["as it is", "with variables"],
)
def test_the_services_commands_are_ours(name: str, environment: dict[str, str]) -> None:
    command, *words = composed(**environment)["services"][name]["command"]
    group = typer.main.get_command(app_of())
    given = group.commands[command].make_context(command, words).params  # type: ignore[attr-defined]
    if name == "server":
        assert (given["host"], given["token_file"]) == ("0.0.0.0", "/access/tokens.txt")
        assert given["workers"] == int(environment.get("GRIDTWIN_WORKERS", 2))
    if name == "load":
        assert given["if_empty"] is True and given["store"] == "postgresql://gridtwin@database/gridtwin"


def test_the_container_starts_with_what_was_compiled(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy(START, tmp_path / "bin")
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "kernel").write_text("compiled")
    (tmp_path / "bin" / "gridtwin").write_text('#!/bin/sh\necho "$@" "$PGPASSWORD"; cat "$NUMBA_CACHE_DIR/kernel"\n')
    (tmp_path / "bin" / "gridtwin").chmod(0o755)
    (tmp_path / "password").write_text("se cret\n")
    environment = {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PGPASSWORD_FILE": str(tmp_path / "password"),
    }
    for _ in range(2):  # the second time it is there
        done = subprocess.run(["start.sh", "info", "a b"], env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "info a b se cret\ncompiled"), done.stderr
    environment["NUMBA_CACHE_DIR"] = str(tmp_path / "nowhere" / "cache")
    done = subprocess.run(["start.sh", "info"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "mount a tmpfs at /tmp" in done.stderr


# --- the wheel ------------------------------------------------------------------------------------------------------


def test_the_wheel_serves_from_a_bare_environment(tmp_path: Path) -> None:
    """What the image is made of, without anything of the checkout; kernels run as Python, for compiling takes long."""
    uv, python = tool("uv"), str(tmp_path / "venv" / "bin" / "python")
    install = [uv, "pip", "install", "--quiet", "--python", python]
    for command in (
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")],
        [uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")],
        [*install, "--require-hashes", "-r", "requirements/image.txt"],
    ):
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([*install, "--no-deps", *(tmp_path / "dist").glob("*.whl")], cwd=tmp_path, check=True)
    environment = {
        "PATH": f"{tmp_path / 'venv' / 'bin'}:/usr/bin:/bin",
        "NUMBA_DISABLE_JIT": "1",
        "HOME": str(tmp_path),
    }

    def gridtwin(*words: str) -> str:
        done = subprocess.run(["gridtwin", *words], cwd=tmp_path, env=environment, check=True, capture_output=True)
        return done.stdout.decode().strip()

    gridtwin("generate", "--meters", "20", "--store", "town.gpkg")
    token = gridtwin("token", "tokens.txt", "--name", "admin", "--scope", "admin")
    port = free_port()
    command = ["gridtwin", "serve", "town.gpkg", f"--port={port}", "--token-file=tokens.txt"]
    with running(command, cwd=tmp_path, env=environment) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        smoke(f"http://127.0.0.1:{port}", token)
        process.terminate()
        assert process.wait(timeout=60) == 0


# --- the steps themselves -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The last stage of the Dockerfile, its steps carried out in a fresh Debian."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("a fresh Debian needs root and the system's package debootstrap")
    folder = tmp_path_factory.mktemp("image")
    yield build(DOCKERFILE, IGNORE, folder)
    shutil.rmtree(folder)


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A server for as long as the block lasts; where it is a container, its first process' parent."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def inner(process: subprocess.Popen[str]) -> int:
    """The first process of a container, as this machine numbers it."""
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(child)


def status(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def wait_until_ready(url: str, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 240
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {process.communicate()[0]}")
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError("it was never ready")


def smoke(url: str, token: str) -> None:
    """What a server in front of colleagues must do."""
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert httpx.get(f"{url}/api/network").status_code == 401
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
        network = http.get("/api/network").json()
        assert network["customers"] > 0
        (found, *_) = http.get("/api/elements", params={"layer": "switches", "id": 1}).json().values()
        assert found
        feature = http.get("/ogc/collections/switches/items", params={"limit": 1}).json()["features"][0]
        lng, lat = feature["geometry"]["coordinates"]
        x, y = int((lng + 180) / 360 * 2**14), _row(lat, 14)
        tile = http.get(f"/tiles/grid/14/{x}/{y}.mvt")
        assert tile.status_code == 200 and len(tile.content) > 100
        assert http.get("/tiles/hexes/5/16/10.mvt").status_code in (200, 204)
        mrid = feature["id"]
        traced = http.post("/api/traces", json={"kind": "downstream", "start": [mrid]})
        assert traced.status_code == 200 and traced.json()["sums"]["counts"]
        opened = http.post("/api/switching", json={"operations": [{"mrid": mrid, "open": True}], "note": "smoke"})
        assert opened.status_code == 200, opened.text
        assert http.get("/api/outages").status_code == 200
        last = http.get("/api/events", params={"since": opened.json()["revision"] - 1}).json()["events"][-1]
        assert (last["author"], last["note"]) == ("admin", "smoke")
        assert "maplibre" in http.get("/").text.lower()
        assert http.get("/viewer/vendor/maplibre-gl.mjs").status_code == 200


def _row(lat: float, zoom: int) -> int:
    return int((1 - asinh(tan(radians(lat))) / pi) / 2 * 2**zoom)


def compiled(folder: Path) -> set[str]:
    """What Numba keeps in a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*.nbc")}


@pytest.mark.long
@pytest.mark.postgis
@pytest.mark.timeout(3000)
def test_the_image_serves_as_the_compose_file_says(image: Stage, postgres: Postgres, tmp_path: Path) -> None:
    services = composed(GRIDTWIN_LOAD="generate --meters 300 --seed 7")["services"]
    postgres.execute("postgres", f"CREATE DATABASE gridtwin TEMPLATE {TEMPLATE}")
    access = tmp_path / "access"
    access.mkdir(mode=0o700)
    os.chown(access, *map(int, image.user.split(":")))
    password = tmp_path / "password"
    password.write_text(postgres.password)
    volumes = {access: "/access", password: "/run/secrets/database_password"}

    def contained(name: str, *more: str) -> list[str]:
        service: Mapping[str, Any] = services[name]
        environment = {**(service.get("environment") or {}), "PGPORT": str(postgres.port)}
        return container(image, [*image.entrypoint, *service["command"], *more], volumes, environment)

    def once(name: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(contained(name), capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    token = once("access").stdout.strip()
    assert len(token) > 30
    assert once("access").stdout == "" and "left as it is" not in once("load").stderr
    assert "left as it is" in once("load").stderr

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(contained("server", f"--port={port}")) as process:
        wait_until_ready(url, process)
        smoke(url, token)
        first = inner(process)
        said = status(first)
        assert (said["Uid"], said["Gid"]) == (["10001"] * 4, ["10001"] * 4)
        assert (said["CapEff"], said["CapBnd"], said["NoNewPrivs"]) == (["0" * 16], ["0" * 16], ["1"])
        # Nothing had to be compiled: what the image brought along was enough, and it fits.
        assert compiled(Path(f"/proc/{first}/root/tmp/numba")) == compiled(image.inside("/opt/gridtwin/numba"))
        health = [word.replace(":8080", f":{port}") for word in image.health]
        assert subprocess.run(container(image, health, {}, {}), timeout=60, check=False).returncode == 0
        os.kill(first, signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    health_of_none = subprocess.run(container(image, health, {}, {}), capture_output=True, timeout=60, check=False)
    assert health_of_none.returncode != 0


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_the_image_keeps_a_geopackage_in_its_volume(image: Stage, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    os.chown(data, *map(int, image.user.split(":")))

    def gridtwin(*words: str) -> subprocess.CompletedProcess[str]:
        command = container(image, [*image.entrypoint, *words], {data: "/data"}, {})
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    assert gridtwin("generate", "--meters", "50", "--store", "town.gpkg").returncode == 0
    assert json.loads(gridtwin("info", "/data/town.gpkg", "--json").stdout)["customers"] > 0
    refused = gridtwin("generate", "--meters", "50", "--store", "/opt/town.gpkg")
    assert refused.returncode == 2 and "gridtwin:" in refused.stderr
