"""What every store must do, said through `ports.Journal` alone."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest

from rolloutctl.errors import InvalidInput, JournalCorrupt, LeaseLost
from rolloutctl.journal.postgres.store import open_postgres
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.events import (
    Body,
    FlagFailed,
    HoldRequested,
    LeaseReleased,
    LeaseTaken,
    NoteAdded,
    PhaseReady,
    VerdictChanged,
    body_json,
    event_hash,
)
from rolloutctl.model.kinds import GENESIS, Kind
from rolloutctl.ports import Author, Journal

STREAM = "rollout/checkout#1"
OTHER = "rollout/search#1"
AT = datetime(2026, 1, 5, tzinfo=UTC)
EFFECT = FlagFailed(intent=1, at=AT)


@pytest.fixture(
    params=[
        pytest.param("sqlite"),
        pytest.param("postgres", marks=[pytest.mark.service, pytest.mark.xdist_group("postgres")]),
    ]
)
def journal(request: pytest.FixtureRequest, clock: Callable[[], datetime]) -> Iterator[Journal]:
    """The store under test."""
    if request.param == "sqlite":
        opened: Journal = open_sqlite(request.getfixturevalue("path"), 0o600, clock)
    else:
        opened = open_postgres(request.getfixturevalue("database").url, clock)
    yield opened
    opened.close()


def test_an_empty_journal(journal):
    assert journal.head() == (0, GENESIS)
    assert list(journal.read()) == []
    assert list(journal.streams()) == []
    assert journal.lease(STREAM) is None
    verified = journal.verify()
    assert (verified.events, verified.head_seq, verified.head_hash, verified.findings) == (0, 0, GENESIS, ())


def test_an_event_is_handed_out_as_it_was_written(journal, ana, clock):
    body = VerdictChanged(
        phase="five", criterion="errors", state="PASS", why="0,1 % – fine ✓", at=AT, evidence={"b": "2", "a": "1"}
    )
    written = journal.append(STREAM, body, ana)
    assert written.at == clock.at
    assert written.at.microsecond == 2
    assert (written.seq, written.stream, written.kind, written.epoch, written.prev) == (
        1,
        STREAM,
        Kind.VERDICT_CHANGED,
        0,
        GENESIS,
    )
    assert (written.actor, written.host, written.body, written.body_json) == ("ana", "host-1", body, body_json(body))
    assert list(journal.read()) == [written]


def test_the_chain_is_event_hash(journal, ana):
    events = [journal.append(STREAM, NoteAdded(text=f"note {n}"), ana) for n in range(5)]
    head = GENESIS
    for e in events:
        assert e.prev == head
        assert e.hash == event_hash(e.seq, e.at, e.actor, e.host, e.stream, e.kind, e.epoch, e.body_json, head)
        head = e.hash
    assert journal.head() == (5, head)


def test_a_clock_in_another_zone_is_stored_as_utc(journal, ana, monkeypatch):
    east = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    monkeypatch.setattr(journal, "_clock", lambda: east)
    journal.append(STREAM, NoteAdded(text="x"), ana)
    (event,) = journal.read()
    assert event.at == east
    assert event.at.tzinfo is UTC
    assert journal.verify().findings == ()


def test_read_by_stream_after_and_limit(journal, ana):
    for n in range(6):
        journal.append(STREAM if n % 2 else OTHER, NoteAdded(text=str(n)), ana)
    assert [e.seq for e in journal.read()] == [1, 2, 3, 4, 5, 6]
    assert [e.seq for e in journal.read(STREAM)] == [2, 4, 6]
    assert [e.seq for e in journal.read(STREAM, after=2, limit=1)] == [4]
    assert [e.seq for e in journal.read(after=4)] == [5, 6]
    assert list(journal.read(limit=0)) == []
    assert list(journal.read("rollout/none#1")) == []


def test_streams_are_those_of_rollouts_oldest_first(journal, ana):
    for stream in ("config", "rollout/z#1", "rollout/a#2", "journal", "rollout/a#1", "rollout/z#1", "rollout", "run/7"):
        journal.append(stream, NoteAdded(text="x"), ana)
    assert list(journal.streams()) == ["rollout/z#1", "rollout/a#2", "rollout/a#1"]


def test_an_effect_needs_a_lease(journal, ana):
    with pytest.raises(TypeError, match="effect"):
        journal.append(STREAM, EFFECT, ana)
    lease = journal.take_lease(STREAM, "one", 60, ana, force=False)
    event = journal.append_held(lease, EFFECT, ana)
    assert (event.kind, event.epoch, event.stream) == (Kind.FLAG_FAILED, 1, STREAM)
    assert journal.append_held(lease, PhaseReady(phase="five", at=AT), ana).epoch == 1
    assert journal.append(STREAM, HoldRequested(why="lunch"), ana).epoch == 0, "requests need no lease"
    assert journal.verify().findings == ()


@pytest.mark.parametrize("body", [LeaseTaken(holder="x", pid=1), LeaseReleased(holder="x")])
def test_lease_events_come_from_the_lease_alone(journal, ana, body):
    with pytest.raises(TypeError, match="lease"):
        journal.append(STREAM, body, ana)
    lease = journal.take_lease(STREAM, "one", 60, ana, force=False)
    with pytest.raises(TypeError, match="lease"):
        journal.append_held(lease, body, ana)


def test_a_body_that_is_no_kind_of_event_is_refused(journal, ana):
    with pytest.raises(TypeError):
        journal.append(STREAM, Body(), ana)


def test_a_lease_is_taken_once(journal, ana):
    lease = journal.take_lease(STREAM, "one", 60, ana, force=False)
    assert (lease.stream, lease.holder, lease.epoch) == (STREAM, "one", 1)
    assert 50 < lease.expires_in_s <= 60
    assert journal.take_lease(STREAM, "two", 60, ana, force=False) is None
    assert journal.take_lease(OTHER, "two", 60, ana, force=False).epoch == 1, "each stream has its own"
    taken = journal.read(STREAM)
    assert [(e.kind, e.epoch, e.body.holder, e.body.takeover_of) for e in taken] == [(Kind.LEASE_TAKEN, 1, "one", "")]


def test_taking_again_only_renews(journal, ana):
    first = journal.take_lease(STREAM, "one", 5, ana, force=False)
    again = journal.take_lease(STREAM, "one", 60, ana, force=True)
    assert again.epoch == first.epoch
    assert again.expires_in_s > 50
    assert len(journal.read()) == 1


def test_force_takes_over_and_the_other_is_told(journal, ana):
    first = journal.take_lease(STREAM, "one", 60, ana, force=False)
    second = journal.take_lease(STREAM, "two", 60, ana, force=True)
    assert second.epoch == 2
    before = journal.head()
    with pytest.raises(LeaseLost, match="two holds it with epoch 2"):
        journal.append_held(first, EFFECT, ana)
    assert journal.renew_leases([first], 60) == [None]
    journal.release_lease(first, ana, "quit")
    assert journal.head() == before, "the stale driver writes nothing"
    assert journal.lease(STREAM).holder == "two"
    assert journal.read(STREAM)[-1].body.takeover_of == "one"
    journal.append_held(second, EFFECT, ana)


def test_an_expired_lease_is_free_but_still_its_holders(journal, ana):
    lease = journal.take_lease(STREAM, "one", 0.001, ana, force=False)
    time.sleep(0.01)
    assert journal.lease(STREAM).expires_in_s < 0
    journal.append_held(lease, EFFECT, ana)
    time.sleep(0.01)
    other = journal.take_lease(STREAM, "two", 60, ana, force=False)
    assert other.epoch == 2
    assert journal.read(STREAM)[-1].body.takeover_of == "", "it had expired: nothing was taken over"
    with pytest.raises(LeaseLost):
        journal.append_held(lease, EFFECT, ana)


def test_writing_under_an_expired_lease_renews_it(journal, ana):
    lease = journal.take_lease(STREAM, "one", 0.5, ana, force=False)
    time.sleep(0.55)
    journal.append_held(lease, EFFECT, ana)
    assert journal.lease(STREAM).expires_in_s > 0
    assert journal.take_lease(STREAM, "two", 60, ana, force=False) is None


def test_one_lost_lease_keeps_no_other_from_being_renewed(journal, ana):
    streams = [STREAM, "rollout/other#1", "rollout/third#1"]
    held = [journal.take_lease(stream, "one", 1, ana, force=False) for stream in streams]
    journal.take_lease(streams[1], "two", 60, ana, force=True)
    before = journal.head()
    first, lost, third = journal.renew_leases(held, 600)
    assert lost is None
    assert [(lease.stream, lease.epoch) for lease in (first, third)] == [(streams[0], 1), (streams[2], 1)]
    assert all(journal.lease(stream).expires_in_s > 60 for stream in (streams[0], streams[2]))
    assert journal.lease(streams[1]).holder == "two"
    assert journal.head() == before, "a renewal is no event"
    assert journal.renew_leases([], 600) == []


def test_a_released_lease_is_nobodys(journal, ana):
    lease = journal.take_lease(STREAM, "one", 60, ana, force=False)
    journal.release_lease(lease, ana, "quit")
    released = journal.read(STREAM)[-1]
    assert (released.kind, released.epoch, released.body.why) == (Kind.LEASE_RELEASED, 1, "quit")
    assert journal.lease(STREAM).expires_in_s < 0
    assert journal.lease(STREAM).epoch == 1
    with pytest.raises(LeaseLost, match="released"):
        journal.append_held(lease, EFFECT, ana)
    assert journal.renew_leases([lease], 60) == [None]
    journal.release_lease(lease, ana, "again")
    assert journal.head()[0] == 2
    assert journal.take_lease(STREAM, "one", 60, ana, force=False).epoch == 2, "the same holder again is a new term"
    assert [e.kind for e in journal.read(STREAM)] == [Kind.LEASE_TAKEN, Kind.LEASE_RELEASED, Kind.LEASE_TAKEN]
    assert journal.verify().findings == ()


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf")])
def test_a_lease_lasts_a_positive_time(journal, ana, ttl):
    with pytest.raises(ValueError, match="cannot last"):
        journal.take_lease(STREAM, "one", ttl, ana, force=False)
    assert journal.head() == (0, GENESIS)
    assert journal.lease(STREAM) is None


def test_blobs_are_kept_by_content(journal):
    content = b"[plan]\n" * 1000
    digest = journal.put_blob(content)
    assert journal.put_blob(content) == digest
    assert journal.get_blob(digest) == content
    assert journal.get_blob(journal.put_blob(b"")) == b""
    with pytest.raises(JournalCorrupt, match="no blob"):
        journal.get_blob("0" * 64)
    assert journal.verify().findings == ()


def test_a_blob_that_an_event_names_must_exist(journal, ana):
    body = VerdictChanged(phase="five", criterion="errors", state="PASS", why="x", at=AT, blob=journal.put_blob(b"cells"))
    journal.append(STREAM, body, ana)
    assert journal.verify().findings == ()
    journal.append(STREAM, body.model_copy(update={"blob": "f" * 64}), ana)
    (finding,) = journal.verify().findings
    assert finding.seq == 2
    assert "missing" in finding.what


def test_an_event_and_the_blobs_it_names_are_one(journal, ana):
    lease = journal.take_lease(STREAM, "one", 60, ana, force=False)
    digests = [sha256(content).hexdigest() for content in (b"cells", b"more")]
    body = VerdictChanged(phase="five", criterion="errors", state="PASS", why="x", at=AT, blob=digests[0])
    for _ in range(2):
        journal.append_held(lease, body, ana, [b"cells", b"more"])
    assert [journal.get_blob(digest) for digest in digests] == [b"cells", b"more"]
    journal.take_lease(STREAM, "two", 60, ana, force=True)
    with pytest.raises(LeaseLost):
        journal.append_held(lease, body, ana, [b"too late"])
    with pytest.raises(JournalCorrupt, match="no blob"):
        journal.get_blob(sha256(b"too late").hexdigest())
    assert journal.verify().findings == ()


def test_what_looks_like_a_blob_inside_a_text_is_no_blob(journal, ana):
    journal.append(STREAM, NoteAdded(text='{"blob":"abc"}'), ana)
    journal.append(STREAM, VerdictChanged(phase="p", criterion="c", state="PASS", why="", at=AT, evidence={"blob": "abc"}), ana)
    assert journal.verify().findings == ()


def test_the_witness(journal, ana):
    events = [journal.append(STREAM, NoteAdded(text=str(n)), ana) for n in range(4)]
    assert journal.verify([(0, GENESIS)]).findings == ()
    for event in events:
        assert journal.verify([(event.seq, event.hash)]).findings == ()
        assert journal.verify([(event.seq, event.hash.upper())]).findings == ()
    (rewritten,) = journal.verify([(2, "a" * 64)]).findings
    assert rewritten.seq == 2
    (cut,) = journal.verify([(9, "a" * 64)]).findings
    assert "cut off" in cut.what
    assert "Without a witness" in journal.verify().claims
    assert "Up to event 2" in journal.verify([(2, events[1].hash)]).claims


def test_names_that_are_no_text_are_kept_readable(journal):
    event = journal.append(STREAM, NoteAdded(text="x"), Author("a\x1b[31m\udcff", "ho\nst"))
    assert (event.actor, event.host) == ("a\ufffd[31m\ufffd", "ho\ufffdst")
    assert list(journal.read()) == [event]
    assert journal.verify().findings == ()


def test_text_is_stored_in_one_spelling(journal):
    event = journal.append("rollout/cafe\u0301#1", NoteAdded(text="e\u0301"), Author("Ame\u0301lie", "h"))
    assert (event.stream, event.actor, event.body.text) == ("rollout/caf\xe9#1", "Am\xe9lie", "\xe9")
    assert journal.verify().findings == ()


@pytest.mark.parametrize("stream", ["", "rollout/a\nb#1", "rollout/\ud800#1"])
def test_a_stream_needs_a_name(journal, ana, stream):
    with pytest.raises(InvalidInput, match="cannot name a stream"):
        journal.append(stream, NoteAdded(text="x"), ana)
    assert journal.head() == (0, GENESIS)


def test_patience_holds_only_inside(journal, ana):
    with journal.patience(0):
        journal.append(STREAM, NoteAdded(text="nobody is in the way"), ana)
    journal.append(STREAM, NoteAdded(text="and the usual again"), ana)
    assert journal.head()[0] == 2
