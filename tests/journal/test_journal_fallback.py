"""Events that could not be journalled: kept in a file, then taken into the chain exactly once."""

import fcntl
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from rolloutctl.errors import JournalUnreachable
from rolloutctl.journal import fallback
from rolloutctl.journal.fallback import FallbackFile, recover
from rolloutctl.model.events import FlagFailed, JournalRecovered, RollbackRequested, body_json
from rolloutctl.model.kinds import JOURNAL_STREAM, Kind

AT = datetime(2026, 1, 5, 3, 0, 0, 42, tzinfo=UTC)
ASKED = body_json(RollbackRequested(why="errors – now"))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "fallback.jsonl"


def write(file, *, kind=Kind.ROLLBACK_REQUESTED, body=ASKED, count=1):
    for _ in range(count):
        FallbackFile(file).write(kind, body, AT, "ana", "host-1", stream="rollout/a#1")


def recovered(file):
    return sorted(p.name for p in file.parent.iterdir() if p.name.startswith(file.name))


def test_a_line_says_what_the_journal_would_have(file):
    write(file)
    write(file, kind=Kind.FLAG_FAILED, body=body_json(FlagFailed(intent=3, at=AT)))
    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert first == {
        "v": 1,
        "at": "2026-01-05T03:00:00.000042Z",
        "actor": "ana",
        "host": "host-1",
        "stream": "rollout/a#1",
        "kind": "rollback.requested",
        "body": ASKED,
    }
    assert json.loads(second["body"])["intent"] == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_names_that_are_no_text_do_not_stop_a_rollback(file):
    FallbackFile(file).write(Kind.ROLLBACK_REQUESTED, ASKED, AT, "a\udcff\n", "h")
    assert json.loads(file.read_text())["actor"] == "a\udcff\n"


def test_recovering(journal, file, ana):
    write(file, count=3)
    content = file.read_bytes()
    event = recover(journal, file, ana)
    digest = sha256(content).hexdigest()
    assert event.stream == JOURNAL_STREAM
    assert event.body == JournalRecovered(file_digest=digest, blob=digest, lines=3)
    assert journal.get_blob(event.body.blob) == content
    assert recovered(file) == [f"{file.name}.{digest[:12]}.recovered"]
    assert journal.verify().findings == ()
    assert recover(journal, file, ana) is None
    assert journal.head()[0] == 1


def test_nothing_to_recover(journal, file, ana):
    assert recover(journal, file, ana) is None
    file.parent.mkdir(exist_ok=True)
    assert recover(journal, file, ana) is None
    file.touch()
    assert recover(journal, file, ana) is None, "an empty file holds no event"
    assert not file.exists()
    assert journal.head()[0] == 0


@pytest.mark.parametrize("at", ["_claim", "_journalled", "put_blob", "append", "rename"])
def test_a_crash_at_any_point_is_made_good(journal, file, ana, monkeypatch, at):
    write(file, count=2)
    content = file.read_bytes()
    append = journal.append
    with monkeypatch.context() as patched:
        match at:
            case "_claim" | "_journalled":
                patched.setattr(fallback, at, stop)
            case "rename":
                patched.setattr(journal, "append", lambda *args: (append(*args), stop()))
            case _:
                patched.setattr(journal, at, stop)
        with pytest.raises(KeyboardInterrupt):
            recover(journal, file, ana)
    event = recover(journal, file, ana)
    assert (event is None) == (at == "rename"), "what is in the chain already is only renamed"
    (only,) = journal.read(JOURNAL_STREAM)
    assert journal.get_blob(only.body.blob) == content
    assert recovered(file) == [f"{file.name}.{sha256(content).hexdigest()[:12]}.recovered"]
    assert recover(journal, file, ana) is None


def stop(*_args):
    raise KeyboardInterrupt


def test_the_same_bytes_put_back_are_not_journalled_twice(journal, file, ana):
    write(file)
    content = file.read_bytes()
    recover(journal, file, ana)
    file.write_bytes(content)
    assert recover(journal, file, ana) is None
    assert journal.head()[0] == 1
    assert not file.exists()


def test_lines_written_after_a_crash_are_a_second_event(journal, file, ana):
    write(file)
    file.rename(file.with_name(file.name + ".recovering"))
    write(file, count=2)
    event = recover(journal, file, ana)
    assert event.body.lines == 2
    assert [e.body.lines for e in journal.read(JOURNAL_STREAM)] == [1, 2]


def test_a_torn_line_stays_apart(file):
    write(file)
    with file.open("ab") as torn:
        torn.write(b'{"at":"2026')
    write(file)
    lines = file.read_bytes().splitlines()
    assert lines[1] == b'{"at":"2026'
    assert json.loads(lines[2])["kind"] == "rollback.requested"


def test_a_stopped_process_with_the_lock_does_not_hold_up_a_rollback(file, monkeypatch):
    monkeypatch.setattr(fallback, "_PATIENCE", 3)
    write(file)
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        write(file)
    assert len(file.read_text().splitlines()) == 2


def test_two_recover_at_once(journal, file, ana):
    write(file)
    folder = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    assert recover(journal, file, ana) is None, "another process is at it"
    assert file.exists()
    os.close(folder)
    assert recover(journal, file, ana) is not None


def test_many_processes_write_whole_lines(file):
    program = (
        "import sys\nfrom datetime import UTC, datetime\nfrom pathlib import Path\n"
        "from rolloutctl.journal.fallback import FallbackFile\nfrom rolloutctl.model.kinds import Kind\n"
        "for n in range(30): FallbackFile(Path(sys.argv[1])).write(Kind.NOTE_ADDED, '{\"text\":\"%s\"}' % ('x' * 500),"
        " datetime.now(UTC), sys.argv[2], str(n))\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", program, str(file), name]) for name in ("one", "two")]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for name in ("one", "two"):
        assert [line["host"] for line in lines if line["actor"] == name] == [str(n) for n in range(30)]


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "full"])
def test_where_no_file_can_be_written_it_says_so(file, tmp_path, kind, monkeypatch):
    file.parent.mkdir()
    match kind:
        case "folder":
            file.mkdir()
        case "link":
            file.symlink_to(tmp_path / "elsewhere")
        case "pipe":
            os.mkfifo(file)
        case "full":
            monkeypatch.setattr(os, "write", lambda handle, line: len(line) // 2)
    with pytest.raises(JournalUnreachable, match=f"not even the fallback file {file} can be written") as caught:
        write(file)
    assert "goes on" in caught.value.remedy
    assert not (tmp_path / "elsewhere").exists()


def test_a_line_that_did_not_fit_leaves_nothing(file, monkeypatch):
    write(file)
    before = file.read_bytes()
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, line: real(handle, line[:10]))
    with pytest.raises(JournalUnreachable):
        write(file)
    assert file.read_bytes() == before


def test_a_journal_that_is_away_keeps_the_file(journal, file, ana, monkeypatch):
    write(file)

    def away(*_args):
        raise JournalUnreachable("it is locked.")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "append", away)
        with pytest.raises(JournalUnreachable):
            recover(journal, file, ana)
    assert recover(journal, file, ana).body.lines == 1
