"""RDF/XML in one pass, in memory that grows with what is kept and not with the file."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any
from xml.parsers import expat

from loaders.cim_columns import Filling, Objects, key_of, plain_id, plain_mrid
from loaders.cim_files import CimFile
from loaders.cim_schema import EXTENSION, EXTRA, GROUPS, Group, Property, phases_of
from loaders.report import FIRST_IDS, LoadError

Progress = Callable[[str], None]

BLOCK = 1 << 20
"""Bytes given to the parser at once."""

SAID_EVERY = 64 * BLOCK
LONGEST = 65_536
"""Characters of a value; more is no value of a network."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_SPACE = "http://www.w3.org/XML/1998/namespace space"
_DOUBLE = "http://www.w3.org/2001/XMLSchema#double"
_PREFIXES = {EXTENSION: "gridtwin:", EXTRA: "extra:"}
_EXTRA_TEXT, _EXTRA_NUMBER = Property("", "text"), Property("", "real")
_FLAGS = {"true": 1, "1": 1, "false": 0, "0": 0}
_CLASSES: dict[str, Group] = {name: group for group in GROUPS for name in group.classes}


class Model:
    """All objects of a source."""

    def __init__(self) -> None:
        self.files: list[CimFile] = []
        self.counts: Counter[str] = Counter()
        """Objects by class, those that are not read too; one that several files speak of counts in each."""
        self.first_ids: dict[str, list[str]] = {}
        """Of every class that is not read."""
        self.groups: dict[str, Objects] = {}
        self.has_header = False
        """A header as IEC 61970-552 has it, as in CGMES: quantities are in kV, MW, km then."""
        self.other_keys = array("q")
        """Of objects of the classes that are not read."""
        self.served = (array("q"), array("q"))
        """Equipment and usage point, where the equipment says which, as often as it does."""
        self.extras: dict[str, dict[str, dict[int, Any]]] = {}
        """Of gridtwin's own exports, by group, then name: values by the key of the object."""
        self._filling = {group.name: Filling(group) for group in GROUPS}

    def __getitem__(self, group: str) -> Objects:
        return self.groups[group]

    @property
    def exported(self) -> bool:
        """It is an export of gridtwin, which says all that there is to say."""
        return len(self.groups["exports"]) > 0

    def read(self, files: list[CimFile], progress: Progress) -> None:
        """Raises LoadError, which names file, line, id, property and value."""
        self.files = files
        for at, file in enumerate(files):
            progress(f"reading {file.shown}")
            _Reading(self, self._filling, at, file).read(progress)
        shown = [file.shown for file in files]
        for name in list(self._filling):
            self.groups[name] = self._filling.pop(name).done(shown, self.look_up)

    def look_up(self, file: int, line: int, key: int) -> str:
        """The id or reference with a key, of the object that begins in a line."""
        return _LookUp(line, key).read(self.files[file])


def _feed(parser: Any, stream: IO[bytes], file: CimFile, read: Callable[[int], None]) -> None:
    """Gives a file to a parser; `read` is told how many bytes are."""
    total = 0
    try:
        while block := stream.read(BLOCK):
            parser.Parse(block, False)
            total += len(block)
            read(total)
        parser.Parse(b"", True)
    except LoadError:
        raise
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, "") if hasattr(error, "code") else ""
        raise LoadError(f"{file.shown} line {error.lineno}: this is no whole XML: {reason or error}") from error
    except (LookupError, ValueError) as error:
        raise LoadError(f"{file.shown} line {parser.CurrentLineNumber}: its encoding is not known: {error}") from error


class _Reading:
    """One file on its way into the columns."""

    def __init__(self, model: Model, filling: dict[str, Filling], number: int, file: CimFile) -> None:
        self.model, self.filling, self.number, self.file = model, filling, number, file
        self.depth = 0
        self.class_name, self.group = "", None
        self.id = ""
        self.line = 0
        self.values: dict[str, Any] = {}
        self.known: Property | None = None
        self.property = ""
        self.preserved = False
        """Blanks around the text are part of it."""
        self.parts: list[str] = []
        self.length = 0
        self.names: dict[str, str] = {}
        """Local names, by names with their namespace."""
        self.cim = False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._doctype

    group: Group | None

    def read(self, progress: Progress) -> None:
        said = 0

        def tell(total: int) -> None:
            nonlocal said
            if total - said >= SAID_EVERY:
                said = total
                progress(f"reading {self.file.shown}: {total >> 20} MB")

        with self.file.open() as stream:
            _feed(self.parser, stream, self.file, tell)
        if not self.cim:
            raise LoadError(f"{self.file.shown} holds nothing of a CIM namespace, such as http://iec.ch/TC57/CIM100#")

    def _fail(self, name: str, value: object, what: str) -> LoadError:
        where = f"{self.file.shown} line {self.parser.CurrentLineNumber}"
        owner = f"{self.class_name} {self.id}: " if self.id else ""
        shown = str(value) if len(str(value)) <= 80 else f"{str(value)[:80]}…"
        return LoadError(f"{where}: {owner}{name} is {shown!r}; {what}")

    def _doctype(self, name: str, *_: object) -> None:
        raise self._fail("DOCTYPE", name, "document types and entities are refused, since they can be made to explode")

    def _local(self, name: str) -> str:
        local = self.names.get(name)
        if local is None:
            namespace, _, local = name.rpartition(" ")
            local = _PREFIXES.get(namespace, "") + local
            self.cim = self.cim or "TC57" in namespace or "CIM" in namespace
            if len(self.names) > LONGEST:
                raise self._fail("element", local, f"more than {LONGEST} kinds of elements are no model of a network")
            self.names[name] = local
        return local

    # --- elements, by depth: the root, objects, their properties; what is deeper is not read ------------------

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth == 3:
            if self.group is not None or self.class_name == "Description":
                self._start_property(name, attributes)
        elif self.depth == 2:
            self._start_object(name, attributes)
        elif self.depth == 1 and name != f"{RDF}RDF":
            raise self._fail("root element", name.rpartition(" ")[2], "rdf:RDF is needed")

    def _end(self, name: str) -> None:
        self.depth -= 1
        if self.depth == 2:
            if self.known is not None:
                self._end_property()
        elif self.depth == 1:
            self._end_object()

    def _start_object(self, name: str, attributes: dict[str, str]) -> None:
        self.class_name = self._local(name)
        self.id = ""  # what goes wrong now has none
        self.line = self.parser.CurrentLineNumber
        if self.class_name == "DifferenceModel":
            raise self._fail("class", self.class_name, "it holds changes; a whole model is needed")
        given = attributes.get(f"{RDF}ID") or attributes.get(f"{RDF}about") or attributes.get(f"{RDF}nodeID") or ""
        self.id = plain_id(given)
        self.values = {}
        self.group = _CLASSES.get(self.class_name)
        if self.class_name == "FullModel":
            self.model.has_header = True
        if not self.id and self.group is not None:
            raise self._fail(self.class_name, given, "an rdf:ID or rdf:about is needed")

    def _end_object(self) -> None:
        group, model = self.group, self.model
        model.counts[self.class_name] += 1
        if group is None:
            model.other_keys.append(key_of(self.id))
            first = model.first_ids.setdefault(self.class_name, [])
            if len(first) < FIRST_IDS:
                first.append(self.id)
            return
        if not self.values.get("mrid"):
            self.values["mrid"] = self.id
        self.filling[group.name].add(self.class_name, self.id, self.number, self.line, self.values)

    def _start_property(self, name: str, attributes: dict[str, str]) -> None:
        local = self._local(name)
        resource = attributes.get(f"{RDF}resource")
        self.preserved = attributes.get(_SPACE) == "preserve"
        if self.group is None:
            if local == "type" and resource is not None:  # an rdf:Description, which says its class so
                self.class_name = resource.rpartition("#")[2]
                self.group = _CLASSES.get(self.class_name)
            return
        known = self.group.properties.get(local) or self.group.by_case.get(local.lower())
        if local.startswith("extra:"):
            known = _EXTRA_NUMBER if attributes.get(f"{RDF}datatype") == _DOUBLE else _EXTRA_TEXT
        if known is None:
            return
        self.property = local
        if resource is None:
            self.known = known
            self.parts, self.length = [], 0
            self.parser.CharacterDataHandler = self._text
        elif known.kind == "reference":
            self.values[known.column] = key_of(plain_id(resource))
            if known.column == "usage_point":
                self.model.served[0].append(key_of(self.id))
                self.model.served[1].append(self.values[known.column])
        elif known.kind == "phases":
            self.values[known.column] = self._phases(resource)
        else:
            raise self._fail(local, resource, "a value is needed, and no reference")

    def _text(self, text: str) -> None:
        self.length += len(text)
        if self.length > LONGEST:
            raise self._fail(self.property, text, f"more than {LONGEST} characters are no value")
        self.parts.append(text)

    def _end_property(self) -> None:
        known, self.known = self.known, None
        self.parser.CharacterDataHandler = None
        assert known is not None
        text = "".join(self.parts)
        text = text if self.preserved else text.strip()
        if not known.column:
            self._extra(self._number(text, known) if known.kind == "real" else text)
        elif known.kind in ("real", "whole"):
            self.values[known.column] = self._number(text, known)
        elif known.kind == "flag":
            flag = _FLAGS.get(text.lower())
            if flag is None:
                raise self._fail(self.property, text, "it must be true or false")
            self.values[known.column] = flag
        elif known.kind == "phases":
            self.values[known.column] = self._phases(text)
        elif known.kind == "reference":
            raise self._fail(self.property, text, "rdf:resource must name an object")
        else:
            if "\0" in text:
                raise self._fail(self.property, text, "text without NUL is needed")
            self.values[known.column] = plain_mrid(text) if known.column == "mrid" else text

    def _extra(self, value: str | float) -> None:
        assert self.group is not None
        of_group = self.model.extras.setdefault(self.group.name, {})
        of_group.setdefault(self.property.partition(":")[2], {})[key_of(self.id)] = value

    def _number(self, text: str, known: Property) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self._fail(self.property, text, "a finite number is needed")
        if not known.low <= number <= known.high:
            raise self._fail(self.property, text, f"it must lie in {known.low:g} … {known.high:g}")
        if known.kind == "whole" and number != int(number):
            raise self._fail(self.property, text, "a whole number is needed")
        return number

    def _phases(self, text: str) -> int:
        try:
            return phases_of(text.rpartition("#")[2].rpartition(".")[2])
        except ValueError as error:
            raise self._fail(self.property, text, "it must be made of A, B, C, N, s1 and s2") from error


class _Found(Exception):
    """Ends the search."""


class _LookUp:
    """Finds the text of an id or reference whose key alone was kept."""

    def __init__(self, line: int, key: int) -> None:
        self.line, self.key = line, key
        self.depth, self.inside, self.text = 0, False, ""
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def read(self, file: CimFile) -> str:
        with file.open() as stream, suppress(_Found):
            _feed(self.parser, stream, file, lambda total: None)
        return self.text

    def _start(self, _: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth == 2:
            self.inside = self.parser.CurrentLineNumber == self.line
        if self.inside:
            for value in attributes.values():
                if key_of(plain_id(value)) == self.key:
                    self.text = plain_id(value)
                    raise _Found

    def _end(self, _: str) -> None:
        self.depth -= 1
