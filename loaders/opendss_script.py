"""Runs the commands of an OpenDSS script that build a circuit; what only calculates or shows is counted and left."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from loaders.opendss_circuit import Circuit, Element, Opened
from loaders.opendss_classes import CLASSES, COMMANDS, OTHER_CLASSES, DssClass, abbreviated, class_name
from loaders.opendss_coordinates import LIMIT, read_coordinates
from loaders.opendss_files import Files, Forbidden, joined
from loaders.opendss_properties import put_properties
from loaders.opendss_text import BrokenLine, array, lines, parameters, unquoted, whole_number
from loaders.report import LoadError, shown
from loaders.text_files import shortened

Progress = Callable[[str], None]

MAX_DEPTH = 50
"""Scripts within scripts; more than that is a ring."""

MAX_FILES = 20_000
"""Files that one circuit may read."""

MOST_OF_A_PATH = 500
"""Letters of a file's name that a complaint repeats."""


class Script:
    """Reads scripts, one command after the other; `circuit` is what they built, None without any."""

    def __init__(self, files: Files, progress: Progress) -> None:
        self.circuit: Circuit | None = None
        self._fresh = Circuit("")
        """Where what a script defines before its circuit is kept."""
        self._files, self._progress = files, progress
        self._path, self._line, self._folder = "", 0, ""
        self._read = 0
        self._active: tuple[Element, DssClass] | None = None
        self._skipping = False
        """The active object is of a class that is not read."""
        self._commands: dict[str, Callable[[list[tuple[str, str]]], None]] = {
            "new": self._new,
            "edit": self._edit,
            "select": self._edit,
            "more": self._more,
            "m": self._more,
            "~": self._more,
            "redirect": self._redirect,
            "compile": self._redirect,
            "clear": self._clear,
            "clearall": self._clear,
            "set": self._set,
            "open": self._open,
            "close": self._close,
            "enable": self._enable,
            "disable": self._disable,
            "buscoords": self._buscoords,
            "latlongcoords": self._latlongcoords,
            "setbusxy": self._setbusxy,
            "cd": self._cd,
        }
        self._words: dict[str, str | None] = {}

    def run(self, path: str, depth: int = 0) -> None:
        """Runs one file. Raises LoadError, which names file and line."""
        text = self._files.read(path)
        self._read += 1
        if depth > MAX_DEPTH or self._read > MAX_FILES:
            raise self.fail("redirect", path, "files that read each other in a ring, or too many of them")
        before = self._path, self._line, self._folder
        self._path, self._folder = path, posixpath.dirname(path)
        self._depth = depth
        self._progress(f"reading {posixpath.basename(path)}")
        try:
            for number, line in lines(text):
                self._line = number
                self._run_line(line)
        except BrokenLine as error:
            raise LoadError(f"{self._at()}: {error}") from error
        self._note_end(path, text)
        self._path, self._line, self._folder = before
        self._depth = depth - 1

    def _note_end(self, path: str, text: str) -> None:
        if text and text[-1] not in "\r\n":
            self._target.open_ended.append(posixpath.basename(path))

    def fail(self, name: str, value: object, what: str) -> LoadError:
        """The error for a value on the line that is read; raise it."""
        return LoadError(f"{self._at()}: {shortened(name)} is {shown(value)}; {what}")

    def _at(self) -> str:
        return f"{self._files.shown(self._path)} line {self._line}"

    # --- commands ---------------------------------------------------------------------------------------------

    def _run_line(self, line: str) -> None:
        if line[0] == "~" and line[1:2].strip():
            line = f"~ {line[1:]}"
        word = line.split(None, 1)[0].lower()
        command = self._command(word)
        if self._is_of_others(line, command):
            return
        if command == "set" and "voltageb" not in line.lower():
            self._target.commands["set"] += 1
        elif command in self._commands:
            self._commands[command](parameters(line)[1:])
        elif command is not None:
            self._target.commands[command] += 1
        elif "=" in line and "." in line.partition("=")[0]:
            self._assign(parameters(line))
        else:
            self._target.unknown_commands[word[:40]] += 1

    def _command(self, word: str) -> str | None:
        try:
            return self._words[word]
        except KeyError:
            self._words[word] = known = word if word == "~" else abbreviated(word, COMMANDS)
            return known

    def _is_of_others(self, line: str, command: str | None) -> bool:
        """Whether a line is of an object of a class that is not read: it is counted, and its values, which may be
        megabytes, are not looked at."""
        if command != "new":
            return self._skipping and command in ("more", "m", "~")
        _, _, rest = line.partition(line.split(None, 1)[0])
        named = rest.strip().partition(" ")[0].partition("\t")[0].strip("\"'")
        kind, dot, name = named.partition(".")
        other = OTHER_CLASSES.get(class_name(kind) or "") if dot else None
        self._skipping = other is not None
        if other is None:
            return False
        self._target.others[other] += 1
        self._target.first_others.setdefault(other, []).append(f"{other}.{name.lower()}")
        self._active = None
        return True

    @property
    def _target(self) -> Circuit:
        return self.circuit or self._fresh

    def _new(self, given: list[tuple[str, str]]) -> None:
        kind, name, title = self._object(given)
        if kind == "circuit":
            self._new_circuit(title)
            kind, name, title = "vsource", "source", "source"
        known = CLASSES.get(kind)
        if known is None:
            self._count_unknown(kind, name)
            return
        there = self._target.elements[kind]
        element = there.get(name)
        if element is None:
            element = there[name] = Element(known.name, name, title, self._folder, self._path, self._line)
        else:
            self._target.redefined.append(element.mrid)
        self._active = element, known
        put_properties(self._target, element, known, given[1:])

    def _object(self, given: list[tuple[str, str]]) -> tuple[str, str, str]:
        """Class in lower case, name in lower case, name as written."""
        if not given:
            raise BrokenLine("a class and a name are missing, as in New Line.a")
        label, value = given[0]
        word = unquoted(value)
        kind, dot, name = word.partition(".")
        if not dot or not "object".startswith(label.lower()):
            raise BrokenLine(f"{shown(word)} names no element: a class, a dot and a name are needed, as in Line.a")
        if not name:
            raise BrokenLine(f"{shown(word)} has no name after its class")
        return class_name(kind) or kind.lower(), name.lower(), name

    def _new_circuit(self, title: str) -> None:
        if self.circuit is not None:
            raise self.fail("circuit", title, "there is one already; read each from a script of its own, after Clear")
        self.circuit, self._fresh = self._fresh, Circuit("")
        self.circuit.name = title

    def _count_unknown(self, kind: str, name: str) -> None:
        named = OTHER_CLASSES.get(kind, kind)
        self._target.others[named] += 1
        self._target.first_others.setdefault(named, []).append(f"{named}.{name}")
        self._active, self._skipping = None, True

    def _edit(self, given: list[tuple[str, str]]) -> None:
        kind, name, _ = self._object(given)
        self._skipping = False
        if kind == "circuit":
            kind, name = "vsource", "source"
        if kind not in CLASSES:
            self._active, self._skipping = None, True
            return
        self._activate(kind, name)
        self._more(given[1:])

    def _activate(self, kind: str, name: str) -> None:
        element = self._target.elements[kind].get(name)
        if element is None:
            raise self.fail("element", f"{CLASSES[kind].name}.{name}", "there is none of that name yet")
        self._active = element, CLASSES[kind]

    def _more(self, given: list[tuple[str, str]]) -> None:
        if self._active is None:
            raise BrokenLine("there is no element before it that it could go on with")
        put_properties(self._target, *self._active, given)

    def _assign(self, given: list[tuple[str, str]]) -> None:
        """`Transformer.reg2a.wdg=2 tap=1.05`."""
        name, value = given[0]
        target, _, last = name.rpartition(".")
        kind, dot, element = target.partition(".")
        known = class_name(kind) if dot else None
        if not last or known is None or known not in CLASSES:
            others = known is not None and bool(last)
            (self._target.commands if others else self._target.unknown_commands)[name.lower()[:40]] += 1
            return
        self._activate(known, element.lower())
        self._more([(last, value), *given[1:]])

    def _redirect(self, given: list[tuple[str, str]]) -> None:
        if not given:
            raise BrokenLine("the name of a file is missing")
        self.run(self._find(unquoted(given[0][1])), self._depth + 1)

    def _find(self, named: str) -> str:
        try:
            found = self._files.find(joined(self._folder, named))
        except Forbidden as error:
            raise self.fail("file", named, str(error)) from error
        if found is None:
            path = self._files.shown(joined(self._folder, named))
            raise self.fail("file", named, f"{shortened(path, MOST_OF_A_PATH)} is not there")
        return found

    def _clear(self, _given: list[tuple[str, str]]) -> None:
        self.circuit, self._fresh, self._active = None, Circuit(""), None

    def _set(self, given: list[tuple[str, str]]) -> None:
        for name, value in given:
            if name.lower().startswith("voltageb"):
                self._target.voltage_bases_kv = [self._number("voltagebases", word) for word in array(value)]

    def _cd(self, given: list[tuple[str, str]]) -> None:
        if given:
            raise self.fail("cd", given[0][1], "changing folders is not followed; name files from where the script is")

    def _number(self, name: str, word: str) -> float:
        try:
            return float(word)
        except ValueError:
            raise self.fail(name, word, "a number is needed") from None

    # --- switching --------------------------------------------------------------------------------------------

    def _open(self, given: list[tuple[str, str]]) -> None:
        self._operate(given, True)

    def _close(self, given: list[tuple[str, str]]) -> None:
        self._operate(given, False)

    def _operate(self, given: list[tuple[str, str]], opened: bool) -> None:
        kind, name, _ = self._object(given)
        if kind not in CLASSES:
            self._target.commands["open" if opened else "close"] += 1
            return
        self._activate(kind, name)
        numbers = {"term": 1, "cond": 0}
        for place, (label, value) in zip(("term", "cond"), given[1:3], strict=False):
            chosen = abbreviated(label.lower()[:4], ("term", "cond")) if label else place
            number = whole_number(value)
            if chosen is None or number is None:
                raise self.fail(label or place, value, "a terminal and a conductor are numbers, as in term=1 cond=2")
            numbers[chosen] = number
        assert self._active is not None
        mrid = self._active[0].mrid
        self._target.operations.append(Opened(mrid, numbers["term"], numbers["cond"], opened, self._at()))

    def _enable(self, given: list[tuple[str, str]]) -> None:
        self._able(given, "y")

    def _disable(self, given: list[tuple[str, str]]) -> None:
        self._able(given, "n")

    def _able(self, given: list[tuple[str, str]], value: str) -> None:
        kind, name, _ = self._object(given)
        if kind not in CLASSES:
            return
        chosen = self._target.elements[kind]
        for element in chosen.values() if name == "*" else (chosen[name],) if name in chosen else ():
            element.values["enabled"] = value

    # --- coordinates ------------------------------------------------------------------------------------------

    def _buscoords(self, given: list[tuple[str, str]]) -> None:
        self._coordinates(given, swapped=False)

    def _latlongcoords(self, given: list[tuple[str, str]]) -> None:
        self._coordinates(given, swapped=True)

    def _coordinates(self, given: list[tuple[str, str]], swapped: bool) -> None:
        if not given:
            raise BrokenLine("the name of a file with coordinates is missing")
        path = self._find(unquoted(given[0][1]))
        self._progress(f"reading {posixpath.basename(path)}")
        text = self._files.read(path)
        self._target.coordinates.update(read_coordinates(text, self._files.shown(path), swapped))
        self._note_end(path, text)

    def _setbusxy(self, given: list[tuple[str, str]]) -> None:
        named = dict(zip(("bus", "x", "y"), ("", "", ""), strict=True))
        for place, (label, value) in zip(named, given, strict=False):
            named[label.lower() if label.lower() in named else place] = unquoted(value)
        if not named["bus"]:
            raise BrokenLine("SetBusXY needs a bus, x and y")
        x, y = self._number("x", named["x"]), self._number("y", named["y"])
        for place, number in (("x", x), ("y", y)):
            if not -LIMIT < number < LIMIT:
                raise self.fail(place, named[place], f"a finite number below {LIMIT:g} is needed")
        self._target.coordinates[named["bus"].lower()] = x, y
