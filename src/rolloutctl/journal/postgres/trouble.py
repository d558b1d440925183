"""PostgreSQL's errors as sentences: what happened to the journal, and what is safe to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from rolloutctl.errors import JournalCorrupt, JournalUnreachable, RolloutctlError
from rolloutctl.journal.postgres.schema import REFUSED
from rolloutctl.journal.trouble import STILL_SAFE

_NO_ACCESS = (errors.InvalidPassword, errors.InvalidAuthorizationSpecification)


class LostError(Exception):
    """The connection went away; whether the transaction that was being committed took place is not known."""


@contextmanager
def plainly(where: str) -> Iterator[None]:
    """Translate what psycopg raises inside. Raises JournalUnreachable or JournalCorrupt."""
    try:
        yield
    except psycopg.ProgrammingError as error:
        if isinstance(error, errors.SyntaxError):
            raise
        raise explain(where, error) from error
    except psycopg.Error as error:
        raise explain(where, error) from error


def explain(where: str, error: psycopg.Error) -> RolloutctlError:
    said = first_line(error)
    match error:
        case errors.LockNotAvailable() | errors.QueryCanceled() | errors.DeadlockDetected():
            return JournalUnreachable(
                f"{where} is locked: another process has been writing to it for seconds.",
                remedy=f"Try again; if it stays, look for a stopped rolloutctl or a long transaction. {STILL_SAFE}",
            )
        case errors.DiskFull() | errors.OutOfMemory() | errors.InsufficientResources():
            return JournalUnreachable(
                f"{where} cannot grow: {said}.", remedy=f"Free some space on the database server and try again. {STILL_SAFE}"
            )
        case errors.ReadOnlySqlTransaction():
            return JournalUnreachable(
                f"{where} cannot be written: the server is read-only, a standby perhaps.",
                remedy=f"Let `journal.url` name the primary. {STILL_SAFE}",
            )
        case errors.InsufficientPrivilege():
            return JournalUnreachable(
                f"this database role may not do that to {where}: {said}.",
                remedy="The page on a shared journal lists what a role needs. " + STILL_SAFE,
            )
        case _ if isinstance(error, _NO_ACCESS):
            return JournalUnreachable(
                f"{where} refuses the login: {said}.", remedy="Look at `journal.url` and where its password comes from."
            )
        case errors.UndefinedTable() | errors.InvalidSchemaName():
            return JournalCorrupt(f"{where} lacks a part of the journal: {said}.", remedy=f"Put back a copy. {STILL_SAFE}")
        case errors.IntegrityError():
            return _damaged(where, f"its own guard refused the event ({said})")
        case errors.DataCorrupted() | errors.IndexCorrupted():
            return _damaged(where, said)
        case _ if error.sqlstate == REFUSED:
            return _damaged(where, f"its own guard refused the event ({said})")
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return JournalUnreachable(
                f"{where} does not answer: {said}.", remedy=f"Look at the server and the network. {STILL_SAFE}"
            )
        case _:
            return JournalUnreachable(f"{where} does not do what it is asked: {said}.", remedy=STILL_SAFE)


def first_line(error: psycopg.Error) -> str:
    """Without the statement, its position and whatever follows; never empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def _damaged(where: str, why: str) -> JournalCorrupt:
    return JournalCorrupt(
        f"{where} is damaged: {why}.",
        remedy=f"Stop every rolloutctl, keep a dump, run `rolloutctl journal verify`. {STILL_SAFE}",
    )
