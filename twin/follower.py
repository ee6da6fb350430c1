"""Keeps a twin caught up with a store that others write to, for as long as it is served."""

from __future__ import annotations

import threading

from twin.engine import Twin
from twin.store import StoreError

WAIT_S = 0.5
"""How long the store is waited for at a time, and so what stopping may take."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
"""After a failure, each pause twice the one before."""
TROUBLES = (StoreError, LookupError, ValueError)
"""A store that is away, or a log that this version cannot read or apply; nothing that is tried again later is lost."""


class Follower:
    """A thread that waits for the store and applies what others added; it survives a store that is away."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._stopped = threading.Event()
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)

    def start(self) -> None:
        """Begins to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Ends following, in a moment; the store may be closed afterwards."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def trouble(self) -> Exception | None:
        """Why the twin may be behind; None while all is well."""
        return self._trouble

    def _follow(self) -> None:
        pause_s = FIRST_PAUSE_S
        behind = True
        while not self._stopped.is_set():
            try:
                behind = self._twin.store.wait(WAIT_S) or behind
                if behind:
                    self._twin.catch_up()
                    behind = False
                self._trouble, pause_s = None, FIRST_PAUSE_S
            except TROUBLES as error:
                self._trouble, behind = error, True
                self._stopped.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
