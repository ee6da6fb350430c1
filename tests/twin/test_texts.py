"""Texts read like an array of StringDType, and are found and ordered as Python does it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.twin.networks import draw
from twin import _kernels_texts
from twin.components import CONNECTIVITY_NODE, ENERGY_CONSUMER, Table, TableError, is_constant
from twin.packed import pack, unpack
from twin.search import SearchIndex
from twin.texts import Texts, joined

LETTERS = "ab-_ AB1éÉßΣσς漢😀"


def some(seed: int, count: int = 400) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices(LETTERS, k=rng.randrange(6))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_they_read_like_an_array(seed: int) -> None:
    plain = some(seed)
    array, texts = np.array(plain, dtype=np.dtypes.StringDType()), Texts.of(plain)
    assert texts.tolist() == list(texts) == plain
    assert len(texts) == texts.shape[0] == len(plain)
    assert texts.dtype == array.dtype
    rows = np.random.default_rng(seed).integers(-len(plain), len(plain), 50)
    flags = np.random.default_rng(seed).random(len(plain)) < 0.3
    for key in (rows, rows.astype(np.int32), flags, slice(5, 90, 7), slice(None), [], [3, 3]):
        taken = array[np.asarray(key, dtype=np.intp) if isinstance(key, list) else key]
        assert texts[key].dtype == array.dtype
        assert texts[key].tolist() == taken.tolist()
    assert texts[7] == array[7] and texts[-1] == array[-1] and texts[np.int32(9)] == array[9]
    assert ((texts == "") == (array == "")).all() and ((texts != plain[4]) == (array != plain[4])).all()
    assert (texts == texts).all() and not (texts != Texts.of(array)).any()
    assert np.unique(texts).tolist() == sorted(set(plain))
    assert np.concatenate([texts, array[:2]]).tolist() == [*plain, *plain[:2]]
    assert texts.astype(object).tolist() == texts.copy().tolist() == plain
    assert bytes(joined(texts)) == bytes(joined(array)) == "".join(text + "\0" for text in plain).encode()
    again = Texts.parse(bytes(joined(texts)))
    assert again.tolist() == plain and again.ptr.dtype == np.int32


def test_a_row_that_is_not_there() -> None:
    texts = Texts.of(["a", "b"])
    for rows in (2, -3, [0, 2], [-3]):
        with pytest.raises(IndexError, match="of 2 texts"):
            texts[rows]
    with pytest.raises(IndexError, match="1 flags for 2 texts"):
        texts[[True]]
    assert Texts.of([]).tolist() == Texts.parse(b"").tolist() == []


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_letters_is_that_of_texts(seed: int) -> None:
    plain = sorted(set(some(seed)))
    random.Random(seed).shuffle(plain)
    texts, order = Texts.of(plain), np.argsort(np.array(plain, dtype=np.dtypes.StringDType())).astype(np.int32)
    order.flags.writeable = False
    data, ptr = texts.data.copy(), texts.ptr.astype(np.int64)
    assert [plain[row] for row in order] == sorted(plain)
    assert _kernels_texts.ascends(data, ptr, order)
    for at in range(0, len(order) - 1, 17):
        swapped = order.copy()
        swapped[[at, at + 1]] = swapped[[at + 1, at]]
        swapped.flags.writeable = False
        assert not _kernels_texts.ascends(data, ptr, swapped)
    twice = np.array([0, 0], dtype=np.int32)
    twice.flags.writeable = False
    assert not _kernels_texts.ascends(data, ptr, twice)


def test_search_finds_what_python_finds() -> None:
    names = dict.fromkeys(text for text in some(5, 300) if text.strip() and text not in ("1", "2", "3"))
    network = draw("b1:S-1 c2:1-2 c3:2-3", consumers=dict.fromkeys(names, "3"))
    index, mrids = SearchIndex(network), network.consumers["mrid"].tolist()
    folded = [mrid.lower().replace("_", " ").replace("-", " ") for mrid in mrids]

    def quality(text: str, wanted: str) -> int:
        if wanted not in text:
            return 4
        return 0 if text == wanted else 1 if text.startswith(wanted) else 2 if " " + wanted in text else 3

    queries = {text[begin : begin + size].strip() for text in folded for begin in (0, 1) for size in (1, 2, 3)} - {""}
    for wanted in sorted(queries):
        rows = [row for row, text in enumerate(folded) if wanted in text]
        rows.sort(key=lambda row: (quality(folded[row], wanted), len(folded[row]), row))
        found = [hit.mrid for hit in index.find(wanted, 1000) if hit.element.component is ENERGY_CONSUMER]
        assert found == [mrids[row] for row in rows], wanted
        first = [hit.mrid for hit in index.find(wanted, 3) if hit.element.component is ENERGY_CONSUMER]
        assert first == found[: len(first)]


def test_a_column_of_one_value_keeps_it_once() -> None:
    columns = {"mrid": ["a", "b", "c"], "name": ["n"] * 3, "lng": [np.nan] * 3, "lat": [1.0, 1.0, 2.0]}
    nodes = Table(CONNECTIVITY_NODE, columns)
    kept = {name for name in nodes if is_constant(nodes[name])}
    assert kept == {"name", "lng", "nominal_voltage_v", "busbar"}
    for name in kept:
        assert nodes[name].base.nbytes <= 16
    taken = nodes.take(np.array([2, 0]))
    assert taken["name"].tolist() == ["n", "n"] and taken["lat"].tolist() == [2.0, 1.0]
    assert np.isnan(taken["lng"]).all() and is_constant(taken["lng"])
    with pytest.raises(TableError, match=r"lng is 200\.0 at row 0"):
        Table(CONNECTIVITY_NODE, {"mrid": ["a", "b"], "lng": 200.0})
    with pytest.raises(TableError, match="mrid is empty at row 1"):
        Table(CONNECTIVITY_NODE, {"mrid": Texts.of(["a", ""])})


def test_a_network_keeps_letters_and_its_packed_form_them() -> None:
    network = draw("b1:S-1 c2:1-3 c3:3-4", consumers={"é": "3", "x": "4"})
    assert all(isinstance(table["mrid"], Texts) or len(table) < 2 for table in network.tables.values())
    assert network.nodes["lng"].base is network.node_lnglat
    again = unpack(network.name, network.model, dict(pack(network)))
    assert again is not None
    for name, table in network.tables.items():
        assert again.tables[name]["mrid"].tolist() == table["mrid"].tolist()
        assert again.tables[name]["name"].tolist() == table["name"].tolist()
