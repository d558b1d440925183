"""The journal, read-only, for commands about runs: without what it takes to read rollouts, which loads every model of plans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.opening import journal_begun, open_journal
from rolloutctl.ports import Journal


@contextmanager
def journal_of(settings: Settings) -> Iterator[Journal | None]:
    """None where none has been begun. Raises JournalUnreachable or JournalCorrupt."""
    if not journal_begun(settings):
        yield None
        return
    journal = open_journal(settings, read_only=True)
    try:
        yield journal
    finally:
        journal.close()


def utc_now() -> datetime:
    return datetime.now(UTC)
