"""Where every stream ends, and who holds its lease: what tells whether something that was made from events is still right.

Reads rows, parses no body and loads no pydantic. One read transaction, so that all answers are of one moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rolloutctl.journal import leases, trouble
from rolloutctl.journal.streams import rollout_streams
from rolloutctl.journal.verify import open_reader
from rolloutctl.model.kinds import GENESIS, Kind
from rolloutctl.ports import Lease

_STREAMS = rollout_streams("events")
_LEASE_KINDS = (Kind.LEASE_TAKEN.value, Kind.LEASE_RELEASED.value)
_NEWEST = "SELECT seq FROM events WHERE stream = ? ORDER BY seq DESC LIMIT 1"
_NEWEST_TELLING = "SELECT seq FROM events WHERE stream = ? AND kind NOT IN (?, ?) ORDER BY seq DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class End:
    """Of one rollout's stream."""

    stream: str
    seq: int
    """The newest event."""
    telling: int
    """The newest one that changes what a fold says: a lease changes hands without changing the rollout."""
    lease: Lease | None


class Newest:
    """Answers of one moment; made by `looking`. Raises sqlite3.Error or JournalCorrupt, which `looking` turns into sentences."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def head(self) -> tuple[int, str]:
        row = self._db.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        return (int(row[0]), str(row[1])) if row is not None else (0, GENESIS)

    def ends(self) -> tuple[End, ...]:
        """Of every rollout, oldest first."""
        streams = [str(stream) for (stream,) in self._db.execute(_STREAMS)]
        return tuple(self._end(stream) for stream in streams)

    def hash_at(self, stream: str, seq: int) -> str | None:
        """None: the stream has no such event."""
        row = self._db.execute("SELECT hash FROM events WHERE seq = ? AND stream = ?", (seq, stream)).fetchone()
        return str(row[0]) if row is not None else None

    def _end(self, stream: str) -> End:
        (seq,) = self._db.execute(_NEWEST, (stream,)).fetchone()
        telling = self._db.execute(_NEWEST_TELLING, (stream, *_LEASE_KINDS)).fetchone()
        held = leases.find(self._db, stream)
        return End(stream, int(seq), int(telling[0]) if telling is not None else 0, held.lease if held is not None else None)


@contextmanager
def looking(path: Path) -> Iterator[Newest]:
    """Raises JournalUnreachable or JournalCorrupt."""
    with trouble.plainly(path), closing(open_reader(path)) as db:
        db.execute("BEGIN")
        yield Newest(db)
