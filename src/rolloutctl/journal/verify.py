"""Check a whole journal offline: chain, fencing, blobs, lease table, schema and the database file itself.

Invariant: reads only, in one transaction, so that appends of other processes neither wait nor show up half-way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from rolloutctl.errors import JournalCorrupt, JournalUnreachable
from rolloutctl.journal import blobs, files, leases, schema, trouble
from rolloutctl.journal.chain import COLUMNS, Chain, Findings, Row, check_chain
from rolloutctl.journal.claims import claims
from rolloutctl.journal.lease_table import LeaseRow, check_leases
from rolloutctl.ports import Verified, Witness


def verify_file(path: Path, witnesses: Sequence[Witness] = ()) -> Verified:
    """Check a journal or a copy of one, also on a read-only medium, without changing it.

    SQLite may leave an empty -wal and a -shm beside the file; the next writer takes them away.
    Raises JournalUnreachable or JournalCorrupt where there is no journal to check.
    """
    with trouble.plainly(path), closing(open_reader(path, immutable_if_needed=True)) as db:
        return verify(db, witnesses)


def open_reader(path: Path, *, immutable_if_needed: bool = False, busy_s: float = 3.0) -> sqlite3.Connection:
    """A read-only connection to a journal of this version.

    SQLite wants a -shm file beside a database in WAL mode. Where none can be made, a copy at rest may still be read as
    `immutable`; a journal in use must not be, so this is only done where asked for. Raises sqlite3.Error too.
    """
    if not files.exists(path):
        raise JournalUnreachable(
            f"there is no journal at {path}.", remedy="Look whether `journal` in the config names the right file."
        )
    try:
        return _reader(path, "mode=ro", busy_s)
    except sqlite3.OperationalError as error:
        wal = path.with_name(path.name + "-wal")
        at_rest = not wal.exists() or wal.stat().st_size == 0
        if not (immutable_if_needed and at_rest and trouble.code_of(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}):
            raise
    return _reader(path, "mode=ro&immutable=1", busy_s)


def verify(db: sqlite3.Connection, witnesses: Sequence[Witness] = ()) -> Verified:
    """Everything the claims say, in one read transaction. Raises sqlite3.Error only where no transaction can begin."""
    findings = Findings()
    db.execute("BEGIN")
    try:
        chain = Chain()
        for check in (_check_schema, _check_database):
            _guarded(findings, lambda check=check: check(db, findings))  # type: ignore[misc]

        def walk() -> None:
            nonlocal chain
            chain = check_chain(_rows(db), findings, witnesses)

        _guarded(findings, walk)
        _guarded(findings, lambda: _check_blobs(db, chain, findings))
        _guarded(findings, lambda: _check_leases(db, chain, findings))
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
    return Verified(chain.events, chain.head_seq, chain.head_hash, findings.all(), claims(witnesses), chain.vouched)


def _guarded(findings: Findings, check: Callable[[], None]) -> None:
    """A damaged page ends one check, and is itself a finding."""
    try:
        check()
    except sqlite3.ProgrammingError:
        raise
    except (sqlite3.Error, UnicodeDecodeError) as error:
        findings.add(0, f"the database is damaged and cannot be read to its end: {error}")


def _reader(path: Path, options: str, busy_s: float) -> sqlite3.Connection:
    db = files.connect(path, options, busy_s)
    try:
        db.execute("PRAGMA query_only = ON")
        schema.check(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _rows(db: sqlite3.Connection) -> Iterator[Row]:
    """Rows by `seq`. One that holds bytes which are no text ends the quick way; it goes on with a decoder that keeps them."""
    last = -(2**63)
    cursor = db.execute(f"SELECT {COLUMNS} FROM events ORDER BY seq")  # noqa: S608
    try:
        for row in cursor:
            yield row
            last = row[0]
    except sqlite3.OperationalError as error:
        if trouble.code_of(error):
            raise
    else:
        return
    strict = db.text_factory
    db.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        yield from db.execute(f"SELECT {COLUMNS} FROM events WHERE seq > ? ORDER BY seq", (last,))  # noqa: S608
    finally:
        db.text_factory = strict


def _check_schema(db: sqlite3.Connection, findings: Findings) -> None:
    for what in schema.differences(db):
        findings.add(0, what)


def _check_database(db: sqlite3.Connection, findings: Findings) -> None:
    # An index that misses a row would hide an event from whoever reads one stream.
    for (what,) in db.execute("PRAGMA integrity_check(20)"):
        if what != "ok":
            findings.add(0, f"the database is damaged: {what}")


def _check_blobs(db: sqlite3.Connection, chain: Chain, findings: Findings) -> None:
    for digest in blobs.damaged(db):
        findings.add(chain.blobs.get(digest, 0), f"blob {digest} does not match its digest")
    for digest, seq in chain.blobs.items():
        if not blobs.has(db, digest):
            findings.add(seq, f"names blob {digest}, which is missing")


def _check_leases(db: sqlite3.Connection, chain: Chain, findings: Findings) -> None:
    rows = {stream: rest for stream, *rest in db.execute("SELECT stream, holder, epoch, released FROM leases")}
    for stream in rows:
        try:
            leases.find(db, stream)
        except JournalCorrupt as error:
            findings.add(0, error.message)
    check_leases(
        {stream: LeaseRow(holder, epoch, released=bool(released)) for stream, (holder, epoch, released) in rows.items()},
        chain,
        findings,
    )
