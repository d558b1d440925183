"""Several processes on one journal: racing, killed in the middle, paused past their lease."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from rolloutctl.errors import JournalUnreachable
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.journal.verify import verify_file
from rolloutctl.model.events import FlagFailed
from rolloutctl.model.kinds import Kind
from rolloutctl.ports import Author

APPENDER = Path(__file__).parent.parent / "journal" / "appender.py"
ANA = Author("ana", "host-1")


@contextmanager
def appender(path, name, count, stream=""):
    process = subprocess.Popen(
        [sys.executable, APPENDER, path, name, str(count), *([stream] if stream else [])], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        process.stdout.close()


def now():
    return datetime.now(UTC)


def test_a_race_for_a_journal_that_is_not_there_yet(tmp_path):
    path = tmp_path / "deep" / "journal.db"
    with appender(path, "one", 150) as one, appender(path, "two", 150) as two:
        seqs = [[int(line) for line in process.stdout] for process in (one, two)]
        assert [one.wait(60), two.wait(60)] == [0, 0]
    assert sorted(seqs[0] + seqs[1]) == list(range(1, 301)), "every event has its own number, and there is no gap"
    assert [entry.name for entry in path.parent.iterdir()] == ["journal.db"]
    journal = open_sqlite(path, 0o600, now, read_only=True)
    for name, own in zip(("one", "two"), seqs, strict=True):
        events = journal.read(f"rollout/{name}#1")
        assert [event.seq for event in events] == own
        assert [event.body.text for event in events] == [str(n) for n in range(150)]
    journal.close()
    assert verify_file(path).findings == ()


def test_a_reader_follows_while_others_write(tmp_path):
    path = tmp_path / "journal.db"
    open_sqlite(path, 0o600, now).close()
    reader = open_sqlite(path, 0o600, now, read_only=True)
    seen = []
    with appender(path, "one", 80) as one, appender(path, "two", 80) as two:
        while len(seen) < 160 and (one.poll() or two.poll() or 0) == 0:
            fresh = reader.read(after=seen[-1].seq if seen else 0)
            if not fresh:
                time.sleep(0.002)
                continue
            seen.extend(fresh)
            assert reader.verify([(seen[-1].seq, seen[-1].hash)]).findings == ()
    assert [event.seq for event in seen] == list(range(1, 161))
    for older, newer in pairwise(seen):
        assert newer.prev == older.hash
    reader.close()


@pytest.mark.parametrize("after", [1, 7, 40, 133])
def test_killed_in_the_middle_of_appends(tmp_path, after):
    path = tmp_path / "journal.db"
    acknowledged = 0
    for round_ in range(2):
        with appender(path, f"life{round_}", 0) as process:
            for _ in range(after):
                acknowledged = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
            acknowledged = max([acknowledged, *(int(line) for line in process.stdout if line.endswith("\n"))])
        verified = verify_file(path)
        assert verified.findings == ()
        assert verified.head_seq in {acknowledged, acknowledged + 1}, "acknowledged is durable; one more may be on its way"
    journal = open_sqlite(path, 0o600, now)
    lease = journal.take_lease("rollout/a#1", "next", 60, ANA, force=False)
    assert journal.append_held(lease, FlagFailed(intent=1, at=now()), ANA).seq == verified.head_seq + 2
    journal.close()
    assert verify_file(path, [(verified.head_seq, verified.head_hash)]).findings == ()


def test_a_driver_paused_past_its_lease_writes_nothing_more(tmp_path):
    path = tmp_path / "journal.db"
    stream = "rollout/a#1"
    with appender(path, "sleeper", 0, stream) as process:
        for _ in range(3):
            assert int(process.stdout.readline())
        journal = open_sqlite(path, 0o600, now)
        stop_outside_a_transaction(process, journal)
        time.sleep(0.6)
        lease = journal.take_lease(stream, "fresh", 60, ANA, force=False)
        assert (lease.holder, lease.epoch) == ("fresh", 2), "the lease had run out"
        journal.append_held(lease, FlagFailed(intent=1, at=now()), ANA)
        os.kill(process.pid, signal.SIGCONT)
        *_, last = process.stdout
        assert last.startswith("LOST sleeper does not drive rollout/a#1 any more: its lease had epoch 1, now fresh holds it")
        assert process.wait(30) == 0
    events = journal.read(stream)
    after = [event for event in events if event.seq > next(e.seq for e in events if e.kind is Kind.LEASE_TAKEN and e.epoch == 2)]
    assert [(event.actor, event.epoch) for event in after] == [("ana", 2)]
    assert journal.verify().findings == ()
    journal.close()


def stop_outside_a_transaction(process, journal):
    """Stop it where it does not hold the write lock; a driver stopped with the lock in hand is `locked`."""
    for _ in range(100):
        os.kill(process.pid, signal.SIGSTOP)
        journal._db.execute("PRAGMA busy_timeout = 50")
        try:
            journal.put_blob(os.urandom(8))
        except JournalUnreachable:
            os.kill(process.pid, signal.SIGCONT)
            time.sleep(0.005)
        else:
            journal._db.execute("PRAGMA busy_timeout = 3000")
            return
    raise AssertionError("it was never outside a transaction")


def test_a_takeover_by_force_while_the_other_writes(tmp_path):
    path = tmp_path / "journal.db"
    stream = "rollout/a#1"
    with appender(path, "driver", 0, stream) as process:
        for _ in range(5):
            assert int(process.stdout.readline())
        journal = open_sqlite(path, 0o600, now)
        lease = journal.take_lease(stream, "rollback", 60, ANA, force=True)
        assert lease.epoch == 2
        assert journal.read(stream)[-1].body.takeover_of == "driver"
        *_, last = process.stdout
        assert last.startswith("LOST driver")
    assert [event.epoch for event in journal.read(stream)] == [1] * (len(journal.read(stream)) - 1) + [2]
    assert journal.verify().findings == ()
    journal.close()
