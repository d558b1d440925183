"""A history moves between stores and into a file with every hash kept; what does not hold is not moved."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from independent_verifier import problems

from rolloutctl.errors import InvalidInput, JournalCorrupt, LeaseLost, Refused
from rolloutctl.journal.moving import copy, export, is_export, verify_export
from rolloutctl.journal.postgres.store import PostgresJournal, open_postgres
from rolloutctl.journal.sqlite import SqliteJournal, open_sqlite
from rolloutctl.model.events import FlagFailed, NoteAdded, VerdictChanged
from rolloutctl.ports import Author, Lease

ANA = Author("ana", "host-1")
AT = datetime(2026, 1, 5, 10, 0, 0, 7, tzinfo=UTC)
STREAM, OTHER = "rollout/checkout#1", "rollout/search#1"
Journal = SqliteJournal | PostgresJournal
ON_POSTGRES = [pytest.mark.service, pytest.mark.xdist_group("postgres")]
WAYS = [
    pytest.param("sqlite", "sqlite"),
    *(pytest.param(*way, marks=ON_POSTGRES) for way in (("sqlite", "postgres"), ("postgres", "sqlite"))),
]


def fill(journal: Journal) -> Lease:
    lease = journal.take_lease(STREAM, "one", 60, ANA, force=False)
    assert lease is not None
    journal.append_held(lease, FlagFailed(intent=1, at=AT, why="é ✓"), ANA)
    blob = journal.put_blob(b"cells " * 40)
    journal.append(STREAM, VerdictChanged(phase="five", criterion="errors", state="PASS", why="fine", at=AT, blob=blob), ANA)
    journal.put_blob(b"nobody names me")
    other = journal.take_lease(OTHER, "two", 60, ANA, force=False)
    assert other is not None
    journal.release_lease(other, ANA, "done")
    return lease


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Journal]:
    made: list[Journal] = []

    def opened(kind: str) -> Journal:
        if kind == "sqlite":
            journal: Journal = open_sqlite(tmp_path / f"{len(made)}.db", 0o600, lambda: AT)
        else:
            journal = open_postgres(request.getfixturevalue("database").url, lambda: AT)
        made.append(journal)
        request.addfinalizer(journal.close)
        return journal

    return opened


@pytest.mark.parametrize(("of", "to"), WAYS)
def test_a_copy_has_every_event_with_its_hash(make: Callable[[str], Journal], of: str, to: str) -> None:
    source, target = make(of), make(to)
    lease = fill(source)
    moved = copy(source, target)
    assert (moved.events, moved.blobs, (moved.head_seq, moved.head_hash)) == (5, 2, source.head())
    assert list(target.read()) == list(source.read())
    assert target.verify().findings == ()
    assert dict(target.raw_blobs()) == dict(source.raw_blobs())
    copied = target.lease(STREAM)
    assert copied is not None
    assert (copied.holder, copied.epoch, copied.expires_in_s < 0) == ("one", lease.epoch, True)
    assert target.take_lease(STREAM, "two", 60, ANA, force=False) is not None, "nobody drives a copy"
    with pytest.raises(LeaseLost):
        target.append_held(lease, FlagFailed(intent=1, at=AT), ANA)
    assert target.verify([(moved.head_seq, moved.head_hash)]).findings == ()


def test_two_histories_are_not_joined(make: Callable[[str], Journal]) -> None:
    source, target = make("sqlite"), make("sqlite")
    fill(source)
    target.append(STREAM, NoteAdded(text="mine"), ANA)
    with pytest.raises(Refused, match="holds a journal already"):
        copy(source, target)
    assert target.head()[0] == 1


def test_what_does_not_verify_is_not_copied(tmp_path: Path, make: Callable[[str], Journal]) -> None:
    source, target = make("sqlite"), make("sqlite")
    fill(source)
    with sqlite3.connect(tmp_path / "0.db") as eve:
        eve.execute("DROP TRIGGER events_unchanged")
        eve.execute("UPDATE events SET actor = 'eve' WHERE seq = 3")
    with pytest.raises(JournalCorrupt, match="event 3 does not match its own hash"):
        copy(source, target)
    assert target.head()[0] == 0


def test_what_is_written_meanwhile_stays_behind(make: Callable[[str], Journal]) -> None:
    source, target = make("sqlite"), make("sqlite")
    fill(source)
    blobs = source.raw_blobs

    def late() -> object:
        source.append(STREAM, NoteAdded(text="late"), ANA)
        return blobs()

    source.raw_blobs = late  # type: ignore[method-assign, assignment]
    assert copy(source, target).events == 5
    assert target.verify().findings == ()


def test_an_empty_history_is_one_too(make: Callable[[str], Journal]) -> None:
    assert copy(make("sqlite"), make("sqlite")).events == 0


@pytest.fixture
def exported(tmp_path: Path, make: Callable[[str], Journal]) -> Path:
    source = make("sqlite")
    fill(source)
    path = tmp_path / "journal.jsonl"
    path.write_text("".join(f"{line}\n" for line in export(source)))
    assert problems(tmp_path / "0.db") == []
    return path


def test_an_export_verifies_by_itself(exported: Path, make: Callable[[str], Journal]) -> None:
    assert is_export(exported)
    verified = verify_export(exported)
    assert (verified.events, verified.findings) == (5, ())
    assert verify_export(exported, [(verified.head_seq, verified.head_hash)]).findings == ()
    assert "cut off" in verify_export(exported, [(9, "a" * 64)]).findings[0].what


def test_an_edited_export_is_found_out(exported: Path) -> None:
    lines = exported.read_text().splitlines()
    for number, line in enumerate(lines):
        data = json.loads(line)
        for column in data.get("event", {}):
            value = data["event"][column]
            edited = data["event"] | {column: value + 1 if isinstance(value, int) else value + "x"}
            exported.write_text("\n".join([*lines[:number], json.dumps({"event": edited}), *lines[number + 1 :]]))
            assert verify_export(exported).findings, (number, column)
    exported.write_text("\n".join(line for line in lines if "blob" not in json.loads(line)))
    assert ["is missing" in finding.what for finding in verify_export(exported).findings] == [True]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda text: text[:-30], r"line 8: this is no line of JSON"),
        (lambda text: text.replace('"version":1', '"version":2', 1), "version 2"),
        (lambda text: text.replace("rolloutctl-journal-export", "something", 1), "line 1: this is no export"),
        (lambda text: text.replace('"seq":3', '"seq":"3"'), 'line 4: the column "seq"'),
        (lambda text: text.replace('"host":', '"guest":', 1), "line 2: an event has the columns"),
        (lambda text: text.replace('"content":"', '"content":"!'), "is no base64"),
        (lambda text: text.replace('"content":"', '"content":"AAAA'), "does not match its digest"),
        (lambda text: text + "[]\n", "line 9: this is no object"),
        (lambda text: text + "{}\n", "line 9: this is neither"),
    ],
)
def test_a_damaged_export_names_the_line(exported: Path, edit: Callable[[str], str], said: str) -> None:
    exported.write_text(edit(exported.read_text()))
    with pytest.raises(InvalidInput, match=said):
        verify_export(exported)


@given(st.binary(max_size=200), st.integers(0, 400))
def test_any_bytes_are_verified_or_refused_with_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    heading = json.dumps({"format": "rolloutctl-journal-export", "version": 1}).encode() + b"\n"
    path = tmp_path_factory.getbasetemp() / "fuzzed.jsonl"
    path.write_bytes((heading + junk)[:at] + junk)
    with suppress(InvalidInput):
        verify_export(path)
