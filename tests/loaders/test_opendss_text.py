"""The words of OpenDSS scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.opendss_classes import CLASSES, COMMANDS, abbreviated, class_name
from loaders.opendss_text import BrokenLine, array, bus_and_nodes, is_inline_math, lines, parameters, unquoted


def test_lines_without_comments():
    text = (
        "New Circuit.a ! the source\n\n  // nothing\nline.b(!)\n/* a block\nNew Line.no */\n  ~ kv=1 // more\n!~ kv=2"
    )
    assert list(lines(text)) == [(1, "New Circuit.a"), (4, "line.b("), (7, "~ kv=1")]


def test_comment_signs_in_quotes_are_text():
    assert list(lines("Redirect 'a!b//c.dss' ! d")) == [(1, "Redirect 'a!b//c.dss'")]
    assert list(lines("New LineCode.1/0 x=(1 ! 2)")) == [(1, "New LineCode.1/0 x=(1 ! 2)")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("New Line.l(r:a-b) bus1=a.1.2", [("", "New"), ("", "Line.l(r:a-b)"), ("bus1", "a.1.2")]),
        ("~ kV= 24.9 kvs = (1, 2)", [("", "~"), ("kV", "24.9"), ("kvs", "(1, 2)")]),
        ("x [1 2|3] 'a b',\t{c} \"d\"", [("", "x"), ("", "[1 2|3]"), ("", "'a b'"), ("", "{c}"), ("", '"d"')]),
        ("Transformer.a.wdg=2 Tap=(1 2 +)", [("Transformer.a.wdg", "2"), ("Tap", "(1 2 +)")]),
        ("  , a ,, b , ", [("", "a"), ("", "b")]),
        ("", []),
    ],
)
def test_parameters(line, expected):
    assert parameters(line) == expected


@pytest.mark.parametrize("line", ["New Line.a bus1=(b", "New Line.a kv=", "= 3", "a='b", "x ["])
def test_broken_lines(line):
    with pytest.raises(BrokenLine, match=r"does not end|a name and a value"):
        parameters(line)


@given(st.text(alphabet="ab =,.!/~'\"()[]{}|\t1", max_size=40))
def test_any_text_is_parameters_or_broken(text):
    for _, line in lines(text):
        try:
            found = parameters(line)
        except BrokenLine:
            continue
        assert all(value for _, value in found)


def test_values():
    assert unquoted("( a b )") == "a b" and unquoted("a(b)") == "a(b)" and unquoted("(") == "("
    assert array("[650.1 RG60.1]") == array('"650.1,RG60.1"') == array("('650.1' 'RG60.1')") == ["650.1", "RG60.1"]
    assert array("(1 2 | 3)") == ["1", "2", "3"]
    assert bus_and_nodes("RG60.1.0") == ("rg60", (1, 0)) and bus_and_nodes("'671'") == ("671", ())
    with pytest.raises(BrokenLine, match="numbers"):
        bus_and_nodes("671.a")


@pytest.mark.parametrize("value", ["(8 1000 /)", "(1.4 0.001 3 * - 115 sqr *)", "[.5 2 +]"])
def test_calculations(value):
    assert is_inline_math(value)


@pytest.mark.parametrize("value", ["(8 1000)", "8", "(wye delta)", "( 1 | 2 3 )"])
def test_no_calculations(value):
    assert not is_inline_math(value)


def test_abbreviations_mean_the_first_name():
    assert [abbreviated(word, COMMANDS) for word in ("new", "ed", "e", "op", "cl", "re", "red", "xyz", "")] == [
        *("new", "edit", "edit", "open", "close", "reset", "redirect", None, None)
    ]
    line = CLASSES["line"]
    assert [line.property(word) for word in ("Bus1", "ph", "LEN", "s", "u", "r", "no such")] == [
        *("bus1", "phases", "length", "switch", "units", "r1", None)
    ]
    assert [class_name(word) for word in ("Line", "swt", "l", "circuit", "LoadShape", "")] == [
        *("line", "swtcontrol", None, "circuit", "loadshape", None)
    ]
