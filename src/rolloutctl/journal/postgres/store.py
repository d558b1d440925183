"""`ports.Journal` on PostgreSQL, shared by processes on any number of machines.

Invariants: an event is durable when the method that wrote it returns. `seq` and `prev` are taken under one advisory lock, so
the chain has no gap and no fork whoever writes. An effect is committed only in the same transaction that saw its lease still
standing. Bound to the thread that opened it; a connection that was lost is made again at the next call.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TypeVar, cast

import psycopg
from psycopg import Connection

from rolloutctl.errors import JournalCorrupt, JournalUnreachable
from rolloutctl.journal.blobs import digest_of, not_its_digest, not_there, ready, unpack
from rolloutctl.journal.chain import COLUMNS, Chain, Row
from rolloutctl.journal.holding import claim
from rolloutctl.journal.moving import refuse_unless_empty
from rolloutctl.journal.postgres import leases, schema
from rolloutctl.journal.postgres.link import Link, refuse_inline_password
from rolloutctl.journal.postgres.news import PostgresNews
from rolloutctl.journal.postgres.schema import SCHEMA
from rolloutctl.journal.postgres.trouble import LostError
from rolloutctl.journal.postgres.verify import verify
from rolloutctl.journal.rows import Draft, draft, event_of, name, refuse_effect, refuse_own, row_of, stream_name
from rolloutctl.journal.streams import rollout_streams, run_streams
from rolloutctl.journal.trouble import STILL_SAFE
from rolloutctl.model.events import Body, Event, LeaseReleased, LeaseTaken
from rolloutctl.model.kinds import GENESIS
from rolloutctl.ports import Author, Lease, Verified, Witness

T = TypeVar("T")
_INSERT = f"INSERT INTO {SCHEMA}.events ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_KEEP = f"INSERT INTO {SCHEMA}.blobs (digest, size, content) VALUES (%s, %s, %s) ON CONFLICT (digest) DO NOTHING"
_HEAD = f"SELECT seq, hash FROM {SCHEMA}.events ORDER BY seq DESC LIMIT 1"
_STREAMS = rollout_streams(f"{SCHEMA}.events")
_RUNS = run_streams(f"{SCHEMA}.events")


def open_postgres(
    url: str, clock: Callable[[], datetime], *, password: str = "", read_only: bool = False, busy_s: float = 3.0
) -> PostgresJournal:
    """Open the journal in a database (`postgresql://HOST/DATABASE`), creating its schema unless it is there or `read_only`.

    `clock` gives the `at` of events, UTC; leases go by the database's clock. `busy_s` is how long to wait for another writer.
    Raises JournalUnreachable (no server, no login, locked, newer version) or JournalCorrupt (parts of it are missing).
    """
    refuse_inline_password(url)
    link = Link(url, password, busy_s=busy_s, read_only=read_only)
    try:
        with link.reading() as db:
            there = schema.exists(db)
        if not there:
            _create(link, read_only=read_only)
        with link.reading() as db:
            schema.check(db, link.where)
    except BaseException:
        link.drop()
        raise
    return PostgresJournal(link, clock)


def _create(link: Link, *, read_only: bool) -> None:
    if read_only:
        raise JournalUnreachable(
            f"{link.where} is not there: the database has no schema {SCHEMA}.", remedy="Look whether `journal.url` is right."
        )
    try:
        with link.writing() as db:
            if not schema.exists(db):  # another process may have been quicker
                schema.create(db)
    except LostError as error:
        raise JournalUnreachable(f"{link.where} went away while it was set up: {error}", remedy="Try again.") from error


class PostgresJournal:
    """Made by `open_postgres`."""

    def __init__(self, link: Link, clock: Callable[[], datetime]) -> None:
        self._link = link
        self._clock = clock

    def append(self, stream: str, body: Body, author: Author) -> Event:
        """Raises TypeError for an effect, and for lease events: those come from taking and releasing alone."""
        refuse_effect(body)
        refuse_own(body)
        ready = draft(stream, 0, body, author)
        return self._append(lambda _: ready)

    def append_held(self, lease: Lease, body: Body, author: Author, contents: Sequence[bytes] = ()) -> Event:
        """Raises LeaseLost when somebody else took the lease or it was released; one that merely expired is renewed."""
        refuse_own(body)
        draft_ = draft(lease.stream, lease.epoch, body, author)
        packed = [ready(content) for content in contents]

        def fenced(db: Connection) -> Draft:
            leases.imply_renewal(db, leases.check(db, lease))
            for blob in packed:
                db.execute(_KEEP, (blob.digest, blob.size, blob.packed))
            return draft_

        return self._append(fenced)

    def read(self, stream: str | None = None, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        where, values = ("", ()) if stream is None else (" AND stream = %s", (stream_name(stream),))
        sql = f"SELECT {COLUMNS} FROM {SCHEMA}.events WHERE seq > %s{where} ORDER BY seq LIMIT %s"
        with self._link.reading() as db:
            rows = db.execute(sql, (after, *values, None if limit is None else max(0, limit))).fetchall()
        return [event_of(row) for row in rows]

    def streams(self) -> Sequence[str]:
        with self._link.reading() as db:
            return [stream for (stream,) in db.execute(_STREAMS)]

    def runs(self) -> Sequence[str]:
        with self._link.reading() as db:
            return [stream for (stream,) in db.execute(_RUNS)]

    def patience(self, seconds: float) -> AbstractContextManager[None]:
        return self._link.patience(seconds)

    def head(self) -> tuple[int, str]:
        with self._link.reading() as db:
            return _head(db)

    def take_lease(self, stream: str, holder: str, ttl_s: float, author: Author, *, force: bool) -> Lease | None:
        """Whoever holds it already keeps the epoch and only renews; nothing is journalled then."""
        stream, holder = stream_name(stream), name(holder)

        def take(db: Connection) -> Lease | None:
            held = leases.find(db, stream)
            got = claim(held, holder, force=force)
            if got is None:
                return None
            if got.epoch is not None:
                return leases.grant(db, stream, holder, got.epoch, ttl_s)
            epoch = leases.next_epoch(db, stream, held)
            lease = leases.grant(db, stream, holder, epoch, ttl_s)
            taken = LeaseTaken(holder=holder, pid=os.getpid(), takeover_of=got.takeover_of)
            self._insert(db, draft(stream, epoch, taken, author))
            return lease

        return self._write(take)

    def renew_leases(self, held: Sequence[Lease], ttl_s: float) -> Sequence[Lease | None]:
        return self._write(lambda db: [leases.renew(db, lease, ttl_s) for lease in held])

    def release_lease(self, lease: Lease, author: Author, why: str) -> None:
        """Nothing happens when it is somebody else's or released already: there is nothing left to give back."""

        def release(db: Connection) -> None:
            held = leases.find(db, lease.stream)
            if held is None or not held.stands(lease):
                return
            leases.release(db, lease)
            self._insert(db, draft(lease.stream, lease.epoch, LeaseReleased(holder=lease.holder, why=why), author))

        self._write(release)

    def lease(self, stream: str) -> Lease | None:
        """The newest lease, expired or released ones too: `expires_in_s` tells."""
        with self._link.reading() as db:
            held = leases.find(db, stream_name(stream))
        return held.lease if held else None

    def put_blob(self, content: bytes) -> str:
        blob = ready(content)
        self._write(lambda db: db.execute(_KEEP, (blob.digest, blob.size, blob.packed)))
        return blob.digest

    def get_blob(self, digest: str) -> bytes:
        with self._link.reading() as db:
            row = db.execute(f"SELECT size, content FROM {SCHEMA}.blobs WHERE digest = %s", (digest,)).fetchone()
        if row is None:
            raise not_there(digest)
        content = unpack(row[0], bytes(row[1]))
        if content is None or digest_of(content) != digest:
            raise not_its_digest(digest)
        return content

    def verify(self, witnesses: Sequence[Witness] = ()) -> Verified:
        """Holds this connection's thread for as long as it takes."""
        with self._link.reading() as db:
            return verify(db, witnesses)

    def raw(self) -> Iterator[Row]:
        with self._link.reading() as db, db.transaction():
            db.execute("SET LOCAL statement_timeout = 0")
            with psycopg.ServerCursor(db, "raw") as cursor:
                cursor.execute(f"SELECT {COLUMNS} FROM {SCHEMA}.events ORDER BY seq")
                yield from cast("Iterator[Row]", cursor)

    def raw_blobs(self) -> Iterator[tuple[str, bytes]]:
        with self._link.reading() as db:
            digests = [digest for (digest,) in db.execute(f"SELECT digest FROM {SCHEMA}.blobs ORDER BY digest")]
        for digest in digests:
            yield digest, self.get_blob(digest)

    def adopt(self, rows: Iterable[Row], contents: Iterable[bytes], chain: Chain) -> None:
        """Raises Refused where there are events already."""

        def fill(db: Connection) -> None:
            refuse_unless_empty(self)
            db.execute("SET LOCAL statement_timeout = 0")
            with db.cursor() as cursor:
                cursor.executemany(_KEEP, [(each.digest, each.size, each.packed) for each in map(ready, contents)])
                cursor.executemany(_INSERT, rows)
            for stream, lease in chain.leases.items():
                leases.restore(db, stream, lease.holder, lease.epoch, released=lease.released)

        self._write(fill)

    def news(self) -> PostgresNews:
        return PostgresNews(self._link.options())

    def close(self) -> None:
        self._link.drop()

    def _append(self, ready: Callable[[Connection], Draft]) -> Event:
        """One event. A commit without an answer is looked up: an event has landed exactly if its hash is in its place."""
        placed: list[Event] = []
        try:
            with self._link.writing() as db:
                placed.append(self._insert(db, ready(db)))
        except LostError as error:
            return self._settled(placed[-1], error)
        return placed[-1]

    def _settled(self, event: Event, error: LostError) -> Event:
        unknown = JournalUnreachable(
            f"{self._link.where} went away while event {event.seq} was committed; whether it was recorded is not known: {error}",
            remedy=f"It shows when the journal is back. {STILL_SAFE}",
        )
        found: tuple[str] | None = None
        try:
            # Under the writers' lock: the server ends the lost transaction before anybody else gets it.
            with self._link.writing() as db:
                found = db.execute(f"SELECT hash FROM {SCHEMA}.events WHERE seq = %s", (event.seq,)).fetchone()
        except (LostError, JournalUnreachable):
            raise unknown from error
        if found is None or found[0] != event.hash:
            raise JournalUnreachable(f"{self._link.where} went away; event {event.seq} was not recorded.", remedy=STILL_SAFE)
        return event

    def _write(self, work: Callable[[Connection], T]) -> T:
        """What may be done twice: a commit without an answer is an error, and doing it again is safe."""
        try:
            with self._link.writing() as db:
                return work(db)
        except LostError as error:
            raise JournalUnreachable(f"{self._link.where} went away: {error}", remedy=STILL_SAFE) from error

    def _insert(self, db: Connection, ready: Draft) -> Event:
        seq, digest = _head(db)
        event = ready.place(seq + 1, self._clock(), digest)
        db.execute(_INSERT, row_of(event))
        return event


def _head(db: Connection) -> tuple[int, str]:
    row = db.execute(_HEAD).fetchone()
    if row is None:
        return 0, GENESIS
    seq, digest = row
    if type(seq) is not int or type(digest) is not str:
        raise JournalCorrupt(
            f"the newest event of the journal, {seq!r}, has no number or no hash.", remedy="Run `rolloutctl journal verify`."
        )
    return seq, digest
