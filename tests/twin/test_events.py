"""Events as JSON."""

import json

import pytest

from twin.events import EventError, ModelReplaced, Operation, Position, SwitchOperated, event_from_json, event_to_json

EVENTS = [
    SwitchOperated((Operation("ä", True, 3), Operation("b", False)), normal=True),
    SwitchOperated(()),
    ModelReplaced("0123", "net", (Position("a", 0), Position("b", 7)), ("gone",)),
]


@pytest.mark.parametrize("event", EVENTS)
def test_events_go_round(event):
    value = json.loads(json.dumps(event_to_json(event)))
    assert event_from_json(value) == event
    for name in value:
        with pytest.raises(EventError):
            event_from_json({key: value[key] for key in value if key != name})


def test_unknown_kind():
    with pytest.raises(EventError, match="'Exploded'"):
        event_from_json({"kind": "Exploded"})
