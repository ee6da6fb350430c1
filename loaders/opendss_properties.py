"""Puts the properties of a line of an OpenDSS script into an element, each under its full name."""

from __future__ import annotations

from loaders.opendss_circuit import Circuit, Element
from loaders.opendss_classes import WOUND, DssClass
from loaders.opendss_text import BrokenLine, array, unquoted, whole_number
from loaders.report import shown

MAX_WINDINGS = 20

_PLURALS = {"buses": "bus", "conns": "conn", "kvs": "kv", "kvas": "kva"}
_PER_WINDING = frozenset(_PLURALS.values())


def put_properties(circuit: Circuit, element: Element, known: DssClass, given: list[tuple[str, str]]) -> None:
    """Sets what is read of (name, value) pairs; a value without a name belongs to the property after the one before.

    Counts names that are not known in the circuit. Raises BrokenLine.
    """
    values, used, find = element.values, known.used, known.property
    wound = known.name in WOUND
    position = 0
    for name, value in given:
        if name:
            found = find(name)
            if found is None:
                circuit.unknown_properties[f"{known.name}.{name.lower()[:40]}"] += 1
                continue
            position = known.position[found] + 1
        else:
            if position >= len(known.properties):
                raise BrokenLine(f"{shown(value)} is one value more than {known.name} has properties")
            found = known.properties[position]
            position += 1
        if found not in used:
            continue
        if found == "like":
            element.values.update(_named(circuit, known.name, "like", value).values)
        elif wound:
            _put_wound(circuit, values, found, value)
        else:
            values[found] = value


def _named(circuit: Circuit, kind: str, name: str, value: str) -> Element:
    """The element of a class that a property names."""
    value = unquoted(value)
    found = circuit.elements[kind.lower()].get(value.lower())
    if found is None:
        raise BrokenLine(f"{name} is {shown(value)}; there is no {kind} of that name yet")
    return found


def _put_wound(circuit: Circuit, values: dict[str, str], name: str, value: str) -> None:
    if name in ("wdg", "windings"):
        limit = int(values.get("windings", 2)) if name == "wdg" else MAX_WINDINGS
        number = whole_number(value)
        if number is None or not 1 <= number <= limit:
            raise BrokenLine(f"{name} is {shown(unquoted(value))}; a whole number from 1 to {limit} is needed")
        values[name] = str(number)
        if name == "windings":
            values["wdg"] = "1"
    elif name in _PER_WINDING:
        values[f"{name}@{values.get('wdg', 1)}"] = value
    elif name in _PLURALS:
        for winding, each in enumerate(array(value), 1):
            values[f"{_PLURALS[name]}@{winding}"] = each
    elif name == "xfmrcode":
        code = _named(circuit, "XfmrCode", name, value)
        values |= {key: given for key, given in code.values.items() if not key.startswith(("bus", "enabled"))}
    else:
        values[name] = value
