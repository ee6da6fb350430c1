"""Reads the Dockerfile, and carries its steps out without an engine: in folders, each with a fresh Debian in it."""

from __future__ import annotations

import fnmatch
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SUITES = {"trixie": "3.13", "bookworm": "3.11"}
"""Debian's releases, and the Python that each has."""
PASSED_ON = (
    "PIP_CERT",
    "PIP_INDEX_URL",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)
"""How this machine reaches its registries, which an engine would be told as well."""
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Instruction:
    """One instruction: `RUN`, and what follows it."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The text as words; an array in JSON as its items."""
        found: list[str] = json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)
        return found


def instructions(text: str) -> list[Instruction]:
    """All of a Dockerfile, in order."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [
        Instruction(name.upper(), rest.strip()) for name, _, rest in (line.partition(" ") for line in whole.split("\n"))
    ]


def context_files(ignore: str, root: Path = ROOT) -> Iterator[Path]:
    """What `COPY . .` copies: the files that a .dockerignore leaves, relative to root. The last rule that fits wins."""
    rules = [line.strip() for line in ignore.splitlines() if line.strip() and not line.startswith("#")]
    for folder, names, files in os.walk(root):
        here = Path(folder).relative_to(root)
        names[:] = [name for name in names if name != ".git" and (here.parts or _may_hold(name, rules))]
        for name in files:
            if not _ignored(here / name, rules):
                yield here / name


def _may_hold(folder: str, rules: Sequence[str]) -> bool:
    return any(rule.startswith(f"!{folder}") for rule in rules)


def _ignored(path: Path, rules: Sequence[str]) -> bool:
    ignored = False
    above = [path, *path.parents][:-1]
    for rule in rules:
        kept = rule.startswith("!")
        pattern = rule.removeprefix("!").removeprefix("**/")
        anywhere = rule.removeprefix("!").startswith("**/")
        if any(fnmatch.fnmatch(each.name if anywhere else str(each), pattern) for each in above):
            ignored = not kept
    return ignored


@dataclass
class Stage:
    """One stage of a build: its folder, and what the instructions so far set."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        """The place of a path of the image on this machine."""
        return self.folder / os.path.normpath(os.path.join(self.workdir, path)).lstrip("/")

    def expanded(self, value: str) -> str:
        return value.replace("$PATH", self.environment["PATH"])


def build(text: str, ignore: str, folder: Path) -> Stage:
    """Carries out a Dockerfile; returns its last stage. Raises AssertionError with what a step said."""
    stages: dict[str, Stage] = {}
    stage = Stage(folder)
    for each in instructions(text):
        if each.name == "FROM":
            image, _, name = each.text.partition(" AS ")
            stage = Stage(folder / (name or "final"), {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})
            stages[name or "final"] = stage
            _debian(image, folder / "base", stage.folder)
        else:
            _carry_out(each, stage, stages, ignore)
    return stage


def _carry_out(each: Instruction, stage: Stage, stages: Mapping[str, Stage], ignore: str) -> None:
    match each.name:
        case "ENV":
            pairs = (word.partition("=") for word in each.words)
            stage.environment.update({name: stage.expanded(value) for name, _, value in pairs})
        case "WORKDIR":
            stage.workdir = each.text
            stage.inside(".").mkdir(parents=True, exist_ok=True)
        case "USER":
            stage.user = each.text
        case "COPY":
            _copy(each.words, stage, stages, ignore)
        case "RUN":
            _run(each.text, stage)
        case "ENTRYPOINT":
            stage.entrypoint = each.words
        case "HEALTHCHECK":
            stage.health = json.loads(each.text[each.text.index("CMD [") + 4 :])
        case "EXPOSE" | "CMD":
            pass
        case other:
            raise AssertionError(f"{other} is no instruction that this test can carry out")


def _copy(words: list[str], stage: Stage, stages: Mapping[str, Stage], ignore: str) -> None:
    if words[0].startswith("--from="):
        source = stages[words[0].removeprefix("--from=")].inside(words[1])
        subprocess.run(["cp", "-a", source, stage.inside(words[2])], check=True)
        return
    source, target = words[0], stage.inside(words[1])
    chosen = [path for path in context_files(ignore) if source == "." or path.is_relative_to(source)]
    assert chosen, f"COPY {source}: .dockerignore leaves nothing of it"
    for path in chosen:
        goal = target / (path if source == "." else path.relative_to(source))
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, goal)


def _debian(image: str, base: Path, folder: Path) -> None:
    """A copy of a fresh Debian with the Python that the image of Docker's library has."""
    name, _, tag = image.partition(":")
    suite = tag.rpartition("-")[2]
    assert name == "python" and tag.startswith(SUITES[suite]), f"{image}: Debian's {suite} has another Python"
    if not base.exists():
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=python3,python3-venv", suite, base],
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
        (base / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        (base / "etc/hosts").write_text("127.0.0.1 localhost database\n")
        shutil.copy("/etc/resolv.conf", base / "etc/resolv.conf")
    subprocess.run(["cp", "-a", base, folder], check=True)


_STEP = """
mount -t proc proc "$IMAGE/proc"
if [ -e "$CERTIFICATES" ]; then
    mkdir -p "$(dirname "$IMAGE$CERTIFICATES")"
    touch "$IMAGE$CERTIFICATES"
    mount --bind "$CERTIFICATES" "$IMAGE$CERTIFICATES"
fi
exec chroot "$IMAGE" sh -c "$COMMAND"
"""


def _run(command: str, stage: Stage) -> None:
    """One RUN, as root, with the network; this machine's certificates are lent for as long as it lasts."""
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    here = {"IMAGE": str(stage.folder), "CERTIFICATES": CERTIFICATES, "COMMAND": f"cd {stage.workdir} && {command}"}
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", _STEP],
        env={**passed_on, "HOME": "/tmp", **stage.environment, **here},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"RUN {command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


_SETUP = """
mount --bind "$IMAGE" "$IMAGE"
mount -t proc proc "$IMAGE/proc"
mount -t tmpfs -o noexec,nosuid,nodev,mode=1777 tmpfs "$IMAGE/tmp"
for volume in $VOLUMES; do
    mount --bind "${volume%%:*}" "$IMAGE/${volume#*:}"
done
mount -o remount,bind,ro "$IMAGE"
exec chroot "$IMAGE" setpriv --reuid "${OWNER%:*}" --regid "${OWNER#*:}" --clear-groups --no-new-privs \
    --inh-caps=-all --bounding-set=-all env -i "$@"
"""


def container(
    stage: Stage, command: Sequence[str], volumes: Mapping[Path, str], environment: Mapping[str, str]
) -> list[str]:
    """A command line that runs as a container of an image would: its user, nothing to gain, a root that is read-only.

    volumes: what is mounted where. It ends with whoever started it.
    """
    for source, target in volumes.items():
        place = stage.inside(target)
        if source.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    mounted = " ".join(f"{source}:{target.lstrip('/')}" for source, target in volumes.items())
    settings = [f"{name}={value}" for name, value in {**stage.environment, **environment}.items()]
    return [
        *("env", f"IMAGE={stage.folder}", f"VOLUMES={mounted}", f"OWNER={stage.user}"),
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", _SETUP, "sh"),
        *(f"--chdir={stage.workdir}", *settings, *command),
    ]
