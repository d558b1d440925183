"""Whether a SQLite journal may hold something new, asked of SQLite itself: `PRAGMA data_version` on a connection of its own.

That is one look at the index of the WAL, no query. It also moves when a lease was renewed: "may be new" promises no event.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from threading import Event as Signal

from rolloutctl.errors import RolloutctlError
from rolloutctl.journal.verify import open_reader

_LOOK_S = 0.2
_SLOWLY_S = 1.0
"""Between two looks at a file that cannot be opened."""


class SqliteNews:
    """`ports.News`; made by `SqliteJournal.news`. Opens its connection with the first wait."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._seen = -1
        self._woken = Signal()

    def wait(self, at_most_s: float) -> bool:
        end = time.monotonic() + at_most_s
        while True:
            newest = self._version()
            if newest is None or newest != self._seen:
                self._seen = newest if newest is not None else -1
                if newest is None:
                    self._woken.wait(min(_SLOWLY_S, at_most_s))
                return True
            left = end - time.monotonic()
            if left <= 0 or self._woken.wait(min(_LOOK_S, left)):
                self._woken.clear()
                return False

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = None

    def _version(self) -> int | None:
        """None: the file cannot be looked at."""
        try:
            if self._db is None:
                self._db = open_reader(self._path)
                self._seen = -1
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
        except (sqlite3.Error, RolloutctlError):
            self.close()
            return None
        return int(version)
