"""SQLite's errors as sentences: what happened to the journal, and what is safe to do.

Invariant: only a misuse by this program (`sqlite3.ProgrammingError`) leaves as it came.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rolloutctl.errors import JournalCorrupt, JournalUnreachable, RolloutctlError

STILL_SAFE = "Nothing was recorded by this attempt; `rolloutctl off PROVIDER FLAG --env ENV` works without a journal."


@contextmanager
def plainly(path: Path) -> Iterator[None]:
    """Translate what SQLite raises inside. Raises JournalUnreachable or JournalCorrupt."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as error:
        raise explain(path, error) from error
    except UnicodeDecodeError as error:
        # Python's sqlite3 reads names of columns as text without a check of its own.
        raise corrupt(path, str(error)) from error


def code_of(error: sqlite3.Error) -> int:
    """The primary result code; 0 where the error is Python's own (text that is not UTF-8)."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def explain(path: Path, error: sqlite3.Error) -> RolloutctlError:
    match code_of(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalUnreachable(
                f"the journal {path} is locked: another process has been writing to it for seconds.",
                remedy=f"Try again; if it stays, look for a stopped rolloutctl, a backup or a database browser. {STILL_SAFE}",
            )
        case sqlite3.SQLITE_FULL:
            return JournalUnreachable(
                f"the journal {path} cannot grow: the disk or the quota is full.",
                remedy=f"Free some space and try again; what was recorded before is safe. {STILL_SAFE}",
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return read_only(path)
        case sqlite3.SQLITE_CANTOPEN:
            return JournalUnreachable(
                f"the journal {path} cannot be opened: the file or its folder denies it.",
                remedy="Give this user access to both, or copy the file with its -wal to a folder you may write to.",
            )
        case sqlite3.SQLITE_NOTADB:
            return JournalCorrupt(
                f"{path} is not a SQLite database, so it is no journal, or its beginning was overwritten.",
                remedy=f"Nothing was written to it. Look whether `journal` in the config names the right file. {STILL_SAFE}",
            )
        case sqlite3.SQLITE_CORRUPT | 0:
            return corrupt(path, str(error))
        case sqlite3.SQLITE_CONSTRAINT:
            return corrupt(path, f"its own guard refused the event ({error})")
        case _:
            return JournalUnreachable(
                f"the journal {path} does not answer: {error}.", remedy=f"Look at the disk and the system's log. {STILL_SAFE}"
            )


def corrupt(path: Path, why: str) -> JournalCorrupt:
    return JournalCorrupt(
        f"the journal {path} is damaged: {why}.",
        remedy="Stop every rolloutctl, keep a copy of the file and its -wal, run `rolloutctl journal verify` on the copy,"
        f" and put back the last good copy. {STILL_SAFE}",
    )


def read_only(path: Path) -> JournalUnreachable:
    return JournalUnreachable(
        f"the journal {path} cannot be written: the file, its folder or the file system is read-only for this user.",
        remedy=f"Give this user the right to write to both; looking at it read-only is safe. {STILL_SAFE}",
    )
