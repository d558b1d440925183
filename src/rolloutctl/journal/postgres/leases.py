"""The lease table in PostgreSQL, by the database's own clock.

Every function runs inside the caller's transaction, which holds the writers' lock.
"""

from __future__ import annotations

from datetime import UTC

from psycopg import Connection

from rolloutctl.journal.holding import Held, check_lasts, standing
from rolloutctl.journal.postgres.schema import SCHEMA
from rolloutctl.ports import Lease

_ROW = f"SELECT holder, epoch, expires_at, extract(epoch FROM expires_at - clock_timestamp()), released FROM {SCHEMA}.leases"


def find(db: Connection, stream: str) -> Held | None:
    row = db.execute(f"{_ROW} WHERE stream = %s", (stream,)).fetchone()
    if row is None:
        return None
    holder, epoch, expires_at, expires_in_s, released = row
    return Held(Lease(stream, holder, epoch, float(expires_in_s), expires_at.astimezone(UTC)), released=released)


def next_epoch(db: Connection, stream: str, held: Held | None) -> int:
    """One more than any epoch the stream ever had, even if the row of the table was lost."""
    if held is not None:
        return held.lease.epoch + 1
    row = db.execute(f"SELECT coalesce(max(epoch), 0) FROM {SCHEMA}.events WHERE stream = %s", (stream,)).fetchone()
    assert row is not None
    return int(row[0]) + 1


def grant(db: Connection, stream: str, holder: str, epoch: int, ttl_s: float) -> Lease:
    """Write the row. Raises ValueError when `ttl_s` is no positive time."""
    check_lasts(ttl_s)
    db.execute(
        f"INSERT INTO {SCHEMA}.leases (stream, holder, epoch, expires_at, ttl_s, released)"
        " VALUES (%(stream)s, %(holder)s, %(epoch)s, clock_timestamp() + make_interval(secs => %(ttl)s), %(ttl)s, false)"
        " ON CONFLICT (stream) DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch, expires_at = excluded.expires_at,"
        " ttl_s = excluded.ttl_s, released = false",
        {"stream": stream, "holder": holder, "epoch": epoch, "ttl": float(ttl_s)},
    )
    held = find(db, stream)
    assert held is not None
    return held.lease


def check(db: Connection, lease: Lease) -> Held:
    """The row, if `lease` still stands. Raises LeaseLost."""
    return standing(find(db, lease.stream), lease)


def renew(db: Connection, lease: Lease, ttl_s: float) -> Lease | None:
    """None: it stands no longer, and nothing was written."""
    held = find(db, lease.stream)
    if held is None or not held.stands(lease):
        return None
    return grant(db, lease.stream, lease.holder, lease.epoch, ttl_s)


def imply_renewal(db: Connection, held: Held) -> None:
    """A holder that writes is alive: an expired lease starts anew, so that nobody takes it between an intent and its effect."""
    if held.expired:
        db.execute(
            f"UPDATE {SCHEMA}.leases SET expires_at = clock_timestamp() + make_interval(secs => ttl_s) WHERE stream = %s",
            (held.lease.stream,),
        )


def restore(db: Connection, stream: str, holder: str, epoch: int, *, released: bool) -> None:
    """A lease of another journal, expired."""
    db.execute(
        f"INSERT INTO {SCHEMA}.leases (stream, holder, epoch, expires_at, ttl_s, released)"
        " VALUES (%s, %s, %s, clock_timestamp() - interval '1 ms', 1, %s)",
        (stream, holder, epoch, released),
    )


def release(db: Connection, lease: Lease) -> None:
    """Expired from now on, with its epoch kept."""
    db.execute(
        f"UPDATE {SCHEMA}.leases SET released = true, expires_at = least(expires_at, clock_timestamp() - interval '1 ms')"
        " WHERE stream = %s",
        (lease.stream,),
    )
