"""Who may do what: bearer tokens from a file of hashes, or signed JWTs against a key set.

Scopes grow: `operate` may read, `admin` may do all. Without access control everybody may do all, which is why a server
then listens on this machine only.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Protocol

SCOPES = ("read", "operate", "admin")
LONGEST_TOKEN = 8_192
"""Characters; what is longer is refused unread."""


class AccessError(ValueError):
    """A file of tokens or keys that cannot be used; names the file, the line and the rule."""


class Unauthorized(PermissionError):
    """No token, or one that is not accepted; says why without repeating it."""


class Forbidden(PermissionError):
    """A token that is good, and not for this."""

    def __init__(self, name: str, scope: str, needed: str) -> None:
        super().__init__(f"{name or 'this token'} has the scope {scope}; this needs {needed}")
        self.scope, self.needed = scope, needed


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody, and the highest of SCOPES that they have."""

    name: str
    scope: str

    def may(self, scope: str) -> bool:
        """Whether that scope is theirs."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)

    def check(self, scope: str) -> None:
        """Raises Forbidden."""
        if not self.may(scope):
            raise Forbidden(self.name, self.scope, scope)


ANYBODY = Identity("", "admin")
"""Who everybody is without access control."""


class Access(Protocol):
    """Something that knows tokens."""

    def identify(self, token: str) -> Identity | None:
        """Whose token it is; None where it is of another kind. Raises Unauthorized for one that is not accepted."""


class TokenFile:
    """Opaque tokens: a line each of name, scope, SHA-256 and perhaps the day it ends; read again when it changes.

    A token holds 256 random bits, so that a plain hash of it keeps it secret.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, tuple[Identity, datetime | None]] = {}
        self._read()

    @property
    def count(self) -> int:
        """How many tokens it holds, ended ones too."""
        return len(self._known)

    def identify(self, token: str) -> Identity | None:
        """By its hash. A file that became unreadable, or wrong, lets nobody in until it is mended."""
        try:
            self._read()
        except AccessError as error:
            raise Unauthorized("the server cannot read its tokens: an administrator has to mend their file") from error
        found = self._known.get(_hashed(token))
        if found is None:
            return None
        identity, ends = found
        if ends is not None and datetime.now(UTC) >= ends:
            raise Unauthorized(f"the token of {identity.name} ended on {ends.date()}")
        return identity

    def _read(self) -> None:
        with self._lock:
            try:
                status = self._path.stat()
                stamp = (status.st_mtime_ns, status.st_size)
                if stamp == self._stamp:
                    return
                text = self._path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise AccessError(f"the token file {self._path} cannot be read: {error}") from error
            self._known = dict(
                _parsed(self._path, number, line)
                for number, line in enumerate(text.splitlines(), 1)
                if line.strip() and not line.lstrip().startswith("#")
            )
            self._stamp = stamp


def _parsed(path: Path, number: int, line: str) -> tuple[str, tuple[Identity, datetime | None]]:
    words = line.split()
    rule = "a line is NAME SCOPE SHA256 [END]; `gridtwin token` writes one"
    if len(words) not in (3, 4):
        raise AccessError(f"{path}, line {number}: {len(words)} words; {rule}")
    name, scope, digest = words[:3]
    if scope not in SCOPES:
        raise AccessError(f"{path}, line {number}: scope {scope!r} is none of {', '.join(SCOPES)}")
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise AccessError(f"{path}, line {number}: {digest[:8]}… is no SHA-256 in hexadecimal digits; {rule}")
    return digest, (Identity(name, scope), _end(path, number, words[3]) if len(words) == 4 else None)


def _end(path: Path, number: int, text: str) -> datetime:
    try:
        ends = datetime.fromisoformat(text)
    except ValueError as error:
        raise AccessError(f"{path}, line {number}: {text!r} is no date such as 2027-01-31") from error
    return ends if ends.tzinfo else ends.replace(tzinfo=UTC)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def add_token(path: Path, name: str, scope: str, ends: str | None = None) -> str:
    """Makes a token, appends its hash to a file that only its owner may read, and returns the token itself.

    Raises AccessError for a name, scope or date that would not be a line of the file.
    """
    token = secrets.token_urlsafe(32)
    line = " ".join([name, scope, _hashed(token), *([ends] if ends else [])])
    _parsed(path, 0, line)
    try:
        path.touch(mode=0o600, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise AccessError(f"the token file {path} cannot be written: {error.strerror}") from error
    return token


def identify(kinds: Sequence[Access], token: str | None) -> Identity:
    """Whose token it is; raises Unauthorized where nobody's."""
    if not token:
        raise Unauthorized("sign in, or send a token: Authorization: Bearer TOKEN")
    if len(token) > LONGEST_TOKEN:
        raise Unauthorized(f"the token is longer than {LONGEST_TOKEN} characters")
    for kind in kinds:
        found = kind.identify(token)
        if found is not None:
            return found
    raise Unauthorized("the token is not known here")
