"""Snapshots from the engine's thread to the screen: newest wins, and the engine never waits.

`_arrived` runs on the engine's thread; it stores and knocks, nothing else. However many snapshots come, at most one
knock is outstanding.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from rolloutctl.engine.view.handle import EngineHandle
from rolloutctl.engine.view.snapshot import FleetSnapshot
from rolloutctl.errors import Failed


class Feed:
    def __init__(self, engine: EngineHandle, knock: Callable[[], None]) -> None:
        self._engine = engine
        self._knock = knock
        self._lock = threading.Lock()
        self._newest: FleetSnapshot | None = None
        self._knocked = False
        self._stop: Callable[[], None] | None = None

    def start(self) -> FleetSnapshot | None:
        """Subscribe; returns what is known already, None while the engine has not started."""
        self._stop = self._engine.subscribe(self._arrived)
        with suppress(Failed):
            return self._engine.snapshot()
        return None

    def stop(self) -> None:
        if self._stop is not None:
            self._stop()
            self._stop = None

    def take(self) -> FleetSnapshot | None:
        """The newest one since the last time, on the screen's thread."""
        with self._lock:
            newest, self._newest, self._knocked = self._newest, None, False
        return newest

    def _arrived(self, snapshot: FleetSnapshot) -> None:
        with self._lock:
            self._newest = snapshot
            if self._knocked:
                return
            self._knocked = True
        self._knock()
