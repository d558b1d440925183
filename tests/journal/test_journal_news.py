"""Waiting for the journal to hold something new: on both stores, and on PostgreSQL while the connection comes and goes."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from rolloutctl.journal.postgres.schema import CHANNEL
from rolloutctl.journal.postgres.store import open_postgres
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.events import NoteAdded
from rolloutctl.ports import Author, Journal, News
from servers.cutproxy import CutProxy, cut_proxy
from servers.postgres import SUPERUSER, Database

STREAM = "rollout/checkout#1"
LONG_S = 60.0


@pytest.fixture(
    params=[
        pytest.param("sqlite"),
        pytest.param("postgres", marks=[pytest.mark.service, pytest.mark.xdist_group("postgres")]),
    ]
)
def opened(request: pytest.FixtureRequest, clock: Callable[[], datetime]) -> Callable[[], Journal]:
    if request.param == "sqlite":
        path: Path = request.getfixturevalue("path")
        return lambda: open_sqlite(path, 0o600, clock)
    url: str = request.getfixturevalue("database").url
    return lambda: open_postgres(url, clock)


@pytest.fixture
def journal(opened: Callable[[], Journal]) -> Iterator[Journal]:
    journal = opened()
    yield journal
    journal.close()


@pytest.fixture
def news(journal: Journal) -> Iterator[News]:
    """Has said already that there may be something: from now on it waits."""
    news = journal.news()
    while news.wait(0):
        pass
    yield news
    news.close()


def note(journal: Journal, text: str, author: Author) -> None:
    journal.append(STREAM, NoteAdded(text=text), author)


def test_the_first_wait_says_look(journal: Journal) -> None:
    news = journal.news()
    assert news.wait(LONG_S)
    news.close()


def test_nothing_new_is_told_when_the_time_is_over(news: News) -> None:
    assert not news.wait(0.05)


def test_what_was_written_before_the_wait_is_told(journal: Journal, news: News, ana: Author) -> None:
    note(journal, "one", ana)
    assert news.wait(LONG_S)
    assert not news.wait(0)


def test_what_somebody_else_writes_ends_the_wait(opened: Callable[[], Journal], news: News, ana: Author) -> None:
    def write() -> None:
        other = opened()
        note(other, "one", ana)
        other.close()

    writer = threading.Timer(0.1, write)
    writer.start()
    assert news.wait(LONG_S)
    writer.join()


def test_a_wait_is_ended_from_another_thread_and_before_it_begins(news: News) -> None:
    news.wake()
    assert not news.wait(LONG_S)
    waker = threading.Timer(0.1, news.wake)
    waker.start()
    assert not news.wait(LONG_S)
    waker.join()


def test_waking_what_is_closed_does_nothing(journal: Journal) -> None:
    news = journal.news()
    news.close()
    news.wake()


def test_a_file_that_is_gone_is_said_slowly(path: Path, clock: Callable[[], datetime]) -> None:
    journal = open_sqlite(path, 0o600, clock)
    news = journal.news()
    journal.close()
    path.unlink()
    assert news.wait(0.01)
    assert news.wait(0.01)
    news.close()


@pytest.fixture
def proxy(database: Database) -> Iterator[CutProxy]:
    with cut_proxy(database.server.port) as proxy:
        yield proxy


@pytest.fixture
def through(database: Database, proxy: CutProxy, clock: Callable[[], datetime]) -> Iterator[Journal]:
    journal = open_postgres(f"postgresql://{SUPERUSER}@127.0.0.1:{proxy.port}/{database.name}", clock)
    yield journal
    journal.close()


def test_a_lost_connection_is_made_again_and_nothing_is_missed(
    database: Database, proxy: CutProxy, through: Journal, clock: Callable[[], datetime], ana: Author
) -> None:
    news = through.news()
    assert news.wait(LONG_S)
    proxy.refuse = True
    proxy.cut_all()
    assert news.wait(LONG_S), "the loss itself is a reason to look"
    assert news.wait(0.01), "and while there is no connection, every wait is"
    direct = open_postgres(database.url, clock)
    note(direct, "unheard", ana)
    proxy.refuse = False
    deadline = time.monotonic() + 30
    while not _listens(database):
        assert news.wait(LONG_S)
        assert time.monotonic() < deadline
    while news.wait(0):
        pass
    note(direct, "heard", ana)
    assert news.wait(LONG_S)
    direct.close()
    news.close()


def test_while_it_listens_the_database_is_asked_nothing(database: Database, clock: Callable[[], datetime]) -> None:
    journal = open_postgres(database.url, clock)
    news = journal.news()
    assert news.wait(LONG_S)
    asked = _listens(database)
    for _ in range(20):
        assert not news.wait(0.01)
    assert _listens(database) == asked, "the newest statement of that connection is still the one that made it listen"
    news.close()
    journal.close()


def test_another_channel_is_no_news(database: Database, clock: Callable[[], datetime]) -> None:
    journal = open_postgres(database.url, clock)
    news = journal.news()
    assert news.wait(LONG_S)
    with psycopg.connect(database.url, autocommit=True) as db:
        db.execute("NOTIFY something_else")
    assert not news.wait(0.1)
    news.close()
    journal.close()


def _listens(database: Database) -> list[tuple[object, ...]]:
    """When the listening connections began their newest statement."""
    with psycopg.connect(database.url, autocommit=True) as db:
        return db.execute(
            "SELECT pid, query_start FROM pg_stat_activity WHERE query = %s AND state = 'idle' AND datname = %s",
            (f"LISTEN {CHANNEL}", database.name),
        ).fetchall()
