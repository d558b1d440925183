"""One connection to the database, made again after it was lost; transactions that say when their end is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from rolloutctl.errors import JournalUnreachable
from rolloutctl.journal.postgres import schema
from rolloutctl.journal.postgres.trouble import LostError, plainly

_DEFAULTS = {
    "application_name": "rolloutctl",
    "connect_timeout": "3",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""What the URL may say otherwise: a connection that says nothing for ten seconds is gone."""


_GOING = ("08", "57")
"""Classes of SQLSTATE: the connection, and an operator who intervenes."""


class Link:
    """Bound to one thread. `where` names the database for people, without credentials."""

    def __init__(self, url: str, password: str, *, busy_s: float, read_only: bool) -> None:
        """Raises JournalUnreachable for a URL that is none."""
        try:
            given = conninfo_to_dict(url)
        except psycopg.Error as error:
            raise JournalUnreachable(f"the URL of the journal cannot be read: {str(error).strip()}.") from None
        self._options: dict[str, str | int | None] = {**_DEFAULTS, **given} | ({"password": password} if password else {})
        self.where = f"the journal at {place(given)}"
        self._busy_ms = max(1, int(busy_s * 1000))
        self._wait_ms = self._busy_ms
        self._read_only = read_only
        self._db: Connection | None = None

    def db(self) -> Connection:
        """The connection; a new one where there is none. Raises psycopg.Error."""
        if self._db is not None and (self._db.closed or self._db.broken):
            self.drop()
        if self._db is None:
            db = psycopg.connect(make_conninfo("", **self._options), autocommit=True, prepare_threshold=None)
            try:
                db.execute(f"SET lock_timeout = {self._busy_ms}; SET statement_timeout = {self._busy_ms * 20}")
                db.execute("SET synchronous_commit = on; SET client_encoding = 'UTF8'")
                # A statement must see what was committed while it waited for the writers' lock.
                db.execute("SET default_transaction_isolation = 'read committed'")
                if self._read_only:
                    db.execute("SET default_transaction_read_only = on")
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def options(self) -> dict[str, str | int | None]:
        """Of another connection to the same database; they hold the password."""
        return dict(self._options)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """For single statements, on a connection that answered just now. Raises JournalUnreachable or JournalCorrupt."""
        with plainly(self.where):
            yield self._alive()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction of the only writer. Raises LostError when its commit has no known end, else as `reading`."""
        with plainly(self.where):
            db = self._alive()
            db.execute("BEGIN")
            try:
                db.execute("SELECT set_config('lock_timeout', %s, true)", (f"{self._wait_ms}ms",))
                db.execute("SELECT pg_advisory_xact_lock(%s)", (schema.LOCK,))
                yield db
            except BaseException:
                self._roll_back(db)
                raise
            try:
                db.execute("COMMIT")
            except psycopg.OperationalError as error:
                if _refused(error):
                    self._roll_back(db)
                    raise
                self.drop()
                raise LostError(str(error)) from error

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """How long `writing` waits for another writer, for a while."""
        self._wait_ms = max(1, int(seconds * 1000))
        try:
            yield
        finally:
            self._wait_ms = self._busy_ms

    def drop(self) -> None:
        if self._db is not None:
            with suppress(psycopg.Error):
                self._db.close()
        self._db = None

    def _alive(self) -> Connection:
        """A connection that answered just now: one that died while idle must not cost an event."""
        db = self.db()
        try:
            db.execute("SELECT 1")
        except psycopg.OperationalError:
            self.drop()
            db = self.db()
        return db

    def _roll_back(self, db: Connection) -> None:
        with suppress(psycopg.Error):
            if not db.closed and db.info.transaction_status is not TransactionStatus.IDLE:
                db.execute("ROLLBACK")
        if db.closed or db.broken:
            self.drop()


def _refused(error: psycopg.OperationalError) -> bool:
    """The server itself says that it did not commit. One that is being shut down may have done so before it said anything."""
    return error.sqlstate is not None and not error.sqlstate.startswith(_GOING)


def place(given: dict[str, str | int | None]) -> str:
    """host:port/database, as the URL names them."""
    host = given.get("host") or given.get("hostaddr") or "the local socket"
    port = f":{given['port']}" if given.get("port") else ""
    return f"{host}{port}/{given.get('dbname') or given.get('user') or ''}"


def refuse_inline_password(url: str) -> None:
    """Raises JournalUnreachable where a password stands in the URL: it would be in the config, and on screens."""
    with suppress(psycopg.Error):
        if conninfo_to_dict(url).get("password"):
            raise JournalUnreachable(
                "the URL of the journal holds a password.",
                remedy='Take it out and write password = { env = "NAME" } beside it, or use the password file of PostgreSQL.',
            )
