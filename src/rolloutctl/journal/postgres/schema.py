"""Tables, guards and version of the PostgreSQL store, all in one schema of the database.

Events and blobs are append-only by trigger, also for TRUNCATE. An epoch never goes down. Every new event is told on the
channel `CHANNEL`. Text has the collation "C", so that order and equality mean the same on every server.
"""

from __future__ import annotations

from hashlib import sha256

from psycopg import Connection

from rolloutctl.errors import JournalCorrupt, JournalUnreachable
from rolloutctl.model.kinds import GENESIS

VERSION = 1
SCHEMA = "rolloutctl"
CHANNEL = "rolloutctl_journal"
LOCK = 0x524F_4C4A
"""Key of the advisory lock that every writer of a database holds from reading the head to its commit."""
REFUSED = "RJ001"
"""SQLSTATE of the guards."""

_TEXT = 'text COLLATE "C" NOT NULL'

TABLES = (
    "CREATE TABLE schema_version (version integer NOT NULL)",
    f"""CREATE TABLE events (
      seq bigint PRIMARY KEY CHECK (seq > 0), at {_TEXT}, actor {_TEXT}, host {_TEXT}, stream {_TEXT}, kind {_TEXT},
      epoch bigint NOT NULL CHECK (epoch >= 0), body {_TEXT}, prev {_TEXT} UNIQUE, hash {_TEXT})""",
    "CREATE INDEX events_by_stream ON events (stream, seq)",
    f"CREATE TABLE blobs (digest {_TEXT} PRIMARY KEY, size bigint NOT NULL, content bytea NOT NULL)",
    f"""CREATE TABLE leases (
      stream {_TEXT} PRIMARY KEY, holder {_TEXT}, epoch bigint NOT NULL CHECK (epoch > 0),
      expires_at timestamptz NOT NULL, ttl_s double precision NOT NULL CHECK (ttl_s > 0), released boolean NOT NULL)""",
)

FUNCTIONS = {
    "refuse": f"""BEGIN
      RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = '{REFUSED}';
    END""",
    "in_order": f"""BEGIN
      IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM {SCHEMA}.events)
        OR NEW.prev IS DISTINCT FROM coalesce((SELECT hash FROM {SCHEMA}.events ORDER BY seq DESC LIMIT 1), '{GENESIS}')
      THEN
        RAISE EXCEPTION 'an event is only added at the end' USING ERRCODE = '{REFUSED}';
      END IF;
      RETURN NEW;
    END""",
    "rise": f"""BEGIN
      IF NEW.epoch < OLD.epoch OR NEW.stream IS DISTINCT FROM OLD.stream THEN
        RAISE EXCEPTION 'an epoch never goes down' USING ERRCODE = '{REFUSED}';
      END IF;
      RETURN NEW;
    END""",
    "tell": f"""BEGIN
      PERFORM pg_notify('{CHANNEL}', NEW.seq::text);
      RETURN NULL;
    END""",
}

TRIGGERS = {
    "events_stay": "BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION refuse('events are never changed')",
    "events_not_emptied": "BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse('events are never removed')",
    "events_in_order": "BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION in_order()",
    "events_told": "AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION tell()",
    "blobs_stay": "BEFORE UPDATE OR DELETE ON blobs FOR EACH ROW EXECUTE FUNCTION refuse('blobs are never changed')",
    "blobs_not_emptied": "BEFORE TRUNCATE ON blobs FOR EACH STATEMENT EXECUTE FUNCTION refuse('blobs are never removed')",
    "leases_rise": "BEFORE UPDATE ON leases FOR EACH ROW EXECUTE FUNCTION rise()",
    "leases_stay": "BEFORE DELETE ON leases FOR EACH ROW EXECUTE FUNCTION refuse('leases are never removed')",
    "leases_not_emptied": "BEFORE TRUNCATE ON leases FOR EACH STATEMENT EXECUTE FUNCTION refuse('leases are never removed')",
}


def exists(db: Connection) -> bool:
    # The catalogue itself: `to_regclass` may answer from a cache that is older than the lock we hold.
    sql = (
        "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = 'schema_version'"
    )
    return db.execute(sql, (SCHEMA,)).fetchone() is not None


def create(db: Connection) -> None:
    """Make the schema and everything in it, inside the caller's transaction. Raises psycopg.Error."""
    db.execute(f"CREATE SCHEMA {SCHEMA}")
    db.execute(f"SET LOCAL search_path TO {SCHEMA}, pg_catalog")
    for statement in TABLES:
        db.execute(statement)
    for name, body in FUNCTIONS.items():
        db.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body${body}$body$")
    for name, rest in TRIGGERS.items():
        db.execute(f"CREATE TRIGGER {name} {rest}")
    db.execute("INSERT INTO schema_version VALUES (%s)", (VERSION,))


def check(db: Connection, where: str) -> None:
    """Refuse what is not a journal of this version. Raises JournalCorrupt, JournalUnreachable, psycopg.Error."""
    row = db.execute(f"SELECT max(version) FROM {SCHEMA}.schema_version").fetchone()
    version = row[0] if row is not None else None
    if not isinstance(version, int):
        raise JournalCorrupt(f"{where} does not say which version it has.", remedy="Put back a copy of the database.")
    if version > VERSION:
        raise JournalUnreachable(
            f"{where} was written by a newer rolloutctl (its version is {version}, this one reads {VERSION}).",
            remedy="Update rolloutctl on this machine.",
        )


def differences(db: Connection) -> list[str]:
    """How tables, functions and triggers differ from what `create` makes, a sentence each."""
    found = []
    rows = db.execute(
        "SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = %s", (SCHEMA,)
    ).fetchall()
    sources = {str(name): str(source) for name, source in rows}
    for name, body in FUNCTIONS.items():
        if sha256(sources.get(name, "").encode()).digest() != sha256(body.encode()).digest():
            found.append(f"the function {SCHEMA}.{name} is missing or was changed")
    rows = db.execute(
        "SELECT t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND NOT t.tgisinternal",
        (SCHEMA,),
    ).fetchall()
    enabled = {str(name): _text(state) for name, state in rows}
    off = (name for name in TRIGGERS if enabled.get(name) not in {"O", "A"})
    return [*found, *(f"the guard {name} is missing or switched off" for name in off)]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
