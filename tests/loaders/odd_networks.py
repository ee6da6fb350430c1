"""Networks with everything odd in them, for hypothesis to draw: names, phases, numbers, places, loops, extras."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tests.twin.networks import table_of
from twin.geometry import LineStrings
from twin.network import Network

ODD_TEXTS = (
    *("", " ", " a ", "a\tb", "a\nb", "a\r\nb", "_a", "__a", "urn:uuid:a", "#a", "a&b", "<a>", "]]>", "a \"b\" 'c'"),
    *("1", "1.0", "007", "1e5", "NaN", "null", "true", "2020-01-01", "2020-01-01T10:00:00Z", "[1]", '{"a": 1}'),
    *("Žď", "変電所", "🔌", "́combined", "\u2028", "\xa0", "\ufffd", "POINT (1 2)"),
    *("4f7d2c1e-0000-4000-8000-00000000abcd", "4F7D2C1E-0000-4000-8000-00000000ABCD", "a,b;c|d", "%41", "\\u0041"),
)
TEXTS = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=6),
)
LONGITUDES, LATITUDES = (st.floats(-limit, limit) for limit in (180, 90))
PHASES = st.one_of(st.just(7), st.integers(1, 15))
KINDS = st.one_of(st.sampled_from(["Breaker", "Fuse", "Cut"]), TEXTS.filter(bool))
EXTRAS = ("height_m", "pole", "kv", "extra_kv", "extra_number_kv", "node1", "feeder", "xml")


def unknown_or(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[float]:
    return st.one_of(st.just(np.nan), st.just(0.0), numbers)


@st.composite
def odd_networks(draw: st.DrawFn) -> Network:
    """Of a few elements; half of the numbers are not known, ends are drawn at random, so loops are common."""
    sizes = {name: draw(st.integers(0, 4)) for name in ("lines", "switches", "transformers", "consumers", "feeders")}
    sizes |= {name: draw(st.integers(0, 2)) for name in ("sources", "usage_points", "substations")}
    sizes["nodes"] = draw(st.integers(1, 5))
    if not sizes["consumers"]:
        sizes["usage_points"] = 0
    count = sum(sizes.values())
    mrids = draw(st.lists(TEXTS.filter(bool), min_size=count, max_size=count, unique=True))

    def some(values: st.SearchStrategy, rows: int) -> list:
        return draw(st.lists(values, min_size=rows, max_size=rows))

    tables: dict[str, dict[str, object]] = {}
    for name, rows in sizes.items():
        tables[name] = {"mrid": [mrids.pop() for _ in range(rows)], "name": some(TEXTS, rows)}
    node, substation = st.integers(0, sizes["nodes"] - 1), st.integers(-1, sizes["substations"] - 1)
    placed = some(st.one_of(st.none(), st.tuples(LONGITUDES, LATITUDES)), sizes["nodes"])
    tables["nodes"] |= {
        "lng": [np.nan if at is None else at[0] for at in placed],
        "lat": [np.nan if at is None else at[1] for at in placed],
        "nominal_voltage_v": some(unknown_or(st.sampled_from([400.0, 12_470.0, 0.1 + 0.2, 110e3])), sizes["nodes"]),
        "busbar": some(st.booleans(), sizes["nodes"]),
        "substation": some(substation, sizes["nodes"]),
    }
    for name in ("lines", "switches", "transformers"):
        rows = sizes[name]
        tables[name] |= {
            "node1": some(node, rows),
            "node2": some(node, rows),
            "phases": some(PHASES, rows),
            "in_service": some(st.booleans(), rows),
            "circuit": some(TEXTS, rows),
        }
    for name, columns, most in (
        ("lines", ("length_m", "rated_current_a"), 1e6),
        ("switches", ("rated_current_a",), 1e6),
        ("transformers", ("rated_power_va",), 1e11),
        ("consumers", ("p_w", "q_var"), 1e12),
    ):
        low = -most if name == "consumers" else 0
        tables[name] |= {column: some(unknown_or(st.floats(low, most)), sizes[name]) for column in columns}
    tables["switches"] |= {
        "kind": some(KINDS, sizes["switches"]),
        "normal_open": some(st.integers(0, 15), sizes["switches"]),
        "locked": some(st.booleans(), sizes["switches"]),
    }
    tables["transformers"]["substation"] = some(substation, sizes["transformers"])
    tables["sources"] |= {"node": some(node, sizes["sources"]), "phases": some(PHASES, sizes["sources"])}
    tables["sources"]["in_service"] = some(st.booleans(), sizes["sources"])
    tables["consumers"] |= {
        "node": some(node, sizes["consumers"]),
        "phases": some(PHASES, sizes["consumers"]),
        "customer_count": some(st.one_of(st.just(-1), st.integers(0, 2**31 - 1)), sizes["consumers"]),
        "equivalent": some(st.booleans(), sizes["consumers"]),
    }
    tables["usage_points"]["consumer"] = some(st.integers(0, max(sizes["consumers"] - 1, 0)), sizes["usage_points"])
    heads = [mrid for name in ("nodes", "lines", "switches", "sources") for mrid in tables[name]["mrid"]]
    tables["feeders"] |= {
        "head_mrid": some(st.sampled_from(heads), sizes["feeders"]),
        "head_node": some(node, sizes["feeders"]),
        "substation": some(substation, sizes["feeders"]),
    }
    courses = [
        draw(st.one_of(st.just([]), st.lists(st.tuples(LONGITUDES, LATITUDES), min_size=2, max_size=4)))
        for _ in range(sizes["lines"])
    ]
    offsets = np.cumsum([0, *map(len, courses)]).astype(np.int64)
    points = np.array([point for course in courses for point in course], dtype=np.float64).reshape(-1, 2)
    made = {}
    for name, given in tables.items():
        extras = {}
        for column in draw(st.lists(st.sampled_from(EXTRAS), max_size=2, unique=True)):
            if column not in table_of(name, given):
                kind = draw(st.sampled_from([TEXTS, unknown_or(st.floats(-1e9, 1e9))]))
                extras[column] = np.array(some(kind, sizes[name]))
        made[name] = table_of(name, given).with_extras(**extras)
    return Network.from_tables(draw(TEXTS), made, LineStrings(offsets, points))
