"""Who has supply, phase by phase, beside the voltages of OpenDSS: IEEE 13 and IEEE 123, lines opened on all phases.

Every line and switch is opened in turn, ganged, then several at once; on IEEE 123 once more with its two ties closed,
one of which has a single phase. Lines only: some regulators are banks of single-phase units, and a load between phases
holds up the phase of one that is opened alone.
"""

from __future__ import annotations

import random

import pytest

from tests.conformance.opendss import FED_PU, INDUCED_PU, Circuit
from twin.engine import Twin
from twin.events import Operation

FEEDERS = {
    "ieee13": ("13Bus/IEEE13Nodeckt.dss", ()),
    "ieee123": ("123Bus/IEEE123Master.dss", ()),
    "ieee123_ties_closed": ("123Bus/IEEE123Master.dss", ("edit line.sw7 bus2=300", "edit line.sw8 bus2=94.1")),
}
BATCHES = 60

HELD_UP = {"610"}
"""Left out while its transformer, delta on both sides, is fed on one phase, which OpenDSS shares out between three."""


@pytest.fixture(scope="module", params=FEEDERS)
def feeder(request, shared_data):
    file, edits = FEEDERS[request.param]
    circuit = Circuit(shared_data / "opendss_testfeeders" / file, *edits)
    return circuit, Twin(circuit.network())


def lines_of(twin: Twin) -> list[str]:
    return [mrid.removeprefix("line ") for mrid in twin.network.switches["mrid"].tolist()]


def live(circuit: Circuit, twin: Twin) -> dict[str, int]:
    """Our masks by bus; a bus shows the phases that it has, as a node of OpenDSS each."""
    buses = [mrid.removeprefix("bus ") for mrid in twin.network.nodes["mrid"].tolist()]
    own = circuit.phases()
    return {bus: mask & own[bus] for bus, mask in zip(buses, twin.current.energized.tolist(), strict=True)}


def differences(circuit: Circuit, twin: Twin, opened: list[str]) -> dict[str, tuple[int, int]]:
    """Buses on which OpenDSS and we differ with these lines open."""
    twin.switch([Operation(f"line {line}", True) for line in opened])
    with circuit.opened(*opened):
        theirs, ours = circuit.live(), live(circuit, twin)
        assert ours.keys() - theirs.keys() == circuit.held_up() <= HELD_UP
    twin.switch(normal=True)
    return {bus: (theirs[bus], ours[bus]) for bus in theirs if theirs[bus] != ours[bus]}


def test_as_built_everything_is_alive(feeder):
    circuit, twin = feeder
    circuit.solve()
    assert circuit.live() == live(circuit, twin) == circuit.phases()


def test_every_line_in_turn(feeder):
    circuit, twin = feeder
    found = {line: differences(circuit, twin, [line]) for line in lines_of(twin)}
    assert len(found) in (12, 126)
    assert not {line: buses for line, buses in found.items() if buses}


def test_several_lines_at_once(feeder):
    circuit, twin = feeder
    rng = random.Random(5)
    lines = lines_of(twin)
    for _ in range(BATCHES):
        opened = rng.sample(lines, rng.choice((2, 2, 3, 5)))
        assert not differences(circuit, twin, opened), opened


def test_a_mesh_needs_two_openings(shared_data):
    """With the ties closed most lines are on a ring: opened alone they cut nobody off, on either side."""
    file, edits = FEEDERS["ieee123_ties_closed"]
    circuit = Circuit(shared_data / "opendss_testfeeders" / file, *edits)
    twin = Twin(circuit.network())
    with circuit.opened("sw2"):
        assert circuit.live() == circuit.phases()
    assert twin.switch([Operation("line sw2", True)]).deenergized.nodes == 0
    assert twin.switch([Operation("line sw4", True)]).deenergized.nodes > 0
    ours = live(circuit, twin)
    with circuit.opened("sw2", "sw4"):
        theirs = circuit.live()
        assert circuit.held_up() == HELD_UP
        assert INDUCED_PU < circuit.voltage("610.1") < FED_PU, "it is not affected: compare it"
    assert theirs == {bus: mask for bus, mask in ours.items() if bus not in HELD_UP}
    assert {0, 1, 7} <= set(theirs.values())
