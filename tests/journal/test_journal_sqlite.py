"""What is SQLite's alone: file, modes, guards, version, several connections."""

import os
import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from independent_verifier import problems

from rolloutctl.errors import JournalCorrupt, JournalUnreachable
from rolloutctl.journal import schema
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.journal.verify import verify_file
from rolloutctl.model.events import NoteAdded

STREAM = "rollout/a#1"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def filled(journal, ana):
    for n in range(3):
        journal.append(STREAM, NoteAdded(text=str(n)), ana)
    lease = journal.take_lease(STREAM, "one", 60, ana, force=False)
    journal.put_blob(b"plan")
    journal.release_lease(lease, ana, "")
    return journal


def test_only_the_owner_may_read(filled, path):
    assert mode_of(path.parent) == 0o700
    assert {p.name: mode_of(p) for p in path.parent.iterdir()} == {
        "journal.db": 0o600,
        "journal.db-wal": 0o600,
        "journal.db-shm": 0o600,
    }


def test_a_shared_journal_follows_the_config(tmp_path, clock, ana):
    path = tmp_path / "team" / "journal.db"
    umask = os.umask(0)
    try:
        for mode in (0o660, 0o640, 0o600):
            journal = open_sqlite(path, mode, clock)
            journal.append(STREAM, NoteAdded(text="x"), ana)
            assert {p.name: mode_of(p) for p in path.parent.iterdir()} == {
                "journal.db": mode,
                "journal.db-wal": mode,
                "journal.db-shm": mode,
            }
            journal.close()
    finally:
        os.umask(umask)
    assert mode_of(path.parent) == 0o770, "the group can reach what it may write"


def test_durable_shared_and_checked(journal):
    pragma = {
        name: journal._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_the_default_wait_is_about_three_seconds(journal):
    assert journal._db.execute("PRAGMA busy_timeout").fetchone() == (3000,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'eve' WHERE seq = 2",
        "DELETE FROM events WHERE seq = 5",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events SELECT seq, at, 'eve', host, stream, kind, epoch, body, prev, hash FROM events WHERE seq = 2",
        "INSERT INTO events SELECT 9, at, actor, host, stream, kind, epoch, body, 'x', hash FROM events WHERE seq = 2",
        "INSERT INTO events SELECT 6, at, actor, host, stream, kind, epoch, body, prev, hash FROM events WHERE seq = 5",
        "UPDATE blobs SET content = x'00'",
        "DELETE FROM blobs",
        "INSERT OR REPLACE INTO blobs SELECT digest, size, x'00' FROM blobs",
        "DELETE FROM leases",
        "UPDATE leases SET epoch = 0",
        "INSERT OR REPLACE INTO leases SELECT stream, 'eve', 1, 9e9, 1, 0 FROM leases",
    ],
)
def test_the_guards(filled, path, statement):
    db = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(statement)
    db.close()
    assert filled.verify().findings == ()


def test_prev_is_unique_even_without_the_guards(filled, path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("DROP TRIGGER events_in_order")
    with pytest.raises(sqlite3.IntegrityError, match=r"events\.prev"):
        db.execute(
            "INSERT INTO events SELECT 6, at, actor, host, stream, kind, epoch, body, prev, hash FROM events WHERE seq = 5"
        )
    db.close()
    assert [finding.what for finding in filled.verify().findings] == [
        "the database lacks its events_in_order: a guard was removed"
    ]


def test_reading_never_writes(filled, path, clock, ana):
    reader = open_sqlite(path, 0o600, clock, read_only=True)
    assert list(reader.read()) == list(filled.read())
    for attempt in (
        lambda: reader.append(STREAM, NoteAdded(text="x"), ana),
        lambda: reader.take_lease(STREAM, "two", 60, ana, force=True),
        lambda: reader.put_blob(b"new"),
    ):
        with pytest.raises(JournalUnreachable, match="read-only"):
            attempt()
    assert reader.verify().findings == ()
    reader.close()


def test_reading_creates_nothing(path, clock):
    with pytest.raises(JournalUnreachable, match="there is no journal"):
        open_sqlite(path, 0o600, clock, read_only=True)
    with pytest.raises(JournalUnreachable, match="there is no journal"):
        verify_file(path)
    assert not path.parent.exists()


def test_a_reader_sees_new_events_by_polling(journal, path, clock, ana):
    reader = open_sqlite(path, 0o600, clock, read_only=True)
    before = reader.head()
    event = journal.append(STREAM, NoteAdded(text="x"), ana)
    assert reader.head() != before
    assert reader.head() == (1, event.hash)
    reader.close()


def test_two_connections_write_one_chain(journal, path, clock, ana):
    other = open_sqlite(path, 0o600, clock)
    for n in range(10):
        (journal if n % 2 else other).append(STREAM, NoteAdded(text=str(n)), ana)
    assert [e.body.text for e in other.read()] == [str(n) for n in range(10)]
    assert other.verify().findings == ()
    other.close()
    assert problems(path) == []


def test_history_survives_closing(path, clock, ana):
    for n in range(3):
        journal = open_sqlite(path, 0o600, clock)
        assert journal.append(STREAM, NoteAdded(text=str(n)), ana).seq == n + 1
        journal.close()
    assert [p.name for p in path.parent.iterdir()] == ["journal.db"], "nothing is left beside it"
    assert verify_file(path).events == 3


def test_a_newer_journal_is_left_alone(filled, path, clock):
    filled.close()
    db = sqlite3.connect(path)
    db.execute("UPDATE schema_version SET version = ?", (schema.VERSION + 1,))
    db.commit()
    db.close()
    before = path.read_bytes()
    for attempt in (lambda: open_sqlite(path, 0o600, clock), lambda: verify_file(path)):
        with pytest.raises(JournalUnreachable, match="newer rolloutctl"):
            attempt()
    assert path.read_bytes() == before


def test_somebody_elses_database_is_left_alone(path, clock):
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE songs (title)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(JournalUnreachable, match="not a rolloutctl journal"):
        open_sqlite(path, 0o600, clock)
    assert path.read_bytes() == before


def test_a_journal_without_its_version(filled, path, clock):
    db = sqlite3.connect(path)
    db.execute("DELETE FROM schema_version")
    db.commit()
    db.close()
    with pytest.raises(JournalCorrupt, match="which version"):
        open_sqlite(path, 0o600, clock)


def test_a_path_with_every_odd_character(tmp_path, clock, ana):
    path = tmp_path / "a b?c#d%20&mode=memory" / "jo'urnal.db"
    journal = open_sqlite(path, 0o600, clock)
    journal.append(STREAM, NoteAdded(text="x"), ana)
    journal.close()
    assert verify_file(path).events == 1


def test_a_relative_path(tmp_path, monkeypatch, ana):
    monkeypatch.chdir(tmp_path)
    journal = open_sqlite(Path("journal.db"), 0o600, lambda: datetime.now(UTC))
    journal.append(STREAM, NoteAdded(text="x"), ana)
    journal.close()
    assert verify_file(tmp_path / "journal.db").events == 1


def test_a_misuse_is_not_dressed_up(journal, ana):
    journal.close()
    journal.close()
    with pytest.raises(sqlite3.ProgrammingError):
        journal.head()
    with pytest.raises(sqlite3.ProgrammingError):
        journal.append(STREAM, NoteAdded(text="x"), ana)


def test_a_failing_clock_leaves_no_half_event(journal, ana, monkeypatch):
    def broken():
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(journal, "_clock", broken)
        with pytest.raises(KeyboardInterrupt):
            journal.append(STREAM, NoteAdded(text="x"), ana)
    assert journal.append(STREAM, NoteAdded(text="y"), ana).seq == 1
