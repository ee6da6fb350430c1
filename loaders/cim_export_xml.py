"""RDF/XML of CIM objects, written as they come: ids, references, text that XML can hold."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import IO
from xml.sax.saxutils import escape

from loaders.cim_columns import plain_mrid
from loaders.cim_schema import CIM, EXTENSION, EXTRA
from loaders.report import LoadError

HEAD = f"""<?xml version="1.0" encoding="utf-8"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:cim="{CIM}"
 xmlns:gridtwin="{EXTENSION}" xmlns:extra="{EXTRA}">
"""
END = "</rdf:RDF>\n"
DOUBLE = "http://www.w3.org/2001/XMLSchema#double"
BLOCK = 1 << 20
"""Characters that are written at once."""

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_ELEMENTS = bytes.fromhex("6f9dcbb0b2a954c48c3f3a9c1f2e5a77")
_PARTS = bytes.fromhex("0c3e4f6e7a1d5b8f9a60d4b1c7e82935")
"""Namespaces of the ids that are made from mrids (UUID version 5), of elements and of their parts."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACED = "\ufffd"
_RETURN = {"\r": "&#13;"}
"""Else XML reads it as a new line."""


@lru_cache(1 << 16)
def element_id(mrid: str) -> str:
    """The id of an element: its mrid where that is a UUID, else one made from it, as rdf:ID cannot hold every text."""
    return mrid if _UUID.fullmatch(mrid) else _uuid(_ELEMENTS, mrid)


def part_id(mrid: str, part: str) -> str:
    """The id of what CIM has as an object of its own, such as a terminal."""
    return _uuid(_PARTS, f"{part}\0{mrid}")


def _uuid(namespace: bytes, name: str) -> str:
    """As `uuid.uuid5` makes it, in less time."""
    text = hashlib.sha1(namespace + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def reference(name: str, identity: str) -> str:
    """A property that refers to an object of the file."""
    return f'<{name} rdf:resource="#_{identity}"/>'


def code(name: str, value: str) -> str:
    """A property with a value of an enumeration: `PhaseCode.ABC`."""
    return f'<{name} rdf:resource="{CIM}{value}"/>'


def value(name: str, plain: str | float) -> str:
    """A property with a number, or text that needs no care."""
    return f"<{name}>{plain}</{name}>"


def flag(name: str, true: bool) -> str:
    """A property that is true or false."""
    return f"<{name}>{'true' if true else 'false'}</{name}>"


class CimWriter:
    """Writes objects to a stream of bytes, and counts them by class."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._parts: list[str] = [HEAD]
        self._length = 0
        self.counts: dict[str, int] = {}
        self.replaced: dict[str, list[str]] = {}
        """By property, mrids of the elements with a character in it that XML cannot hold."""

    def add(self, class_name: str, identity: str, properties: Iterable[str]) -> None:
        """One object; a class without a namespace is CIM's."""
        tag = class_name if ":" in class_name else f"cim:{class_name}"
        inside = "\n ".join(properties)
        text = f'<{tag} rdf:ID="_{identity}">\n {inside}\n</{tag}>\n'
        self.counts[class_name] = self.counts.get(class_name, 0) + 1
        self._parts.append(text)
        self._length += len(text)
        if self._length > BLOCK:
            self._flush()

    def identified(self, mrid: str, name: str) -> list[str]:
        """mRID, and the name where there is one. Raises LoadError for an mrid that XML cannot hold."""
        if _NOT_XML.search(mrid):
            raise LoadError(f"the mrid {mrid!r} has a character that XML cannot hold; give the element another")
        written = f"_{mrid}" if plain_mrid(mrid) != mrid else mrid  # readers take a first _ and urn:uuid: off
        found = [self.text("cim:IdentifiedObject.mRID", written, mrid)]
        if name:
            found.append(self.text("cim:IdentifiedObject.name", name, mrid))
        return found

    def text(self, name: str, plain: str, mrid: str) -> str:
        """A property with any text; what XML cannot hold is replaced, and counted for the element."""
        if _NOT_XML.search(plain):
            self.replaced.setdefault(name, []).append(mrid)
            plain = _NOT_XML.sub(_REPLACED, plain)
        space = ' xml:space="preserve"' if plain != plain.strip() else ""
        return f"<{name}{space}>{escape(plain, _RETURN)}</{name}>"

    def number(self, name: str, real: float) -> str:
        """A number that says its type."""
        return f'<{name} rdf:datatype="{DOUBLE}">{real!r}</{name}>'

    def done(self) -> None:
        """Writes the end."""
        self._parts.append(END)
        self._flush()

    def _flush(self) -> None:
        self._stream.write("".join(self._parts).encode())
        self._parts, self._length = [], 0
