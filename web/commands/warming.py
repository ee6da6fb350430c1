"""`gridtwin warm-up`."""

from __future__ import annotations

from loaders.generate import generate
from topology import jit
from twin.engine import Twin
from twin.events import Operation
from web import console
from web.live_tiles import LiveTiles

METERS = 300


def warm_up() -> None:
    """Compile everything ahead, into Numba's cache (NUMBA_CACHE_DIR), so that a server starts in seconds.

    What was compiled serves as long as the code, Numba's version and the processor's kind stay the same; with
    NUMBA_CPU_NAME=generic any processor of this architecture.
    """
    with console.progress("compiling") as step:
        step("kernels")
        jit.warm_up()
        step("a made-up network")
        network, _ = generate(METERS)
        with Twin(network) as twin:
            LiveTiles(twin, 0).warm_up()
            twin.switch([Operation(network.tables["switches"]["mrid"][0], open=True)], note="warm-up")
