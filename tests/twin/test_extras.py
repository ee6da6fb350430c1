"""Columns beyond a class: what may be one, and that nothing of it is lost on any way."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

from tests.twin.networks import F1, draw
from twin.components import CONNECTIVITY_NODE, Table, TableError
from twin.elements import card
from twin.engine import Twin
from twin.extras import extra_record, from_documents, to_documents
from twin.graph import network_from_networkx, structural_graph
from twin.memory import MemoryStore
from twin.network import Network
from twin.packed import pack, unpack

NODES = {"mrid": ["a", "b", "c"]}
GIVEN = {"height_m": [1.5, np.nan, -0.0], "pole": ["wood", "", 'a "b" ž'], "unknown": [np.nan] * 3, "blank": [""] * 3}


def with_extras() -> Network:
    """Each class with a text and a number for its first and second row, where it has them."""
    plain = draw(F1 + " t9:6-8", consumers={"x": "3", "y": "4"}, opened="b5", sources="S T", feeders=[("b1", "1")])
    tables = {}
    for name, table in plain.tables.items():
        text = ["first" if row == 0 else "" for row in range(len(table))]
        number = [0.1 if row == 1 else np.nan for row in range(len(table))]
        tables[name] = table.with_extras(source_text=np.array(text), source_number=np.array(number))
    return Network.from_tables("extras", tables, plain.line_geometry)


def test_columns():
    table = Table(CONNECTIVITY_NODE, NODES, GIVEN)
    assert list(table.extras) == ["height_m", "pole"]  # what nothing is known of is not kept
    assert np.array_equal(table.extras["height_m"], [1.5, np.nan, 0.0], equal_nan=True)
    assert not np.signbit(table.extras["height_m"][2])
    assert table.extras["pole"].tolist() == GIVEN["pole"]
    assert [extra_record(table.extras, row) for row in range(3)] == [
        {"height_m": 1.5, "pole": "wood"},
        {},
        {"height_m": 0.0, "pole": 'a "b" ž'},
    ]
    assert table.take(np.array([2, 1])).extras["pole"].tolist() == ['a "b" ž', ""]
    more = table.with_extras(pole=np.array(["x"] * 3))
    assert list(more.extras) == ["height_m", "pole"] and more.extras["pole"].tolist() == ["x"] * 3
    with pytest.raises(ValueError, match="read-only"):
        table.extras["height_m"][0] = 1


def test_documents():
    extras = Table(CONNECTIVITY_NODE, NODES, GIVEN).extras
    documents = list(to_documents(extras, 3))
    assert documents == ['{"height_m": 1.5, "pole": "wood"}', None, '{"height_m": 0.0, "pole": "a \\"b\\" ž"}']
    assert list(to_documents({}, 2)) == [None, None]
    back = Table(CONNECTIVITY_NODE, NODES, from_documents([each or "" for each in documents])).extras
    assert back.keys() == extras.keys()
    for name, column in extras.items():
        assert np.array_equal(back[name], column, equal_nan=name == "height_m")
    with pytest.raises(ValueError, match="'pole' holds text and numbers"):
        from_documents(['{"pole": "wood"}', '{"pole": 1}'])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Pole": [1, 2, 3]}, "'Pole' needs a name of a–z"),
        ({"1st": [1, 2, 3]}, "'1st' needs a name"),
        ({"a" * 64: [1, 2, 3]}, "up to 63"),
        ({"lng": [1, 2, 3]}, "'lng' has the name of a column that is there already"),
        ({"fid": [1, 2, 3]}, "'fid' has the name of a column"),
        ({"pole": [1, 2]}, "'pole' has 2 rows where mrid has 3"),
        ({"pole": [1, np.inf, 3]}, "'pole' is inf at row 1; it must be finite"),
        ({"pole": ["", "a\0b", ""]}, "'pole' has a NUL in its text at row 1"),
        ({"pole": [1j, 2, 3]}, "'pole' holds complex128; text or numbers are kept"),
        ({f"c{n}": [1, 2, 3] for n in range(101)}, "101 extra columns are given; at most 100"),
    ],
)
def test_columns_that_cannot_be_kept(given, message):
    with pytest.raises(TableError, match=rf"ConnectivityNode: .*{message}"):
        Table(CONNECTIVITY_NODE, NODES, given)


def test_they_are_part_of_the_model_and_change_nothing_where_there_are_none():
    network = with_extras()
    plain = Network.from_tables(
        "plain",
        {name: Table(table.component, {key: table[key] for key in table}) for name, table in network.tables.items()},
    )
    again = Network.from_tables("again", network.tables, network.line_geometry)
    assert again.model == network.model != plain.model
    assert plain.model == "4a505d1a0477b63b"


def test_packed():
    network = with_extras()
    columns = dict(pack(network))
    again = unpack(network.name, network.model, columns)
    assert again is not None and again.tables["nodes"].extras.keys() == {"source_text", "source_number"}
    del columns["lines", "extra text source_text"]
    assert unpack(network.name, network.model, columns) is None


def test_a_card_shows_them():
    network = with_extras()
    with Twin.load(network, MemoryStore()) as twin:
        shown = card(twin.current, network.mrids.find(str(network.consumers["mrid"][1])))["attributes"]
    assert isinstance(shown, dict)
    assert shown["source_number"] == 0.1 and "source_text" not in shown


def test_a_graph_has_them_and_gives_them_back():
    network = with_extras()
    graph = structural_graph(network)
    first = str(network.nodes["mrid"][0])
    assert graph.nodes[first]["extras"] == {"source_text": "first"}
    assert network_from_networkx(graph).model == network.model


@pytest.mark.parametrize(
    ("extras", "message"),
    [
        ("x", "extras is 'x'; it must be a dictionary"),
        ({"Pole": 1}, "'Pole' needs a name"),
        ({"pole": None}, "extras.pole is None; it must be text or a finite number"),
        ({"pole": np.inf}, "extras.pole is inf"),
        ({"pole": True}, "extras.pole is True"),
    ],
)
def test_a_graph_with_wrong_ones_is_refused(extras, message):
    graph = networkx.MultiGraph(structural_graph(draw(F1)))
    graph.nodes["2"]["extras"] = extras
    with pytest.raises(ValueError, match=f"node '2'.*{message}"):
        network_from_networkx(graph)
