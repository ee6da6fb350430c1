"""OpenDSS: dialects in small circuits, the published feeders beside OpenDSS itself, and a whole town."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from dss import DSS

from loaders.coordinates import PlaceError
from loaders.formats import read
from loaders.opendss import is_opendss, read_opendss
from tests.conformance.opendss import Circuit
from tests.loaders.opendss_scripts import Script, live, row
from topology.energize import energize
from twin.engine import Twin
from twin.events import Operation

FEEDERS = (
    "13Bus/IEEE13Nodeckt.dss",
    "34Bus/ieee34Mod1.dss",
    "34Bus/ieee34Mod2.dss",
    "37Bus/ieee37.dss",
    "123Bus/IEEE123Master.dss",
    "ckt5/Master_ckt5.dss",
)
LIVE_V = 1.0


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path / "town")


# --- a small circuit ----------------------------------------------------------------------------------------------


def test_small_circuit(script):
    network, report = script.read()
    assert {name: len(table) for name, table in network.tables.items() if len(table)} == {
        **{"nodes": 5, "lines": 2, "switches": 1, "transformers": 1, "sources": 1, "consumers": 1, "feeders": 1}
    }
    assert network.name == "town" and live(network) == dict.fromkeys(("src", "mv", "a", "b", "c"), 7)
    assert row(network, "Line.head")["length_m"] == 1500 and row(network, "Line.head")["rated_current_a"] == 300
    assert row(network, "Line.tail")["length_m"] == pytest.approx(152.4)
    assert row(network, "Transformer.sub")["rated_power_va"] == 10e6
    load = row(network, "Load.shop")
    assert load["p_w"] == 90e3 and load["q_var"] == pytest.approx(43589, rel=1e-4) and load["phases"] == 7
    assert {row(network, f"Bus.{bus}")["nominal_voltage_v"] for bus in "abc"} == {12_470}
    assert network.feeders["head_mrid"].tolist() == ["Line.head"] and network.customers == 1
    assert report.read["Line"] == report.used["Line"] == 3
    assert Twin(network).switch([Operation("Line.sw", True)]).deenergized.nodes == 2


def test_report_adds_up(script):
    script.add(
        "New RegControl.r transformer=sub\nNew LoadShape.s npts=3 mult=(1 2 3)\n~ mean=1\n"
        "New Capacitor.k bus1=c kvar=1\n"
        "New Load.off bus1=c enabled=no\nNew Nonsense.x a=b\n~ c=d\nNew PVSystem.p bus1=c\nSolve\nPlot x\nBogus y\n"
        "Edit Load.shop kw=5 colour=red\nNew Line.tail bus1=b bus2=c"
    )
    network, report = script.read()
    assert report.read.keys() == report.used.keys()
    for kind, count in report.read.items():
        assert count == report.used[kind] + sum(s.count for s in report.skipped if s.kind == kind), kind
    left_out = {s.kind: (s.count, s.first_ids[0]) for s in report.skipped}
    assert left_out["nonsense"] == (1, "nonsense.x") and left_out["Load"] == (1, "Load.off")
    assert {"RegControl", "LoadShape", "Capacitor", "PVSystem"} <= left_out.keys()
    text = "; ".join(report.notes)
    for part in ("1 commands that are not known", "1 Load.colour", "1 elements were made again", "(1 solve, 1 plot)"):
        assert part in text
    assert row(network, "Load.shop")["p_w"] == 5e3


# --- dialects -----------------------------------------------------------------------------------------------------


def test_positions_abbreviations_more_and_like(script):
    script.add(
        "new LINE.P c d.1 cable 2 ph=1 un=km\nnew load.one 1 d.1 0.24\n~ kw=3\nmore kvar=1, kw=4\nnew load.two like=one"
    )
    script.add("Load.two.kw=7 kvar=2\ned load.one numc=5")
    network, _ = script.read()
    assert row(network, "Line.p")["phases"] == 1  # said after its line code, which has three
    one, two = row(network, "Load.one"), row(network, "Load.two")
    assert (one["p_w"], one["customer_count"], two["p_w"], two["q_var"]) == (4e3, 5, 7e3, 2e3)
    assert two["node"] == one["node"]


def test_split_phase_carries_the_phase_of_its_primary(script):
    script.add(
        "New Transformer.t phases=1 windings=3 wdg=1 bus=c.2 kv=7.2 kva=25\n"
        "~ wdg=2 bus=lv.1.0 kv=0.12 wdg=3 bus=lv.0.2 kv=0.12\n"
        "New Line.service phases=2 bus1=lv.1.2 bus2=home.1.2 length=20 units=m\n"
        "New Load.home phases=2 bus1=home.1.2 kw=3\nNew Load.lamp phases=1 bus1=home.2 kw=1"
    )
    network, _ = script.read()
    assert live(network)["home"] == 2
    assert [row(network, f"Load.{name}")["phases"] for name in ("home", "lamp")] == [2, 2]
    assert row(network, "Transformer.t")["phases"] == 2 and row(network, "Bus.home")["nominal_voltage_v"] == 240
    assert len(network.transformers) == 2


def test_a_tap_with_a_node_of_its_own_is_a_neutral(script):
    script.add(
        "New Transformer.t phases=1 windings=3 buses=[c.3 lv.1.4 lv.4.2] kvs=[7.2 .12 .12] kvas=[25 25 25]\n"
        "New Line.service phases=3 bus1=lv.1.2.4 bus2=home.1.2.4\nNew Load.home phases=1 bus1=home.1.4 kw=3"
    )
    network, _ = script.read()
    assert row(network, "Line.service")["phases"] == 4 | 8 and row(network, "Load.home")["phases"] == 4
    assert live(network)["home"] == 4


def test_regulator_banks_and_transpositions(script):
    for name, node in (("a", 1), ("b", 2), ("c", 3)):
        script.add(f"New Transformer.reg{name} phases=1 buses=(c.{node} r.{node}) kvs=(7.2 7.2) bank=reg")
    script.add(
        "New Line.rolled bus1=r.1.2.3 bus2=x.2.3.1\nNew Line.one phases=1 bus1=x.1 bus2=y.1\n"
        "New Load.y phases=1 bus1=y.1"
    )
    network, _ = script.read()
    assert live(network)["r"] == 7
    assert row(network, "Line.one")["phases"] == row(network, "Load.y")["phases"] == 4  # x.1 is fed by r.3
    assert live(network)["y"] == 4


def test_three_windings_at_three_buses_are_a_star(script):
    script.add("New Transformer.t windings=3 buses=(c d e) kvs=(12.47 4.16 0.48) kvas=(500 300 200)")
    script.add("New Load.e bus1=e")
    network, _ = script.read()
    assert live(network)["d"] == live(network)["e"] == 7
    assert [row(network, f"Transformer.t {leg}")["rated_power_va"] for leg in (1, 2, 3)] == [5e5, 3e5, 2e5]
    assert row(network, "Bus.d")["nominal_voltage_v"] == 4160


def test_xfmrcodes(script):
    script.add("New XfmrCode.small phases=1 windings=2 kvs=[7.2 0.24] kvas=[50 50]")
    script.add("New Transformer.t xfmrcode=small bus=c.1\n~ wdg=2 bus=d.1")
    network, _ = script.read()
    assert row(network, "Transformer.t")["rated_power_va"] == 50e3 and row(network, "Transformer.t")["phases"] == 1
    assert row(network, "Bus.d")["nominal_voltage_v"] == 240


def test_open_and_close(script):
    script.add(
        "Open Line.head term=1 2\nOpen Line.sw 2\nopen transformer.sub 2\nclose transformer.sub 2\n"
        "open line.tail 2\nclose line.tail 2"
    )
    network, _ = script.read()
    assert live(network) == {"src": 7, "mv": 7, "a": 5, "b": 0, "c": 0}
    terminal = row(network, "Line.head terminal 1")
    assert (terminal["normal_open"], terminal["phases"], terminal["kind"]) == (2, 7, "Switch")
    assert len(network.switches) == 2 and row(network, "Line.sw")["normal_open"] == 7


def test_controls_are_the_switches_they_work(script):
    script.add(
        "New Fuse.f monitoredobj=line.tail monitoredterm=1 ratedcurrent=40\nNew Recloser.r monitoredobj=Line.sw\n"
        "New Relay.b monitoredobj=line.head switchedobj=line.tail switchedterm=2 type=current normal=open\n"
        "New SwtControl.s switchedobj=line.head switchedterm=1 lock=yes\nNew SwtControl.again switchedobj=line.sw\n"
        "New Fuse.nowhere monitoredobj=line.nowhere"
    )
    network, report = script.read()
    fuse, relay = row(network, "Fuse.f"), row(network, "Relay.b")
    assert (fuse["kind"], fuse["rated_current_a"], relay["kind"], relay["normal_open"]) == ("Fuse", 40, "Breaker", 7)
    assert row(network, "Line.sw")["kind"] == "Recloser" and row(network, "SwtControl.s")["locked"] is True
    assert {s.first_ids for s in report.skipped} == {("SwtControl.again",), ("Fuse.nowhere",)}
    assert live(network)["c"] == 0 and live(network)["b"] == 7
    assert Twin(network).switch([Operation("Fuse.f", True)]).deenergized.nodes == 2  # b's side, to the open relay


def test_devices_by_their_line_code_and_what_is_not_enabled(script):
    script.add(
        "New LineCode.RECLOSER_1 nphases=3\nNew Line.rec bus1=c bus2=d linecode=recloser_1\n"
        "New Line.tie bus1=d bus2=a switch=y enabled=n\nNew Line.out bus1=d bus2=a enabled=n\n"
        "New Line.gone bus1=p bus2=q enabled=False\nNew Line.end bus1=d bus2=elsewhere switch=t enabled=0"
    )
    network, report = script.read()
    assert row(network, "Line.rec")["kind"] == "Recloser" and row(network, "Line.tie")["normal_open"] == 7
    assert row(network, "Line.out")["in_service"] is False and live(network)["elsewhere"] == 0
    assert "2 switches written enabled=n are taken for open" in report.notes
    assert "1 buses are at nothing but switches that are open" in report.notes
    assert [s.first_ids for s in report.skipped] == [("Line.gone",)]


def test_reactors_in_series_join(script):
    script.add(
        "New Reactor.r bus1=c bus2=d\nNew Reactor.shunt bus1=d\nNew Capacitor.k bus1=c bus2=c.0.0.0\nNew Load.d bus1=d"
    )
    network, report = script.read()
    assert live(network)["d"] == 7 and row(network, "Reactor.r")["phases"] == 7
    assert {s.first_ids for s in report.skipped} == {("Reactor.shunt",), ("Capacitor.k",)}


def test_clear_begins_anew(script):
    file = script.write(
        "Run.dss", "Compile Master.dss\nNew Load.extra bus1=c\nCompile (master.DSS)\nNew EnergyMeter.m line.sw 1"
    )
    network, report = read_opendss(file)
    assert network.customers == 1 and network.feeders["head_mrid"].tolist() == ["Line.sw"]
    assert row(network, "Feeder Line.sw")["name"] == "m"
    assert report.source == str(file)


def test_disabling_by_command(script):
    script.add("Disable Line.tail\nDisable Load.*\nEnable Line.tail\nNew Line.x bus1=c bus2=y\ndisable line.x")
    network, report = script.read()
    assert len(network.consumers) == 0 and live(network)["c"] == 7
    assert {s.first_ids for s in report.skipped} == {("Load.shop",), ("Line.x",)}


def test_calculations_and_units_that_are_not_known(script):
    script.add("New Line.p bus1=c bus2=d length=(2 3 *) units=km\nNew Line.q bus1=d bus2=e length=2 units=furlong")
    network, report = script.read()
    assert row(network, "Line.p")["length_m"] is None and row(network, "Line.q")["length_m"] is None
    assert "values that are calculations were left out (1 Line.length)" in report.notes
    assert "1 elements have lengths in no known unit" in report.notes


# --- places -------------------------------------------------------------------------------------------------------


def test_places_of_buses_without_coordinates(script):
    script.write("xy.csv", "Bus,X,Y\nmv, 9.0, 50.0\nc\t9.02  50\nnobody,1,2\n")
    script.add("BusCoords xy.csv\nNew Line.spur bus1=b bus2=d length=50 units=m\nNew Load.d bus1=d")
    network, report = script.read()
    places = {name: (row(network, f"Bus.{name}")["lng"], row(network, f"Bus.{name}")["lat"]) for name in "abcd"}
    assert places["c"] == (9.02, 50) and places["d"] == places["b"]
    assert places["a"][0] == pytest.approx(9 + 0.02 * 1500 / (1500 + 30 + 152.4), rel=1e-6)
    assert any("4 nodes have no coordinates and were placed from their neighbours (Bus.src" in n for n in report.notes)
    assert "1 coordinates are of buses that nothing is at" in report.notes


def test_latitude_first_and_single_places(script):
    script.write("ll.csv", "mv 50 9\n")
    script.add("LatLongCoords ll.csv\nSetBusXY bus=c x=9.02 y=50")
    network, _ = script.read()
    assert row(network, "Bus.mv")["lng"] == 9 and row(network, "Bus.c")["lng"] == 9.02


def test_a_named_coordinate_system(script):
    script.write("xy.csv", "mv,500000,5500000\nc,502000,5500000\n")
    script.add("BusCoords xy.csv")
    network, report = read_opendss(script.folder, crs="EPSG:25832")
    assert row(network, "Bus.mv")["lng"] == pytest.approx(9) and row(network, "Bus.mv")["lat"] == pytest.approx(
        49.65, abs=0.01
    )
    assert "coordinates were transformed from EPSG:25832" in report.notes
    with pytest.raises(PlaceError, match=r"'Bus.mv' is at 500000, 5.5e\+06, which are no degrees .* with --crs EPSG:n"):
        script.read()  # no line is between the two


def test_nothing_has_coordinates(script):
    network, report = script.read()
    assert network.bounds is None and "5 nodes have no coordinates and are not placed" in report.notes


# --- folders, archives, feeders -----------------------------------------------------------------------------------


def town(script: Script) -> None:
    """Two feeders, each in a folder of its own below that of their substation."""
    script.write("Master.dss", "New Circuit.all basekv=69 bus1=src\nRedirect north/Lines.dss\n")
    script.write(
        "north/Lines.dss",
        "New Transformer.t buses=(src mv) kvs=(69 12.47)\nNew Line.b1 bus1=mv bus2=f1 switch=y\n"
        "New Line.b2 bus1=mv bus2=f2 switch=y\n",
    )
    for at in (1, 2):
        script.write(f"north/f{at}/Lines.dss", f"New Line.l{at} bus1=f{at} bus2=e{at} length=1 units=km\n")
        script.write(f"north/f{at}/Loads.dss", f"New Load.c{at} bus1=e{at}\n")
        script.add(f"Redirect north\\f{at}\\lines.DSS\nRedirect north/f{at}/Loads.dss")
    script.add("New Line.tie bus1=e1 bus2=e2 switch=y enabled=n")


def check_town(network) -> None:
    feeders = network.feeders
    assert dict(zip(feeders["name"], feeders["head_mrid"], strict=True)) == {"f1": "Line.b1", "f2": "Line.b2"}
    assert network.substations["name"].tolist() == ["north"] and feeders["substation"].tolist() == [0, 0]
    assert (network.node_feeder[[network.mrids.find(f"Bus.e{at}").row for at in (1, 2)]] >= 0).all()
    assert row(network, "Line.l1")["circuit"] == "f1" and row(network, "Bus.f1")["substation"] == 0


def test_feeders_by_folder(script):
    town(script)
    network, report = script.read()
    check_town(network)
    assert "2 feeders start by folders with loads and lines of their own" in report.notes


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz"])
def test_archives(script, tmp_path, suffix):
    town(script)
    file = tmp_path / f"town{suffix}"
    with tarfile.open(file, "w" if suffix == ".tar" else "w:gz") as tar:
        tar.add(script.folder, "town")
        extra = tarfile.TarInfo("town/picture.png")
        extra.size = 3
        tar.addfile(extra, io.BytesIO(b"\0\1\2"))
    assert is_opendss(file)
    network, _ = read(file)
    check_town(network)
    assert network.model == script.read()[0].model


def test_what_is_recognised(script, tmp_path):
    (tmp_path / "empty").mkdir()
    assert is_opendss(script.folder) and is_opendss(script.folder / "lines.dss") and not is_opendss(tmp_path / "empty")
    assert read(script.folder)[0].model == read(script.folder / "Master.dss", "opendss")[0].model


# --- published feeders, beside OpenDSS ----------------------------------------------------------------------------


def solved(file: Path) -> dict[str, int]:
    """Phases above 1 V by bus, of the circuit as OpenDSS compiles and solves it."""
    DSS.AllowForms = DSS.AllowEditor = DSS.AllowChangeDir = False
    DSS.ClearAll()
    for command in (f"compile [{file}]", "solve"):
        DSS.Text.Command = command
    circuit = DSS.ActiveCircuit
    assert circuit.Solution.Converged
    found = dict.fromkeys(circuit.AllBusNames, 0)
    for name, voltage in zip(circuit.AllNodeNames, circuit.AllBusVmag, strict=True):
        bus, _, node = name.rpartition(".")
        if voltage > LIVE_V and int(node) <= 3:
            found[bus] |= 1 << (int(node) - 1)
    return found


@pytest.mark.parametrize("file", FEEDERS)
def test_feeders_as_opendss_solves_them(shared_data, file):
    source = shared_data / "opendss_testfeeders" / file
    network, report = read_opendss(source)
    theirs, ours = solved(source), live(network)
    circuit = DSS.ActiveCircuit
    assert (report.read["Line"], report.read["Load"], report.read["Transformer"]) == (
        *(circuit.Lines.Count, circuit.Loads.Count, circuit.Transformers.Count),
    )
    idle = ours.keys() - theirs.keys()  # at nothing but open switches: OpenDSS drops those with their buses
    assert len(idle) == (4 if "ckt5" in file else 0) and not any(ours[bus] for bus in idle)
    if "ckt5" in file:  # split phases have node 1 there, whatever their primary's
        assert {bus for bus, mask in theirs.items() if mask} == {bus for bus, mask in ours.items() if mask}
    else:
        assert theirs == ours


@pytest.mark.parametrize("file", ["13Bus/IEEE13Nodeckt.dss", "123Bus/IEEE123Master.dss"])
def test_every_line_and_switch_opened_in_turn(shared_data, file):
    """Bus 610 of IEEE 123 is left out: with one phase at its primary, a delta winding feeds all of its secondary."""
    source = shared_data / "opendss_testfeeders" / file
    network, _ = read_opendss(source)
    circuit = Circuit(source)
    own = circuit.phases()
    lines = [mrid for table in (network.lines, network.switches) for mrid in table["mrid"].tolist()]
    for mrid in lines:
        conducting = network.normal_conducting.copy()
        conducting[network.branch_of(network.mrids.find(mrid))] = 0
        masks = energize(network.graph, conducting, network.node_sources)
        ours = dict(
            zip((each.removeprefix("Bus.") for each in network.nodes["mrid"].tolist()), masks.tolist(), strict=True)
        )
        with circuit.opened(mrid.removeprefix("Line.")):
            theirs = circuit.live()
        assert {bus for bus in own if ours[bus] & own[bus] != theirs[bus]} <= {"610"}, mrid
    assert len(lines) in (12, 126)


def test_ckt5_is_placed_from_its_neighbours(shared_data):
    network, report = read_opendss(shared_data / "opendss_testfeeders" / "ckt5" / "Master_ckt5.dss")
    assert not np.isnan(network.node_lnglat).any()
    assert any(note.startswith("2031 nodes have no coordinates and were placed") for note in report.notes)
    assert network.feeders["head_mrid"].tolist() == ["Line.mdv201_connector"] and len(network.nodes) == 2998 + 4


@pytest.mark.parametrize("file", ["123Bus/Run_IEEE123Bus.DSS", "34Bus/Run_IEEE34Mod2.dss", "ckt5/Run_ckt5.dss"])
def test_run_scripts_read_their_master(shared_data, file):
    network, report = read_opendss(shared_data / "opendss_testfeeders" / file)
    assert len(network.nodes) in (132, 56, 3002) and (network.feeders["head_mrid"] != "").all()
    assert any("commands that build nothing" in note for note in report.notes)


def test_a_substation_of_greensboro(shared_data):
    source = shared_data / "smartds_greensboro" / "sample_uhs13_1247"
    network, report = read_opendss(source)
    theirs, ours = solved(source / "Master.dss"), live(network)
    assert len(theirs) == 4_480 and len(ours.keys() - theirs.keys()) == 1  # at nothing but an open switch
    assert {bus for bus, mask in theirs.items() if mask} == {bus for bus, mask in ours.items() if mask}
    assert network.feeders["name"].tolist() == ["uhs13_1247--udt4015", "uhs13_1247--udt4819"]
    assert (len(network.consumers), np.count_nonzero(network.switches["normal_open"])) == (1_745, 4)
    assert report.used["Fuse"] == 68


# --- Greensboro ---------------------------------------------------------------------------------------------------


FEEDER = "open_dss/uhs2_1247/uhs2_1247--udt9312"


def test_fuses_that_blow_in_a_solution(shared_data, tmp_path):
    """Two overloaded fuses of one feeder blow while OpenDSS solves: opening them here, the same 484 buses are dead."""
    source = shared_data / "smartds_greensboro" / "smartds_gso_urban_suburban_opendss.tar.gz"
    folder = tmp_path / "feeder"
    folder.mkdir()
    with tarfile.open(source) as tar:
        for member in tar:
            if member.name.startswith(f"{FEEDER}/") and member.isfile():
                content = tar.extractfile(member)
                assert content is not None
                (folder / Path(member.name).name).write_bytes(content.read())
    master = (folder / "Master.dss").read_text().replace("Buscoords Buscoords.dss", "")
    (folder / "Master.dss").write_text(master)
    network, _ = read_opendss(folder)
    theirs = {bus for bus, mask in solved(folder / "Master.dss").items() if not mask}
    assert network.normal_energized.all() and len(theirs) == 484
    twin = Twin(network)
    fuses = ("Line.fuse(r:udt3643-udt6157)u_83631", "Line.fuse(r:udt6252-udt8306)u_83844")
    twin.switch([Operation(fuse, True) for fuse in fuses])
    dead = network.nodes["mrid"][twin.current.energized == 0].tolist()
    assert {mrid.removeprefix("Bus.") for mrid in dead} == theirs
