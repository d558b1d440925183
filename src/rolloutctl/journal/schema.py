"""Tables, guards and version of the SQLite store.

Events and blobs are append-only by trigger. The insert guards are needed beside them: `INSERT OR REPLACE` deletes the old
row without firing a delete trigger. Leases may be updated, but never deleted, and their epoch never goes down.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from rolloutctl.errors import JournalCorrupt, JournalUnreachable
from rolloutctl.model.kinds import GENESIS

VERSION = 1
APPLICATION_ID = 0x524F_4C4A
"""In the file's header, so that `file` and we can tell a journal from another SQLite database."""


def _refuse(name: str, event: str, table: str, when: str, why: str) -> str:
    condition = f" WHEN {when}" if when else ""
    return f"CREATE TRIGGER {name} BEFORE {event} ON {table}{condition} BEGIN SELECT RAISE(ABORT, '{why}'); END"


OBJECTS: dict[str, str] = {
    "schema_version": "CREATE TABLE schema_version (version INTEGER NOT NULL)",
    "events": (
        "CREATE TABLE events (seq INTEGER PRIMARY KEY CHECK (seq > 0), at TEXT NOT NULL, actor TEXT NOT NULL, host TEXT NOT NULL,"
        " stream TEXT NOT NULL, kind TEXT NOT NULL, epoch INTEGER NOT NULL CHECK (epoch >= 0), body TEXT NOT NULL,"
        " prev TEXT NOT NULL UNIQUE, hash TEXT NOT NULL)"
    ),
    "events_by_stream": "CREATE INDEX events_by_stream ON events (stream)",
    "blobs": "CREATE TABLE blobs (digest TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL, content BLOB NOT NULL)",
    "leases": (
        "CREATE TABLE leases (stream TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, epoch INTEGER NOT NULL CHECK (epoch > 0),"
        " expires_at REAL NOT NULL, ttl_s REAL NOT NULL CHECK (ttl_s > 0), released INTEGER NOT NULL CHECK (released IN (0, 1)))"
    ),
    "events_stay": _refuse("events_stay", "DELETE", "events", "", "events are never removed"),
    "events_unchanged": _refuse("events_unchanged", "UPDATE", "events", "", "events are never changed"),
    "events_in_order": _refuse(
        "events_in_order",
        "INSERT",
        "events",
        "NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)"  # noqa: S608
        f" OR NEW.prev IS NOT coalesce((SELECT hash FROM events ORDER BY seq DESC LIMIT 1), '{GENESIS}')",
        "an event is only added at the end",
    ),
    "blobs_stay": _refuse("blobs_stay", "DELETE", "blobs", "", "blobs are never removed"),
    "blobs_unchanged": _refuse("blobs_unchanged", "UPDATE", "blobs", "", "blobs are never changed"),
    "blobs_once": _refuse(
        "blobs_once", "INSERT", "blobs", "EXISTS (SELECT 1 FROM blobs WHERE digest = NEW.digest)", "blobs are never changed"
    ),
    "leases_stay": _refuse("leases_stay", "DELETE", "leases", "", "leases are never removed"),
    "leases_rise": _refuse(
        "leases_rise", "UPDATE", "leases", "NEW.epoch < OLD.epoch OR NEW.stream IS NOT OLD.stream", "an epoch never goes down"
    ),
    "leases_once": _refuse(
        "leases_once", "INSERT", "leases", "EXISTS (SELECT 1 FROM leases WHERE stream = NEW.stream)", "an epoch never goes down"
    ),
}
"""Every object of the schema by name, in the order of creation."""


def create(db: sqlite3.Connection) -> None:
    """Fill an empty database, in one transaction. Raises sqlite3.Error."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in OBJECTS.values():
        db.execute(statement)
    db.execute("INSERT INTO schema_version VALUES (?)", (VERSION,))
    db.execute("COMMIT")


def check(db: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not a journal of this version, before anything is written to it. Raises sqlite3.Error too."""
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    if not names:
        raise JournalCorrupt(
            f"{path} holds no journal: it is empty, cut off to nothing or never written.",
            remedy="If you have a copy, put it back; if there never was a journal here, remove the file and start again.",
        )
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID or "schema_version" not in names:
        raise JournalUnreachable(
            f"{path} is a SQLite database, but not a rolloutctl journal; nothing was written to it.",
            remedy="Point `journal` in the config at another file.",
        )
    row = db.execute("SELECT max(version) FROM schema_version").fetchone()
    version = row[0]
    if not isinstance(version, int):
        raise JournalCorrupt(f"{path} does not say which version it has.", remedy="Put back a copy of the journal.")
    if version > VERSION:
        raise JournalUnreachable(
            f"{path} was written by a newer rolloutctl (version {version} of the journal; this one knows {VERSION});"
            " nothing was written to it.",
            remedy="Update rolloutctl on this machine.",
        )


def differences(db: sqlite3.Connection) -> list[str]:
    """What was taken out of the schema or put into it, one sentence each."""
    stored = {
        name: sql
        for name, sql in db.execute("SELECT name, sql FROM sqlite_master ORDER BY name")
        if not str(name).startswith("sqlite_autoindex_")
    }
    missing = [f"the database lacks its {name}: a guard was removed" for name in OBJECTS if name not in stored]
    changed = [f"the database's {name} was changed" for name, sql in OBJECTS.items() if stored.get(name, sql) != sql]
    added = [f"the database holds {name}, which is not part of a journal" for name in stored if name not in OBJECTS]
    return missing + changed + added
