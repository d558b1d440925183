"""The lease table in SQLite, by the database's own clock. Every function runs inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from rolloutctl.errors import JournalCorrupt
from rolloutctl.journal.holding import Held, check_lasts, standing
from rolloutctl.ports import Lease

_NOW = "((julianday('now') - 2440587.5) * 86400.0)"
"""Seconds since 1970; `unixepoch('subsec')` needs SQLite 3.42."""


def find(db: sqlite3.Connection, stream: str) -> Held | None:
    """Raises JournalCorrupt for a row that cannot be one."""
    row = db.execute(
        f"SELECT holder, epoch, expires_at, expires_at - {_NOW}, released FROM leases WHERE stream = ?",  # noqa: S608
        (stream,),
    ).fetchone()
    if row is None:
        return None
    holder, epoch, expires_at, expires_in_s, released = row
    try:
        when = datetime.fromtimestamp(expires_at, UTC)
        sound = type(holder) is str and type(epoch) is int and 0 < epoch < 2**62 and type(expires_in_s) is float
    except (TypeError, ValueError, OverflowError, OSError):
        sound = False
    if not sound:
        raise JournalCorrupt(
            f"the lease of {stream} cannot be read: its row in the journal was changed or damaged.",
            remedy="Run `rolloutctl journal verify`; `rolloutctl off PROVIDER FLAG --env ENV` works without a journal.",
        )
    return Held(Lease(stream, holder, epoch, expires_in_s, when), released=bool(released))


def next_epoch(db: sqlite3.Connection, stream: str, held: Held | None) -> int:
    """One more than any epoch the stream ever had, even if the row of the table was lost."""
    if held is not None:
        return held.lease.epoch + 1
    sql = "SELECT coalesce(max(epoch), 0) FROM events WHERE stream = ? AND typeof(epoch) = 'integer'"
    (highest,) = db.execute(sql, (stream,)).fetchone()
    return int(highest) + 1


def grant(db: sqlite3.Connection, stream: str, holder: str, epoch: int, ttl_s: float) -> Lease:
    """Write the row. Raises ValueError when `ttl_s` is no positive time."""
    check_lasts(ttl_s)
    changed = db.execute(
        f"UPDATE leases SET holder = ?, epoch = ?, ttl_s = ?, released = 0, expires_at = {_NOW} + ? WHERE stream = ?",  # noqa: S608
        (holder, epoch, ttl_s, ttl_s, stream),
    ).rowcount
    if not changed:
        db.execute(
            f"INSERT INTO leases (stream, holder, epoch, expires_at, ttl_s, released) VALUES (?, ?, ?, {_NOW} + ?, ?, 0)",  # noqa: S608
            (stream, holder, epoch, ttl_s, ttl_s),
        )
    held = find(db, stream)
    assert held is not None
    return held.lease


def check(db: sqlite3.Connection, lease: Lease) -> Held:
    """The row, if `lease` still stands. Raises LeaseLost."""
    return standing(find(db, lease.stream), lease)


def renew(db: sqlite3.Connection, lease: Lease, ttl_s: float) -> Lease | None:
    """None: it stands no longer, and nothing was written."""
    held = find(db, lease.stream)
    if held is None or not held.stands(lease):
        return None
    return grant(db, lease.stream, lease.holder, lease.epoch, ttl_s)


def imply_renewal(db: sqlite3.Connection, held: Held) -> None:
    """A holder that writes is alive: an expired lease starts anew, so that nobody takes it between an intent and its effect."""
    if held.expired:
        db.execute(f"UPDATE leases SET expires_at = {_NOW} + ttl_s WHERE stream = ?", (held.lease.stream,))  # noqa: S608


def restore(db: sqlite3.Connection, stream: str, holder: str, epoch: int, *, released: bool) -> None:
    """A lease of another journal, expired."""
    db.execute(
        f"INSERT INTO leases (stream, holder, epoch, expires_at, ttl_s, released) VALUES (?, ?, ?, {_NOW} - 0.001, 1, ?)",  # noqa: S608
        (stream, holder, epoch, released),
    )


def release(db: sqlite3.Connection, lease: Lease) -> None:
    """Expired from now on, with its epoch kept."""
    db.execute(
        f"UPDATE leases SET released = 1, expires_at = min(expires_at, {_NOW} - 0.001) WHERE stream = ?",  # noqa: S608
        (lease.stream,),
    )
