"""The counters of several server processes on one port, told by whichever of them is asked."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import orjson

from web.metrics import Family

EVERY_S = 1.0
"""How old what one process knows of another may be."""
GONE_S = 10.0
"""A process that told nothing for so long is gone, or hangs."""


class Together:
    """A folder with a file for each process, by its number from 1."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self._folder = folder

    def tell(self, families: Sequence[Family]) -> None:
        """Puts down what this process counted."""
        path = self._folder / f"{self.number}.json"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(orjson.dumps([asdict(family) for family in families]))
        os.replace(unfinished, path)

    def others(self) -> list[Family]:
        """What the other processes put down last, each sample with its `worker`."""
        found: list[Family] = []
        for path in sorted(self._folder.glob("*.json")):
            if path.stem == str(self.number) or time.time() - path.stat().st_mtime > GONE_S:
                continue
            for told in orjson.loads(path.read_bytes()):
                samples = [(ending, labels, value) for ending, labels, value in told.pop("samples")]
                found.append(Family(**told, samples=samples).labelled({"worker": path.stem}))
        return found
