"""Check a whole journal in PostgreSQL: chain, fencing, blobs, lease table and guards, in one read-only snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import psycopg
from psycopg import Connection

from rolloutctl.journal.blobs import digest_of, unpack
from rolloutctl.journal.chain import COLUMNS, Findings, Row, check_chain
from rolloutctl.journal.claims import claims
from rolloutctl.journal.lease_table import LeaseRow, check_leases
from rolloutctl.journal.postgres import schema
from rolloutctl.journal.postgres.schema import SCHEMA
from rolloutctl.ports import Verified, Witness

_AT_A_TIME = 5000


def verify(db: Connection, witnesses: Sequence[Witness] = ()) -> Verified:
    """Everything the claims say, as of one moment. Raises psycopg.Error."""
    findings = Findings()
    with db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        db.execute("SET LOCAL statement_timeout = 0")
        for what in schema.differences(db):
            findings.add(0, what)
        chain = check_chain(_rows(db), findings, witnesses)
        stored = _check_blobs(db, findings, chain.blobs)
        for digest, seq in chain.blobs.items():
            if digest not in stored:
                findings.add(seq, f"names blob {digest}, which is missing")
        rows = db.execute(f"SELECT stream, holder, epoch, released FROM {SCHEMA}.leases").fetchall()
        check_leases(
            {stream: LeaseRow(holder, epoch, released=released) for stream, holder, epoch, released in rows}, chain, findings
        )
    return Verified(chain.events, chain.head_seq, chain.head_hash, findings.all(), claims(witnesses), chain.vouched)


def _rows(db: Connection) -> Iterator[Row]:
    with psycopg.ServerCursor(db, "walk") as cursor:
        cursor.itersize = _AT_A_TIME
        cursor.execute(f"SELECT {COLUMNS} FROM {SCHEMA}.events ORDER BY seq")
        for row in cursor:
            yield cast("Row", row)


def _check_blobs(db: Connection, findings: Findings, named: dict[str, int]) -> set[str]:
    """Digests that are stored; whatever does not match its own is a finding."""
    stored = set()
    with psycopg.ServerCursor(db, "blobs") as cursor:
        cursor.itersize = 100
        for digest, size, packed in cursor.execute(f"SELECT digest, size, content FROM {SCHEMA}.blobs"):
            stored.add(digest)
            content = unpack(size, bytes(packed))
            if content is None or digest_of(content) != digest:
                findings.add(named.get(digest, 0), f"blob {digest} does not match its digest")
    return stored
