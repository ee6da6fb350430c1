"""Small sources of each text format, and ways to break a file of theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandapower
import shapely
from hypothesis import strategies as st
from pandapower.networks import example_simple

from tests.loaders.cim_models import BODY, END, HEAD
from tests.loaders.conftest import TABLES

PAYLOADS = (
    *(b"", b"0", b"-1", b"1.5", b"1e999", b"nan", b"inf", b"9" * 40, b"9" * 5_000, b"x", b"true", b"null", b"NULL"),
    *(b'"', b"'", b"(", b")", b"[", b"]", b"{", b"}", b"<", b">", b"&", b"&a;", b"=", b";", b",", b":", b"|", b"~"),
    *(b"!", b"//", b"/*", b"*/", b"#", b"@", b"%", b"\\", b"..", b"../../../etc/passwd", b"/etc/passwd"),
    *(b"\0", b"\0" * 500, b"\t", b"\r", b"\n", b"\n\n", b" ", b"\x1a", b"\xff", b"\xe9", b"\xef\xbb\xbf"),
    *("\u2028".encode(), "é".encode(), "٣".encode(), "\U0001f50c".encode(), b"\xed\xa0\x80"),
    *(b"(" * 3_000, b"[" * 3_000, b"{" * 3_000, b"<a>" * 3_000, b"[" * 300 + b"]" * 300, b"a." * 3_000, b"a" * 70_000),
)
ENCODINGS = ("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "cp037", "latin-1")

_NUMBER = re.compile(rb"\d+(?:\.\d+)?")
_WORD = re.compile(rb"[^\s,;=<>\"'(){}\[\]]+")


@dataclass(frozen=True)
class Mutation:
    """One thing that is done to a file. at, to: where, 0 … 1 of it. what: of PAYLOADS, or of ENCODINGS."""

    kind: str
    at: float
    to: float
    what: int

    def __call__(self, data: bytes) -> bytes:
        """The file as it is then."""
        return _KINDS[self.kind](data, self)

    def place(self, data: bytes) -> int:
        """A byte of the file."""
        return min(int(self.at * len(data)), max(len(data) - 1, 0))

    @property
    def payload(self) -> bytes:
        """What is put in."""
        return PAYLOADS[self.what % len(PAYLOADS)]


def _lines(change: Callable[[list[bytes], int, int], None]) -> Callable[[bytes, Mutation], bytes]:
    def changed(data: bytes, mutation: Mutation) -> bytes:
        lines = data.splitlines(keepends=True)
        if lines:
            one, other = (min(int(part * len(lines)), len(lines) - 1) for part in (mutation.at, mutation.to))
            change(lines, one, other)
        return b"".join(lines)

    return changed


def _swap(lines: list[bytes], one: int, other: int) -> None:
    lines[one], lines[other] = lines[other], lines[one]


def _instead(pattern: re.Pattern[bytes]) -> Callable[[bytes, Mutation], bytes]:
    """The next match of a pattern from a place on becomes the payload."""

    def changed(data: bytes, mutation: Mutation) -> bytes:
        found = pattern.search(data, mutation.place(data))
        return data if found is None else data[: found.start()] + mutation.payload + data[found.end() :]

    return changed


def _cut(data: bytes, mutation: Mutation) -> bytes:
    at = mutation.place(data)
    return data[:at] + data[at + 1 + int(mutation.to * 20) :]


def _twice(data: bytes, mutation: Mutation) -> bytes:
    at = mutation.place(data)
    return data[:at] + data[at : at + 1 + int(mutation.to * 20)] + data[at:]


def _flip(data: bytes, mutation: Mutation) -> bytes:
    at = mutation.place(data)
    return data[:at] + bytes(byte ^ (1 << mutation.what % 8) for byte in data[at : at + 1]) + data[at + 1 :]


def _put(data: bytes, mutation: Mutation) -> bytes:
    at = mutation.place(data)
    return data[:at] + mutation.payload + data[at:]


def _truncate(data: bytes, mutation: Mutation) -> bytes:
    return data[: mutation.place(data)]


def _encode(data: bytes, mutation: Mutation) -> bytes:
    text = data.decode("utf-8", errors="replace")
    return text.encode(ENCODINGS[mutation.what % len(ENCODINGS)], errors="replace")


_KINDS: dict[str, Callable[[bytes, Mutation], bytes]] = {
    "delete line": _lines(lambda lines, one, _: lines.__delitem__(one)),
    "double line": _lines(lambda lines, one, other: lines.insert(other, lines[one])),
    "swap lines": _lines(_swap),
    "number": _instead(_NUMBER),
    "word": _instead(_WORD),
    "cut": _cut,
    "twice": _twice,
    "flip": _flip,
    "put": _put,
    "truncate": _truncate,
    "encode": _encode,
}

MUTATIONS = st.lists(
    st.builds(Mutation, st.sampled_from(sorted(_KINDS)), st.floats(0, 1), st.floats(0, 1), st.integers(0, 10_000)),
    min_size=1,
    max_size=4,
)


@dataclass(frozen=True)
class Source:
    """A source of some files. target: what is read, in its folder ("" for the folder); mapping: beside it, or ""."""

    name: str
    files: dict[str, bytes] = field(repr=False)
    target: str = ""
    mapping: str = ""

    def write(self, folder: Path, name: str = "", data: bytes = b"") -> None:
        """All files, or one of them as it is now."""
        for file, whole in self.files.items() if not name else ((name, data),):
            (folder / file).write_bytes(whole)


# --- the sources --------------------------------------------------------------------------------------------------

OPENDSS = Source(
    "opendss",
    {
        "Master.dss": b"""Clear
New Circuit.town basekv=69 bus1=src pu=1.0 phases=3
/* a block
of comment */
New LineCode.cable nphases=3 units=km normamps=300 rmatrix=[1 | 0 1 | 0 0 1]
New XfmrCode.pot phases=1 windings=3 kvs=(7.2 .12 .12) kvas=[25 25 25]
New Transformer.sub phases=3 windings=2 buses=(src, mv) conns=(delta wye) kvs=(69 12.47) kvas=(10000 10000) sub=y
Redirect lines.dss
New Transformer.t1 xfmrcode=pot
~ wdg=1 bus=c.1.0
~ wdg=2 bus=house.1.0
More wdg=3 bus=house.0.2
New Load.shop bus1=c phases=3 kv=12.47 kw=90 pf=0.9
New Load.home bus1=house.1.2 phases=2 kv=0.24 kw=(8 1000 /) kvar=1 NumCust=2 ! comment
New Load.mill like=shop bus1=d
New Capacitor.bank bus1=c phases=3 kvar=600
New Reactor.series bus1=d bus2=e phases=3 x=1
New Generator.g bus1=c kw=5
New Fuse.f MonitoredObj=Line.tail MonitoredTerm=1 FuseCurve=tlink RatedCurrent=40
New SwtControl.sc SwitchedObj=Line.sw SwitchedTerm=1 Action=close Lock=yes
New EnergyMeter.m element=Line.head terminal=1
Set VoltageBases=[69 12.47 0.24]
Calcvoltagebases
Open Line.tie 1
Close Line.head term=1
Line.tail.normamps=200
SetBusXY bus=e x=-79.8 y=36.05
BusCoords xy.csv
Solve
""",
        "lines.dss": b"""New Line.head bus1=mv bus2=a linecode=cable length=1.5 units=km
New Line.sw bus1=a bus2=b switch=y enabled=true
New Line.tail bus1=b.1.2.3 bus2=c.1.2.3 linecode=cable length=500 units=ft
New Line.long bus1=c bus2=d linecode=cable length=1
New Line.tie bus1=d bus2=a switch=y
New "Line.off" bus1=a bus2=c switch=y enabled=n
""",
        "xy.csv": b"""bus,x,y
src,-79.80,36.00
mv,-79.80,36.01
a, -79.81, 36.01
"b" -79.81 36.02
c,-79.82,36.02
d,-79.82,36.03
""",
    },
    "Master.dss",
)

SIMBENCH = Source(
    "simbench",
    {f"{name}.csv": (text.replace("|", "\n") + "\n").encode() for name, text in TABLES.items()},
)

CIM = Source("cim", {"town.xml": (HEAD + BODY + END).encode()}, "town.xml")

_FEATURES = (
    ("source", "S", "S", "", "", "", "", "POINT (9 52)"),
    ("cable", "c1", "S", "a", "ABC", "0.1", "", "LINESTRING (9 52,9.001 52)"),
    ("switch", "s1", "a", "b", "", "", "closed", "POINT (9.001 52)"),
    ("cable", "c2", "b", "c", "CAB", "0.2", "", "LINESTRING (9.001 52,9.003 52)"),
    ("switch", "s2", "c", "S", "", "", "open", "POINT (9.003 52)"),
    ("house", "h1", "c", "", "A", "", "", "POINT (9.003 52)"),
    ("house", "h2", "b", "", "", "", "", "POINT (9.001 52)"),
)
_COLUMNS = ("what", "no", "a", "b", "ph", "km", "state")

MAPPING = """name = "Town"
snap_m = 0.5
crs = "EPSG:4326"
"""
_ENTRIES = {
    "source": ("EnergySource", 'node = "a"'),
    "cable": (
        "AcLineSegment",
        'node1 = "a"\nnode2 = "b"\nphases = { column = "ph", default = "ABC" }\n'
        'length_m = { column = "km", scale = 1000 }',
    ),
    "switch": (
        "Switch",
        'node1 = "a"\nnode2 = "b"\nnormal_open = { column = "state", values = { closed = false, open = true } }',
    ),
    "house": ("EnergyConsumer", 'node = "a"\ncustomer_count = { value = 1 }'),
}
MAPPING += "".join(
    f'\n[layers.{name}]\nlayer = "town"\nclass = "{kind}"\nwhere = {{ what = ["{name}"] }}\n'
    f'[layers.{name}.fields]\nmrid = "no"\n{fields}\n'
    for name, (kind, fields) in _ENTRIES.items()
)


def _csv() -> str:
    rows = ("what,no,a,b,ph,km,state,wkt", *(",".join((*row[:-1], f'"{row[-1]}"')) for row in _FEATURES))
    return "\n".join(rows) + "\n"


def _geojson() -> str:
    features = [
        {
            "type": "Feature",
            "properties": dict(zip(_COLUMNS, row, strict=False)) | {"km": float(row[5]) if row[5] else None},
            "geometry": json.loads(shapely.to_geojson(shapely.from_wkt(row[-1]))),
        }
        for row in _FEATURES
    ]
    return json.dumps({"type": "FeatureCollection", "name": "town", "features": features}, indent=1) + "\n"


CSV = Source("csv", {"town.csv": _csv().encode(), "town.toml": MAPPING.encode()}, "town.csv", "town.toml")
GEOJSON = Source(
    "geojson", {"town.geojson": _geojson().encode()} | {"town.toml": MAPPING.encode()}, "town.geojson", "town.toml"
)


def pandapower_source() -> Source:
    """A net of pandapower's own, as it writes it."""
    return Source("pandapower", {"net.json": pandapower.to_json(example_simple()).encode()}, "net.json")
