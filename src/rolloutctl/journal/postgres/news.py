"""Whether a journal in PostgreSQL may hold something new: LISTEN on a connection of its own, which is told of every event.

Invariants: while it listens the database is asked nothing. A connection that is lost is made again, ever more slowly; until
then, and once when it is back, every wait ends with "may be new", so that whoever waits looks for themselves.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress
from threading import Lock

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from rolloutctl.journal.postgres.schema import CHANNEL

_AGAIN_S = 0.25
_SLOWEST_S = 2.0
_Options = dict[str, str | int | None]


class PostgresNews:
    """`ports.News`; made by `PostgresJournal.news`. Connects with the first wait."""

    def __init__(self, options: _Options) -> None:
        """`options` are those of libpq, the password among them."""
        self._options = options | {"application_name": "rolloutctl news"}
        self._db: Connection | None = None
        self._pause_s = _AGAIN_S
        self._ends = Lock()
        self._waker: int | None
        """None: closed, and the number may be another file's by now."""
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)

    def wait(self, at_most_s: float) -> bool:
        if self._db is None:
            if not self._listen():
                self._sleep(min(self._pause_s, at_most_s))
                self._pause_s = min(self._pause_s * 2, _SLOWEST_S)
            return True
        try:
            if not self._readable(self._db.fileno(), at_most_s):
                return False
            return CHANNEL in {notice.channel for notice in self._db.notifies(timeout=0)}
        except (psycopg.Error, OSError):
            self._drop()
            return True

    def wake(self) -> None:
        with self._ends:
            if self._waker is not None:
                with suppress(BlockingIOError):
                    os.write(self._waker, b"!")

    def close(self) -> None:
        self._drop()
        with self._ends:
            if self._waker is not None:
                os.close(self._waker)
                os.close(self._woken)
            self._waker = None

    def _listen(self) -> bool:
        try:
            db = psycopg.connect(make_conninfo("", **self._options), autocommit=True, prepare_threshold=None)
        except psycopg.Error:
            return False
        try:
            db.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error:
            db.close()
            return False
        self._db, self._pause_s = db, _AGAIN_S
        return True

    def _readable(self, socket: int, seconds: float) -> bool:
        """False: the time is over, or it was woken."""
        poll = select.poll()
        poll.register(socket, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        ready = {which for which, _ in poll.poll(max(0, int(seconds * 1000)))}
        self._hear(ready)
        return socket in ready

    def _sleep(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        self._hear({which for which, _ in poll.poll(max(0, int(seconds * 1000)))})

    def _hear(self, ready: set[int]) -> None:
        if self._woken in ready:
            with suppress(BlockingIOError):
                os.read(self._woken, 4096)

    def _drop(self) -> None:
        if self._db is not None:
            with suppress(psycopg.Error):
                self._db.close()
        self._db = None
