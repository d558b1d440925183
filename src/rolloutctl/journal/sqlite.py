"""The journal in one SQLite file, shared by any number of processes on one machine.

Invariants: an event is durable when the method that wrote it returns (WAL, `synchronous=FULL`, one sync per event). `seq`
and `prev` are taken inside `BEGIN IMMEDIATE`, so the chain has no gap and no fork whoever writes. An effect is committed
only in the same transaction that saw its lease still standing. Bound to the thread that opened it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from rolloutctl.errors import JournalUnreachable
from rolloutctl.journal import blobs, files, leases, schema, trouble
from rolloutctl.journal.chain import COLUMNS, Chain, Row
from rolloutctl.journal.holding import claim
from rolloutctl.journal.moving import refuse_unless_empty
from rolloutctl.journal.news import SqliteNews
from rolloutctl.journal.rows import Draft, draft, event_of, name, refuse_effect, refuse_own, row_of, stream_name
from rolloutctl.journal.streams import rollout_streams, run_streams
from rolloutctl.journal.verify import open_reader, verify
from rolloutctl.model.events import Body, Event, LeaseReleased, LeaseTaken
from rolloutctl.model.kinds import GENESIS
from rolloutctl.ports import Author, Lease, Verified, Witness

_INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_STREAMS = rollout_streams("events")
_RUNS = run_streams("events")
_TOO_FAR = 2**62
"""No journal counts so far; a damaged one may say so."""


def open_sqlite(
    path: Path, mode: int, clock: Callable[[], datetime], *, read_only: bool = False, busy_s: float = 3.0
) -> SqliteJournal:
    """Open the journal at `path`, creating it with file mode `mode` unless it is there or `read_only`.

    `clock` gives the `at` of events, UTC; leases go by the database's clock. `busy_s` is how long to wait for another writer.
    Raises JournalUnreachable (not a plain file, no access, locked, newer version) or JournalCorrupt (damaged, not a database).
    """
    with trouble.plainly(path):
        if read_only:
            return SqliteJournal(open_reader(path, busy_s=busy_s), path, clock)
        if not files.exists(path):
            files.create(path, mode)
        files.check_writable(path)
        db = files.connect(path, "mode=rw", busy_s)
        try:
            schema.check(db, path)
            (journal_mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
            if journal_mode != "wal":
                raise JournalUnreachable(
                    f"the file system of {path} cannot share a journal between processes (SQLite's WAL mode is not possible).",
                    remedy="Point `journal` in the config at a file on a local disk.",
                )
            db.execute("PRAGMA synchronous = FULL")
            files.set_mode(path, mode)
        except BaseException:
            db.close()
            raise
        return SqliteJournal(db, path, clock)


class SqliteJournal:
    """`ports.Journal` on SQLite; made by `open_sqlite`."""

    def __init__(self, db: sqlite3.Connection, path: Path, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._path = path
        self._clock = clock
        self._identity = files.identity(path)

    def append(self, stream: str, body: Body, author: Author) -> Event:
        """Raises TypeError for an effect, and for lease events: those come from taking and releasing alone."""
        refuse_effect(body)
        refuse_own(body)
        ready = draft(stream, 0, body, author)
        with self._transaction():
            return self._insert(ready)

    def append_held(self, lease: Lease, body: Body, author: Author, contents: Sequence[bytes] = ()) -> Event:
        """Raises LeaseLost when somebody else took the lease or it was released; one that merely expired is renewed."""
        refuse_own(body)
        ready = draft(lease.stream, lease.epoch, body, author)
        packed = [blobs.ready(content) for content in contents]
        with self._transaction():
            leases.imply_renewal(self._db, leases.check(self._db, lease))
            for blob in packed:
                blobs.keep(self._db, blob)
            return self._insert(ready)

    def read(self, stream: str | None = None, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        where, values = ("", ()) if stream is None else (" AND stream = ?", (stream_name(stream),))
        sql = f"SELECT {COLUMNS} FROM events WHERE seq > ?{where} ORDER BY seq LIMIT ?"  # noqa: S608
        with trouble.plainly(self._path):
            rows = self._db.execute(sql, (after, *values, -1 if limit is None else max(0, limit))).fetchall()
        return [event_of(row) for row in rows]

    def streams(self) -> Sequence[str]:
        with trouble.plainly(self._path):
            return [stream for (stream,) in self._db.execute(_STREAMS)]

    def runs(self) -> Sequence[str]:
        with trouble.plainly(self._path):
            return [stream for (stream,) in self._db.execute(_RUNS)]

    def head(self) -> tuple[int, str]:
        with trouble.plainly(self._path):
            row = self._db.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        if row is None:
            return 0, GENESIS
        seq, digest = row
        if type(seq) is not int or not 0 < seq < _TOO_FAR or type(digest) is not str:
            raise trouble.corrupt(self._path, f"its newest event, {seq!r}, has no number or no hash")
        return seq, digest

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        (usual,) = self._db.execute("PRAGMA busy_timeout").fetchone()
        self._db.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
        try:
            yield
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {usual}")

    def take_lease(self, stream: str, holder: str, ttl_s: float, author: Author, *, force: bool) -> Lease | None:
        """Whoever holds it already keeps the epoch and only renews; nothing is journalled then."""
        stream, holder = stream_name(stream), name(holder)
        with self._transaction():
            held = leases.find(self._db, stream)
            got = claim(held, holder, force=force)
            if got is None:
                return None
            if got.epoch is not None:
                return leases.grant(self._db, stream, holder, got.epoch, ttl_s)
            epoch = leases.next_epoch(self._db, stream, held)
            lease = leases.grant(self._db, stream, holder, epoch, ttl_s)
            taken = LeaseTaken(holder=holder, pid=os.getpid(), takeover_of=got.takeover_of)
            self._insert(draft(stream, epoch, taken, author))
            return lease

    def renew_leases(self, held: Sequence[Lease], ttl_s: float) -> Sequence[Lease | None]:
        """One transaction, so one sync of the disk, for all of them."""
        with self._transaction():
            return [leases.renew(self._db, lease, ttl_s) for lease in held]

    def release_lease(self, lease: Lease, author: Author, why: str) -> None:
        """Nothing happens when it is somebody else's or released already: there is nothing left to give back."""
        with self._transaction():
            held = leases.find(self._db, lease.stream)
            if held is None or not held.stands(lease):
                return
            leases.release(self._db, lease)
            self._insert(draft(lease.stream, lease.epoch, LeaseReleased(holder=lease.holder, why=why), author))

    def lease(self, stream: str) -> Lease | None:
        """The newest lease, expired or released ones too: `expires_in_s` tells."""
        with trouble.plainly(self._path):
            held = leases.find(self._db, stream_name(stream))
        return held.lease if held else None

    def put_blob(self, content: bytes) -> str:
        digest = blobs.digest_of(content)
        with trouble.plainly(self._path):
            if blobs.has(self._db, digest):
                return digest
        blob = blobs.ready(content)
        with self._transaction():
            blobs.keep(self._db, blob)
        return digest

    def get_blob(self, digest: str) -> bytes:
        with trouble.plainly(self._path):
            return blobs.load(self._db, digest)

    def verify(self, witnesses: Sequence[Witness] = ()) -> Verified:
        """Holds this connection's thread for as long as it takes: `verify.verify_file` does the same on its own connection."""
        with trouble.plainly(self._path):
            return verify(self._db, witnesses)

    def raw(self) -> Iterator[Row]:
        with trouble.plainly(self._path):
            yield from self._db.execute(f"SELECT {COLUMNS} FROM events ORDER BY seq")  # noqa: S608

    def raw_blobs(self) -> Iterator[tuple[str, bytes]]:
        with trouble.plainly(self._path):
            digests = [digest for (digest,) in self._db.execute("SELECT digest FROM blobs ORDER BY digest")]
        for digest in digests:
            yield digest, self.get_blob(digest)

    def adopt(self, rows: Iterable[Row], contents: Iterable[bytes], chain: Chain) -> None:
        """Raises Refused where there are events already."""
        with self._transaction():
            refuse_unless_empty(self)
            for content in contents:
                blobs.keep(self._db, blobs.ready(content))
            self._db.executemany(_INSERT, rows)
            for stream, lease in chain.leases.items():
                leases.restore(self._db, stream, lease.holder, lease.epoch, released=lease.released)

    def news(self) -> SqliteNews:
        return SqliteNews(self._path)

    def close(self) -> None:
        self._db.close()

    def _insert(self, ready: Draft) -> Event:
        seq, digest = self.head()
        event = ready.place(seq + 1, self._clock(), digest)
        self._db.execute(_INSERT, row_of(event))
        return event

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if files.identity(self._path) != self._identity:
            raise JournalUnreachable(
                f"the journal {self._path} was removed, moved or replaced while it was in use; nothing more is written to it.",
                remedy=f"Put the file back and start again. {trouble.STILL_SAFE}",
            )
        with trouble.plainly(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    with suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")
                raise
