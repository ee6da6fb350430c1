"""OpenDSS classes and commands: their names, their properties in order, and abbreviations of both.

The order decides: a value without a name belongs to the property after the one before it, and an abbreviation means
the first name that begins with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

_END = "basefreq enabled like"
_RATED = f"normamps emergamps faultrate pctperm repair {_END}"

_PROPERTIES = {
    "Line": "bus1 bus2 linecode length phases r1 x1 r0 x0 c1 c0 rmatrix xmatrix cmatrix switch rg xg rho geometry "
    f"units spacing wires earthmodel cncables tscables b1 b0 seasons ratings linetype {_RATED}",
    "LineCode": "nphases r1 x1 r0 x0 c1 c0 units rmatrix xmatrix cmatrix basefreq normamps emergamps faultrate "
    "pctperm repair kron rg xg rho neutral b1 b0 seasons ratings linetype like",
    "LineGeometry": "nconds nphases cond wire x h units normamps emergamps reduce spacing wires cncable tscable "
    "cncables tscables seasons ratings linetype like",
    "XfmrCode": "phases windings wdg conn kv kva tap %r rneut xneut conns kvs kvas taps xhl xht xlt xscarray thermal "
    "n m flrise hsrise %loadloss %noloadloss normhkva emerghkva maxtap mintap numtaps %imag ppm_antifloat %rs x12 x13 "
    "x23 rdcohms seasons ratings like",
    "Transformer": "phases windings wdg bus conn kv kva tap %r rneut xneut buses conns kvs kvas taps xhl xht xlt "
    "xscarray thermal n m flrise hsrise %loadloss %noloadloss normhkva emerghkva sub maxtap mintap numtaps subname "
    "%imag ppm_antifloat %rs bank xfmrcode xrconst x12 x13 x23 leadlag wdgcurrents core rdcohms seasons ratings "
    f"{_RATED}",
    "AutoTrans": "phases windings wdg bus conn kv kva tap %r rdcohms core buses conns kvs kvas taps xhx xht xxt "
    "xscarray thermal n m flrise hsrise %loadloss %noloadloss normhkva emerghkva sub maxtap mintap numtaps subname "
    f"%imag ppm_antifloat %rs bank xrconst leadlag wdgcurrents {_RATED}",
    "Load": "phases bus1 kv kw pf model yearly daily duty growth conn kvar rneut xneut status class vminpu vmaxpu "
    "vminnorm vminemerg xfkva allocationfactor kva %mean %stddev cvrwatts cvrvars kwh kwhdays cfactor cvrcurve "
    f"numcust zipv %seriesrl relweight vlowpu puxharm xrharm spectrum {_END}",
    "Capacitor": f"bus1 bus2 phases kvar kv conn cmatrix cuf r xl harm numsteps states {_RATED}",
    "Reactor": f"bus1 bus2 phases kvar kv conn rmatrix xmatrix parallel r x rp z1 z2 z0 z rcurve lcurve lmh {_RATED}",
    "Vsource": "bus1 basekv pu angle frequency phases mvasc3 mvasc1 x1r1 x0r0 isc3 isc1 r1 x1 r0 x0 scantype sequence "
    f"bus2 z1 z0 z2 puz1 puz0 puz2 basemva yearly daily duty model puzideal spectrum {_END}",
    "Fuse": "monitoredobj monitoredterm switchedobj switchedterm fusecurve ratedcurrent delay action normal state "
    f"{_END}",
    "Recloser": "monitoredobj monitoredterm switchedobj switchedterm numfast phasefast phasedelayed groundfast "
    "grounddelayed phasetrip groundtrip phaseinst groundinst reset shots recloseintervals delay action tdphfast "
    f"tdgrfast tdphdelayed tdgrdelayed normal state {_END}",
    "Relay": "monitoredobj monitoredterm switchedobj switchedterm type phasecurve groundcurve phasetrip groundtrip "
    "tdphase tdground phaseinst groundinst reset shots recloseintervals delay overvoltcurve undervoltcurve kvbase "
    "47%pickup 46baseamps 46%pickup 46isqt variable overtrip undertrip breakertime action z1mag z1ang z0mag z0ang "
    "mphase mground eventlog debugtrace distreverse normal state doc_tiltanglelow doc_tiltanglehigh "
    "doc_tripsettinglow doc_tripsettinghigh doc_tripsettingmag doc_delayinner doc_phasecurveinner doc_phasetripinner "
    f"doc_tdphaseinner doc_p1blocking {_END}",
    "SwtControl": f"switchedobj switchedterm action lock delay normal state reset {_END}",
    "EnergyMeter": "element terminal action option kvanormal kvaemerg peakcurrent zonelist "
    f"localonly mask losses linelosses xfmrlosses seqlosses 3phaselosses vbaselosses phasevoltagereport {_END}",
}

_OTHER_NAMES = (
    "LoadShape TShape PriceShape XYcurve GrowthShape TCC_Curve Spectrum WireData CNData TSData LineSpacing Isource "
    "VCCS RegControl CapControl Fault DynamicExp Generator GenDispatcher Storage StorageController PVSystem UPFC "
    "UPFCControl ESPVLControl IndMach012 GICsource InvControl ExpControl GICLine GICTransformer VSConverter Monitor "
    "Sensor WindGen Generic5 FMonitor Feeder"
)
"""Classes that exist, and of which nothing is read but the name."""

_USED = {
    "Line": "bus1 bus2 linecode length phases switch geometry units normamps",
    "LineCode": "nphases units normamps",
    "LineGeometry": "nphases normamps",
    "Load": "phases bus1 kw pf conn kvar numcust",
    "Capacitor": "bus1 bus2 phases",
    "Reactor": "bus1 bus2 phases normamps",
    "Vsource": "bus1 basekv phases",
    "Fuse": "monitoredobj monitoredterm switchedobj switchedterm normal state action ratedcurrent",
    "Recloser": "monitoredobj monitoredterm switchedobj switchedterm normal state action",
    "Relay": "monitoredobj monitoredterm switchedobj switchedterm normal state action",
    "SwtControl": "switchedobj switchedterm normal state action lock",
    "EnergyMeter": "element terminal",
} | dict.fromkeys(
    ("Transformer", "AutoTrans", "XfmrCode"),
    "phases windings wdg bus conn kv kva buses conns kvs kvas sub subname xfmrcode",
)

WOUND = ("Transformer", "AutoTrans", "XfmrCode")
"""Classes whose `bus`, `conn`, `kv` and `kva` are of the winding that `wdg` chose."""

CONTROLS = ("Fuse", "Recloser", "Relay", "SwtControl")
"""Classes that open and close another element."""


def abbreviated(word: str, names: Sequence[str]) -> str | None:
    """The name that this is, or the first that begins with it; None where there is none. All in lower case."""
    if word in names:
        return word
    return next((name for name in names if name.startswith(word)), None) if word else None


@dataclass(slots=True)
class DssClass:
    """A class that is read, and what its properties are called."""

    name: str
    properties: tuple[str, ...]
    used: frozenset[str]
    position: dict[str, int]
    _known: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str) -> DssClass:
        properties = tuple(_PROPERTIES[name].split())
        used = frozenset(_USED[name].split()) | {"enabled", "like"}
        return cls(name, properties, used, {each: at for at, each in enumerate(properties)})

    def property(self, word: str) -> str | None:
        """The property that a word of a script means; None for none."""
        try:
            return self._known[word]
        except KeyError:
            self._known[word] = found = abbreviated(word.lower(), self.properties)
            return found


CLASSES = {name.lower(): DssClass.of(name) for name in _PROPERTIES}
OTHER_CLASSES = {name.lower(): name for name in _OTHER_NAMES.split()}
_CLASS_NAMES = (*CLASSES, *OTHER_CLASSES, "circuit")


def class_name(word: str) -> str | None:
    """A class in lower case, from its name or from a beginning that no other class has; None for none."""
    word = word.lower()
    if word in _CLASS_NAMES:
        return word
    found = [name for name in _CLASS_NAMES if word and name.startswith(word)]
    return found[0] if len(found) == 1 else None


_COMMAND_NAMES = (
    "new edit more m select save show solve enable disable plot reset compile set dump open close redirect help quit ? "
    "next panel sample clear about calcvoltagebases setkvbase buildy get init export fileedit voltages currents powers "
    "seqvoltages seqcurrents seqpowers losses phaselosses cktlosses allocateloads formedit totals capacity classes "
    "userclasses zsc zsc10 zscrefresh ysc puvoltages varvalues varnames buscoords makebuslist makeposseq reduce "
    "interpolate alignfile top rotate vdiff summary distribute di_plot comparecases yearlycurves cd visualize closedi "
    "doscmd estimate reconductor _initsnap _solvenocontrol _samplecontrols _docontrolactions _showcontrolqueue "
    "_solvedirect _solvepflow addbusmarker uuids setloadandgenkv cvrtloadshapes nodediff rephase setbusxy "
    "updatestorage obfuscate latlongcoords batchedit pstcalc variable reprocessbuses clearbusmarkers relcalc var "
    "cleanup finishtimestep nodelist newactor clearall wait solveall calcincmatrix calcincmatrix_o tear_circuit "
    "connect disconnect refine_buslevels remove abort calclaplacian clone fncspublish exportoverloads "
    "exportvviolations zsc012 aggregateprofiles allpceatbus allpdeatbus totalpowers comhelp gis"
)
COMMANDS = tuple(_COMMAND_NAMES.split())
"""In the order in which an abbreviation is looked for."""
