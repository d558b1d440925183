"""Somebody edits the journal's file. The guards are lifted first and put back after, so that the chain alone must tell."""

import hashlib
import json
import random
import sqlite3
import zlib
from contextlib import closing, suppress
from datetime import UTC, datetime

import pytest

from rolloutctl.errors import JournalCorrupt, JournalUnreachable
from rolloutctl.journal import schema
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.journal.verify import verify_file
from rolloutctl.model.events import FlagFailed, NoteAdded, VerdictChanged
from rolloutctl.ports import Author

ANA = Author("ana", "host-1")
AT = datetime(2026, 1, 5, 10, 0, 0, 7, tzinfo=UTC)
STREAM = "rollout/checkout#1"
OTHER = "rollout/search#1"
TEXT_COLUMNS = ("at", "actor", "host", "stream", "kind", "body", "prev", "hash")
CUT = "the journal was cut off or put back to an old copy"


@pytest.fixture
def path(tmp_path):
    """Eight events, two leases (one released), two blobs; closed, so that all is in one file."""
    path = tmp_path / "journal.db"
    journal = open_sqlite(path, 0o600, lambda: AT)
    lease = journal.take_lease(STREAM, "one", 60, ANA, force=False)
    journal.append_held(lease, FlagFailed(intent=1, at=AT), ANA)
    blob = journal.put_blob(b"cells " * 40)
    journal.append(STREAM, VerdictChanged(phase="five", criterion="errors", state="PASS", why="fine", at=AT, blob=blob), ANA)
    journal.put_blob(b"nobody names me")
    other = journal.take_lease(OTHER, "two", 60, ANA, force=False)
    journal.release_lease(other, ANA, "done")
    for n in range(3):
        journal.append(STREAM, NoteAdded(text=f"note {n}"), ANA)
    journal.close()
    assert verify_file(path).findings == ()
    return path


def tamper(path, *statements):
    db = sqlite3.connect(path, isolation_level=None)
    triggers = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    for name in triggers:
        db.execute(f"DROP TRIGGER {name}")
    for statement, *values in statements:
        assert db.execute(statement, values).rowcount != 0, "the edit must have changed something"
    for name in triggers:
        db.execute(schema.OBJECTS[name])
    db.close()


def found(path, witness=None):
    return [(finding.seq, finding.what) for finding in verify_file(path, [witness] if witness else ()).findings]


def head(path):
    verified = verify_file(path)
    return verified.head_seq, verified.head_hash


def flipped(text, at):
    return text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]


@pytest.mark.parametrize("column", TEXT_COLUMNS)
@pytest.mark.parametrize("seq", range(1, 9))
def test_one_character_of_any_column(path, column, seq):
    db = sqlite3.connect(path)
    (text,) = db.execute(f"SELECT {column} FROM events WHERE seq = ?", (seq,)).fetchone()
    db.close()
    tamper(path, (f"UPDATE events SET {column} = ? WHERE seq = ?", flipped(text, len(text) // 2), seq))
    seen = found(path)
    assert seq in {where for where, _ in seen}
    if column != "prev":
        assert (seq, "does not match its own hash: a column was changed") in seen


@pytest.mark.parametrize("epoch", [0, 2, 2**40])
def test_the_epoch(path, epoch):
    tamper(path, ("UPDATE events SET epoch = ? WHERE seq = 2", epoch))
    assert found(path) == [(2, "does not match its own hash: a column was changed")]


@pytest.mark.parametrize("column", TEXT_COLUMNS)
def test_bytes_that_are_no_text(path, column):
    tamper(path, (f"UPDATE events SET {column} = CAST(x'C328FF' AS TEXT) WHERE seq = 6",))
    assert (6, "does not match its own hash: a column was changed") in found(path)
    assert verify_file(path).events == 8, "the walk goes on behind it"


@pytest.mark.parametrize("value", ["x'00'", "1.5", "''"])
@pytest.mark.parametrize("column", TEXT_COLUMNS)
def test_a_value_of_another_type(path, column, value):
    tamper(path, (f"UPDATE events SET {column} = {value} WHERE seq = 6",))
    assert (6, "does not match its own hash: a column was changed") in found(path)


@pytest.mark.parametrize("seq", range(1, 8))
def test_an_event_removed(path, seq):
    tamper(path, ("DELETE FROM events WHERE seq = ?", seq))
    assert any(where == seq + 1 and what.endswith(f"event {seq} is missing") for where, what in found(path))


def test_an_event_removed_and_the_rest_moved_up(path):
    tamper(path, ("DELETE FROM events WHERE seq = 6",), ("UPDATE events SET seq = seq - 1 WHERE seq > 6",))
    assert {where for where, _ in found(path)} >= {6, 7}


def test_two_events_swapped(path):
    tamper(
        path,
        ("UPDATE events SET seq = 100 WHERE seq = 6",),
        ("UPDATE events SET seq = 6 WHERE seq = 7",),
        ("UPDATE events SET seq = 7 WHERE seq = 100",),
    )
    assert {where for where, _ in found(path)} >= {6, 7, 8}


def test_an_event_put_in_front(path):
    tamper(
        path,
        ("PRAGMA ignore_check_constraints = ON",),
        ("INSERT INTO events SELECT 0, at, actor, host, stream, kind, epoch, body, 'x', hash FROM events WHERE seq = 8",),
    )
    assert 0 in {where for where, _ in found(path)}


def test_an_event_added_without_the_hash(path):
    tamper(
        path, ("INSERT INTO events SELECT 9, at, actor, host, stream, kind, epoch, body, hash, hash FROM events WHERE seq = 8",)
    )
    assert found(path) == [(9, "does not match its own hash: a column was changed")]


def test_a_fork_needs_another_schema(path):
    table = schema.OBJECTS["events"]
    tamper(
        path,
        ("ALTER TABLE events RENAME TO old",),
        (table.replace(" UNIQUE", ""),),
        ("INSERT INTO events SELECT * FROM old",),
        ("DROP TABLE old",),
        (schema.OBJECTS["events_by_stream"],),
        ("INSERT INTO events SELECT 9, at, 'eve', host, stream, kind, epoch, body, prev, hash FROM events WHERE seq = 8",),
    )
    seen = found(path)
    assert (0, "the database's events was changed") in seen
    assert any(where == 9 and "not linked" in what for where, what in seen)


@pytest.mark.parametrize("keep", [0, 5, 7])
def test_a_cut_end_is_what_a_witness_is_for(path, keep):
    witness = head(path)
    tamper(path, ("DELETE FROM events WHERE seq > ?", keep))
    without = found(path)
    assert without == [] if keep >= 5 else all("lease" in what for _, what in without)
    assert "Without a witness, a journal that was cut off at the end" in verify_file(path).claims
    assert any(what.endswith(CUT) for _, what in found(path, witness))


def reseal(path):
    """Compute every hash anew, as the format says."""
    db = sqlite3.connect(path)
    before, links = "0" * 64, []
    for seq, *rest in db.execute("SELECT seq, at, actor, host, stream, kind, epoch, body FROM events ORDER BY seq"):
        text = json.dumps([seq, *rest, before], ensure_ascii=False, separators=(",", ":"))
        digest = hashlib.sha256(b"rolloutctl-journal-1\0" + text.encode()).hexdigest()
        links.append((before, digest, seq))
        before = digest
    db.close()
    tamper(path, *(("UPDATE events SET prev = ?, hash = ? WHERE seq = ?", f"~{seq}", "", seq) for *_, seq in links))
    tamper(path, *(("UPDATE events SET prev = ?, hash = ? WHERE seq = ?", *link) for link in links))


def test_a_full_rewrite_is_what_a_witness_is_for(path):
    early, late = (3, verify_at(path, 3)), head(path)
    tamper(path, ("UPDATE events SET actor = 'eve' WHERE seq = 6",))
    assert found(path)
    reseal(path)
    assert found(path) == [], "nothing in the file itself can tell"
    assert found(path, early) == [], "the witness is older than the edit"
    assert found(path, late) == [(8, "is not the event the witness saw: the journal was rewritten")]


def verify_at(path, seq):
    db = sqlite3.connect(path)
    (digest,) = db.execute("SELECT hash FROM events WHERE seq = ?", (seq,)).fetchone()
    db.close()
    return digest


def test_an_untouched_rewrite_is_no_rewrite(path):
    witness = head(path)
    reseal(path)
    assert found(path, witness) == []


def test_a_rewrite_cannot_make_a_stale_driver_current(path):
    tamper(path, ("UPDATE events SET epoch = 2 WHERE seq = 2",))
    reseal(path)
    assert found(path) == [(2, f"was written with epoch 2 while the lease of {STREAM} was epoch 1")]


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE blobs SET content = CAST(substr(content, 1, 12) || x'FF' || substr(content, 14) AS BLOB)",
        "UPDATE blobs SET content = CAST(content || x'00' AS BLOB)",
        "UPDATE blobs SET content = substr(content, 1, length(content) - 1)",
        "UPDATE blobs SET content = x''",
        "UPDATE blobs SET content = 'text'",
        "UPDATE blobs SET size = size + 1",
        "UPDATE blobs SET size = size - 1",
        "UPDATE blobs SET size = -1",
        "UPDATE blobs SET size = 9223372036854775807",
        "UPDATE blobs SET digest = replace(digest, substr(digest, 1, 1), 'x')",
    ],
)
def test_a_blob_changed(path, edit):
    tamper(path, (edit,))
    digests = {what for _, what in found(path)}
    assert sum("does not match its digest" in what for what in digests) == 2


def test_a_blob_exchanged_for_a_valid_one(path):
    tamper(path, ("UPDATE blobs SET content = ?, size = 3 WHERE size > 100", zlib.compress(b"bad")))
    (where, what), *_ = found(path)
    assert where == 3
    assert "does not match its digest" in what
    journal = open_sqlite(path, 0o600, lambda: AT)
    with pytest.raises(JournalCorrupt, match="does not match its digest"):
        journal.get_blob(hashlib.sha256(b"cells " * 40).hexdigest())
    journal.close()


def test_a_blob_removed(path):
    tamper(path, ("DELETE FROM blobs",))
    ((where, what),) = found(path)
    assert where == 3
    assert "missing" in what
    assert "Blobs that no event names" in verify_file(path).claims


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ("UPDATE leases SET epoch = 7 WHERE epoch = 1", "says epoch 7"),
        ("UPDATE leases SET holder = 'eve'", "says eve holds"),
        ("UPDATE leases SET released = 1 - released", "differ on whether"),
        ("DELETE FROM leases", "has no row for"),
        ("UPDATE leases SET stream = stream || 'x'", "was never taken"),
    ],
)
def test_the_lease_table(path, edit, said):
    tamper(path, (edit,))
    seen = [what for _, what in found(path)]
    assert sum(said in what for what in seen) == 2


@pytest.mark.parametrize("name", [name for name, sql in schema.OBJECTS.items() if "TRIGGER" in sql or "INDEX" in sql])
def test_a_guard_removed_or_hollowed(path, name):
    db = sqlite3.connect(path)
    kind = "TRIGGER" if "TRIGGER" in schema.OBJECTS[name] else "INDEX"
    db.execute(f"DROP {kind} {name}")
    db.close()
    assert found(path) == [(0, f"the database lacks its {name}: a guard was removed")]
    db = sqlite3.connect(path)
    db.execute(f"CREATE INDEX {name} ON events (host)")
    db.execute("CREATE TRIGGER eve AFTER INSERT ON blobs BEGIN SELECT 1; END")
    db.close()
    assert found(path) == [
        (0, f"the database's {name} was changed"),
        (0, "the database holds eve, which is not part of a journal"),
    ]


def test_an_index_that_hides_an_event(path):
    db = sqlite3.connect(path, isolation_level=None)
    (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'events_by_stream'").fetchone()
    db.execute("PRAGMA writable_schema = ON")
    db.execute("DROP INDEX events_by_stream")
    db.execute("CREATE INDEX events_by_stream ON events (stream) WHERE seq <> 6")
    db.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'events_by_stream'", (sql,))
    db.close()
    assert any("damaged" in what for _, what in found(path))


def contents(path):
    journal = open_sqlite(path, 0o600, lambda: AT, read_only=True)
    try:
        leases = [(lease.holder, lease.epoch) for stream in (STREAM, OTHER) if (lease := journal.lease(stream))]
        return [list(journal.read()), list(journal.read(STREAM)), list(journal.read(OTHER)), list(journal.streams()), leases]
    finally:
        journal.close()


def test_a_bit_flipped_anywhere_in_the_file(path):
    """Found, refused with a sentence, or without any effect on what is read."""
    original, right = path.read_bytes(), contents(path)
    random_ = random.Random(7)
    used = [at for at, byte in enumerate(original) if byte]
    outcomes = {"found": 0, "refused": 0, "harmless": 0}
    for at in random_.sample(used, 700):
        damaged = bytearray(original)
        damaged[at] ^= 1 << random_.randrange(8)
        path.write_bytes(damaged)
        try:
            findings = found(path)
        except (JournalCorrupt, JournalUnreachable):
            outcomes["refused"] += 1
            continue
        if not findings:
            assert contents(path) == right, f"byte {at} changes what is read and is not found"
        outcomes["found" if findings else "harmless"] += 1
        # Whoever goes on without verifying gets a sentence or an answer, never anything else.
        with suppress(JournalCorrupt, JournalUnreachable), closing(open_sqlite(path, 0o600, lambda: AT)) as journal:
            contents(path)
            held = journal.take_lease(STREAM, "next", 60, ANA, force=True)
            journal.append_held(held, FlagFailed(intent=1, at=AT), ANA)
    assert outcomes["found"] > 400, outcomes
