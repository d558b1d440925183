"""Opening the journal, and who writes to it: all that a command needs which only reads the journal or writes a request.

Apart from `wiring.py`, so that looking at the journal loads no adapter of anything else.
"""

from __future__ import annotations

import getpass
import os
import socket
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from rolloutctl.config import Config, Secret
from rolloutctl.engine.config.paths import SQLITE, on_a_server
from rolloutctl.engine.config.secrets import read_secret
from rolloutctl.engine.config.settings import Settings, journal_path, journal_shown
from rolloutctl.engine.world.clock import SystemClock
from rolloutctl.errors import JournalUnreachable
from rolloutctl.ports import Author, Journal

if TYPE_CHECKING:
    from rolloutctl.journal.postgres.store import PostgresJournal
    from rolloutctl.journal.sqlite import SqliteJournal


def author(config: Config) -> Author:
    """The operator from the config, else the operating system's user."""
    try:
        name = config.operator.name or getpass.getuser()
    except (KeyError, OSError):
        name = f"uid-{os.getuid()}"
    return Author(actor=name, host=socket.gethostname())


def open_journal(settings: Settings, *, read_only: bool = False) -> Journal:
    """Raises JournalUnreachable or JournalCorrupt."""
    journal = open_configured(settings, read_only=read_only)
    if not read_only:
        from rolloutctl.journal.fallback import recover  # noqa: PLC0415 - turning a flag off opens no journal

        # Where that is not possible now, the file stays and the next opening takes it in; nobody waits for it.
        with suppress(JournalUnreachable), journal.patience(0):
            recover(journal, fallback_path(settings), author(settings.config))
    return journal


def open_store(
    url: str, *, mode: str = "0600", read_only: bool = False, password: Secret | None = None
) -> SqliteJournal | PostgresJournal:
    """The store behind an absolute path, `sqlite:///PATH` or `postgresql://…`; as `open_journal`, and nothing is recovered."""
    clock = SystemClock().now
    if not on_a_server(url):
        from rolloutctl.journal.sqlite import open_sqlite  # noqa: PLC0415 - turning a flag off opens no journal

        return open_sqlite(Path(url.removeprefix(SQLITE)), int(mode, 8), clock, read_only=read_only)
    try:
        from rolloutctl.journal.postgres.store import open_postgres  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise JournalUnreachable(
            "this rolloutctl was installed without what a journal in PostgreSQL needs.",
            remedy="Install rolloutctl[postgres] in place of rolloutctl.",
        ) from None
    return open_postgres(url, clock, password=read_secret(password) if password is not None else "", read_only=read_only)


def open_configured(settings: Settings, *, read_only: bool) -> SqliteJournal | PostgresJournal:
    """The store of the config; nothing is recovered."""
    config = settings.config.journal
    return open_store(journal_shown(settings), mode=config.mode, read_only=read_only, password=config.password)


def journal_begun(settings: Settings) -> bool:
    """Whether there is anything to open; a server is always asked."""
    path = journal_path(settings)
    return path is None or path.exists()


def fallback_path(settings: Settings) -> Path:
    """Where a rollback is recorded that the config's journal cannot take: each journal has a file of its own to take in."""
    url = settings.config.journal.url
    which = f"-{sha256(url.encode()).hexdigest()[:8]}" if url else ""
    return settings.state_home / f"without-journal{which}.jsonl"
