from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rolloutctl.journal.sqlite import SqliteJournal, open_sqlite
from rolloutctl.ports import Author


class Ticking:
    """A clock that moves one second and one microsecond with every look."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 5, 10, 0, 0, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1, microseconds=1)
        return self.at


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def ana() -> Author:
    return Author("ana", "host-1")


@pytest.fixture
def journal(path: Path, clock: Ticking) -> Iterator[SqliteJournal]:
    opened = open_sqlite(path, 0o600, clock)
    yield opened
    opened.close()
