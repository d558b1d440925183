"""Opening the journal, and who writes to it: all that a command needs which only reads the journal or writes a request.

Apart from `wiring.py`, so that looking at the journal loads no adapter of anything else.
"""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path

import platformdirs

from rolloutctl.config import Config
from rolloutctl.engine.clock import SystemClock
from rolloutctl.engine.settings import Settings, journal_path
from rolloutctl.journal.fallback import recover
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.ports import Author, Journal


def author(config: Config) -> Author:
    """The operator from the config, else the operating system's user."""
    try:
        name = config.operator.name or getpass.getuser()
    except (KeyError, OSError):
        name = f"uid-{os.getuid()}"
    return Author(actor=name, host=socket.gethostname())


def open_journal(settings: Settings, *, read_only: bool = False) -> Journal:
    """Raises JournalUnreachable or JournalCorrupt."""
    mode = int(settings.config.journal.mode, 8)
    journal = open_sqlite(journal_path(settings), mode, SystemClock().now, read_only=read_only)
    if not read_only:
        recover(journal, fallback_path(), author(settings.config))
    return journal


def fallback_path() -> Path:
    return Path(platformdirs.user_state_dir("rolloutctl")) / "without-journal.jsonl"
