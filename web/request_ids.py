"""A name for each request, by which its answer and the lines of the log are found together."""

from __future__ import annotations

import itertools
import re
import secrets

HEADER = b"x-request-id"

_SANE = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_PROCESS = secrets.token_hex(5)
_number = itertools.count(1)


def request_id(given: bytes | None) -> str:
    """The one that the client gave (letters, digits and ._:- up to 64 of them), else a new one."""
    if given is not None and _SANE.fullmatch(given):
        return given.decode("ascii")
    return f"{_PROCESS}-{next(_number):x}"
