"""The journal's file is away, full, locked, damaged or not ours: a sentence, and nothing lost."""

import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolloutctl.errors import JournalCorrupt, JournalUnreachable
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.journal.verify import verify_file
from rolloutctl.model.events import FlagFailed, NoteAdded
from rolloutctl.ports import Author

ANA = Author("ana", "host-1")
AT = datetime(2026, 1, 5, tzinfo=UTC)
STREAM = "rollout/a#1"
NOBODY = 65534


def opened(path, **options):
    return open_sqlite(path, 0o600, lambda: AT, **options)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "journal.db"
    journal = opened(path)
    for n in range(30):
        journal.append(STREAM, NoteAdded(text=f"{n} " + "x" * 400), ANA)
    journal.close()
    return path


@pytest.mark.parametrize("what", ["folder", "link", "dangling", "pipe", "socket"])
@pytest.mark.parametrize("beside", ["", "-wal", "-shm"])
def test_something_else_stands_there(path, tmp_path, what, beside):
    place = path.with_name(path.name + beside)
    kept = tmp_path / "kept.db"
    if not beside:
        path.rename(kept)
    with socket.socket(socket.AF_UNIX) as listening:
        match what:
            case "folder":
                place.mkdir()
            case "link" | "dangling":
                place.symlink_to(kept if what == "link" else tmp_path / "nowhere")
            case "pipe":
                os.mkfifo(place)
            case "socket":
                listening.bind(str(place))
        for attempt in (lambda: opened(path), lambda: opened(path, read_only=True), lambda: verify_file(path)):
            with pytest.raises(JournalUnreachable, match="plain file") as caught:
                attempt()
            assert str(place) in caught.value.message
            assert caught.value.remedy
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("content", [b"x" * 5000, b"\x00" * 4096, b"[plan]\n" * 600], ids=["letters", "zeros", "a plan"])
def test_it_is_no_database(path, content):
    path.write_bytes(content)
    for attempt in (lambda: opened(path), lambda: verify_file(path)):
        with pytest.raises(JournalCorrupt) as caught:
            attempt()
        assert "journal" in caught.value.message
        assert caught.value.remedy
    assert path.read_bytes() == content


def test_an_empty_file_is_a_lost_journal_and_not_a_new_one(path):
    path.write_bytes(b"")
    with pytest.raises(JournalCorrupt, match="cut off to nothing"):
        opened(path)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_a_file_cut_short(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    for use in (lambda journal: journal.read(), write_thirty):
        with pytest.raises(JournalCorrupt, match="damaged") as caught, closing(opened(path)) as journal:
            use(journal)
        assert "put back the last good copy" in caught.value.remedy
    with suppress(JournalCorrupt):
        assert any("damaged" in finding.what for finding in verify_file(path).findings)


def write_thirty(journal):
    for _ in range(30):
        journal.append(STREAM, NoteAdded(text="x" * 400), ANA)


@pytest.mark.parametrize("page", range(1, 8))
def test_a_page_overwritten(path, page):
    content = bytearray(path.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    said = []
    try:
        said = [finding.what for finding in verify_file(path).findings]
        with closing(opened(path)) as journal:
            write_thirty(journal)
            journal.read(STREAM)
    except JournalCorrupt as refused:
        said.append(refused.message)
    assert any("damaged" in what for what in said), said


@pytest.mark.parametrize("room", range(6))
def test_the_disk_is_full_at_an_append(path, room):
    journal = opened(path)
    lease = journal.take_lease(STREAM, "one", 60, ANA, force=False)
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count = {pages + room}")
    acknowledged = journal.head()[0]
    acknowledged, refused = append_until_refused(journal, lease, acknowledged)
    assert "disk or the quota is full" in refused.message
    assert "works without a journal" in refused.remedy
    assert journal.head()[0] == acknowledged
    with pytest.raises(JournalUnreachable):
        journal.put_blob(os.urandom(40_000))
    assert journal.verify().findings == ()
    journal._db.execute("PRAGMA max_page_count = 1000000")
    assert journal.append_held(lease, FlagFailed(intent=1, at=AT), ANA).seq == acknowledged + 1
    journal.close()
    assert verify_file(path).findings == ()


def append_until_refused(journal, lease, acknowledged):
    for n in range(100):
        try:
            acknowledged = journal.append_held(lease, FlagFailed(intent=n, why="x" * 600, at=AT), ANA).seq
        except JournalUnreachable as refused:
            return acknowledged, refused
    raise AssertionError("there was room for everything")


WRITE_UNTIL_IT_FAILS = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from rolloutctl.errors import JournalUnreachable
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.events import NoteAdded
from rolloutctl.ports import Author
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, limit = Path(sys.argv[1]), int(sys.argv[2])
try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    journal = open_sqlite(path, 0o600, lambda: datetime.now(UTC))
    for n in range(3000):
        print(journal.append("rollout/a#1", NoteAdded(text=str(n) + "x" * 300), Author("ana", "h")).seq, flush=True)
except JournalUnreachable as error:
    print("REFUSED", error)
"""


@pytest.mark.parametrize("limit", [0, 8_000, 50_000, 200_001])
def test_writes_really_fail(tmp_path, limit):
    """A file size limit: the operating system refuses bytes in the middle of a write."""
    path = tmp_path / "journal.db"
    done = subprocess.run(
        [sys.executable, "-c", WRITE_UNTIL_IT_FAILS, path, str(limit)], capture_output=True, text=True, timeout=60, check=True
    )
    *acknowledged, refused = done.stdout.splitlines()
    assert refused.startswith("REFUSED"), done.stderr
    assert [int(seq) for seq in acknowledged] == list(range(1, len(acknowledged) + 1))
    if limit < 50_000:
        assert list(tmp_path.iterdir()) == [], "no half-made journal stays behind"
        return
    verified = verify_file(path)
    assert verified.findings == ()
    assert verified.head_seq == len(acknowledged) > 0
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != limit, "only the other process was limited"


def test_locked_by_somebody_else(path):
    journal = opened(path, busy_s=0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    for attempt in (
        lambda: journal.append(STREAM, NoteAdded(text="x"), ANA),
        lambda: journal.take_lease(STREAM, "one", 60, ANA, force=True),
        lambda: journal.put_blob(b"x"),
    ):
        with pytest.raises(JournalUnreachable, match="locked") as caught:
            attempt()
        assert "works without a journal" in caught.value.remedy
    assert time.monotonic() - started < 2
    assert len(journal.read()) == 30, "looking is still possible"
    assert journal.verify().findings == ()
    another = opened(path, busy_s=0.1)
    assert another.head()[0] == 30, "opening needs no lock"
    another.close()
    other.execute("ROLLBACK")
    other.close()
    assert journal.append(STREAM, NoteAdded(text="x"), ANA).seq == 31
    journal.close()


def test_removed_or_replaced_while_in_use(path):
    journal = opened(path)
    away = path.with_name("away.db")
    shutil.copy(path, away)
    away.replace(path)
    with pytest.raises(JournalUnreachable, match="replaced while it was in use"):
        journal.append(STREAM, NoteAdded(text="x"), ANA)
    path.unlink()
    with pytest.raises(JournalUnreachable, match="removed, moved or replaced"):
        journal.append(STREAM, NoteAdded(text="x"), ANA)
    journal.close()


@pytest.fixture
def as_nobody():
    """Rights do not bind root: where the tests run as root, they go on as somebody else for the moment."""
    folder = Path(tempfile.mkdtemp(prefix="journal-rights-"))
    was = os.geteuid()
    folder.chmod(0o755)
    if was == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(was)
        shutil.rmtree(folder)


def test_a_folder_nobody_may_write_to(as_nobody):
    as_nobody.chmod(0o555)
    with pytest.raises(JournalUnreachable, match=r"cannot be created at .*Permission denied"):
        opened(as_nobody / "journal.db")
    with pytest.raises(JournalUnreachable, match=r"cannot be created at .*Permission denied"):
        opened(as_nobody / "deep" / "er" / "journal.db")


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_journal_nobody_may_write_to(as_nobody, what):
    path = as_nobody / "journal.db"
    journal = opened(path)
    event = journal.append(STREAM, NoteAdded(text="x"), ANA)
    journal.close()
    if what == "file":
        path.chmod(0o400)
    else:
        as_nobody.chmod(0o555)
    with pytest.raises(JournalUnreachable, match="read-only for this user") as caught:
        opened(path)
    assert "works without a journal" in caught.value.remedy
    verified = verify_file(path)
    assert (verified.head_seq, verified.head_hash, verified.findings) == (1, event.hash, ()), "an auditor can still check it"
    as_nobody.chmod(0o755)


def test_a_journal_nobody_may_read(as_nobody):
    path = as_nobody / "journal.db"
    opened(path).close()
    path.chmod(0)
    for attempt in (lambda: opened(path, read_only=True), lambda: verify_file(path)):
        with pytest.raises(JournalUnreachable, match="cannot be opened"):
            attempt()


def test_a_copy_in_use_is_not_read_as_if_at_rest(as_nobody):
    """With events in the -wal, `immutable` would leave them out."""
    path = as_nobody / "journal.db"
    journal = opened(path)
    journal.append(STREAM, NoteAdded(text="x"), ANA)
    copy = as_nobody / "copy"
    copy.mkdir()
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", copy / f"journal.db{end}")
    copy.chmod(0o555)
    with pytest.raises(JournalUnreachable, match="cannot be opened") as caught:
        verify_file(copy / "journal.db")
    assert "copy the file with its -wal" in caught.value.remedy
    copy.chmod(0o755)
    assert verify_file(copy / "journal.db").events == 1
    journal.close()
