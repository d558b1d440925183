"""Witnesses of the head: the file they are kept in, the command, and what a verification finds back to the newest of them."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.cli.app import run
from rolloutctl.engine.world.witness import add_witness, parse_witness, read_witnesses, show_witness
from rolloutctl.errors import InvalidInput, JournalUnreachable
from rolloutctl.journal.chain import COLUMNS, Findings, check_chain, row_hash
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.events import HeadWitnessed, NoteAdded
from rolloutctl.model.kinds import Kind
from rolloutctl.ports import Author

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
ANA = Author("ana", "host-1")
STREAM = "rollout/checkout#1"


# --- the file --------------------------------------------------------------------------------------------


def test_lines_are_added_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "witnesses"
    add_witness(file, (1, "a" * 64), AT, ANA)
    add_witness(file, (7, "b" * 64), AT, Author("an a\n", "høst"))
    assert file.read_text().splitlines() == [
        f"1 {'a' * 64} 2026-01-05T10:00:00.000000Z ana@host-1",
        f"7 {'b' * 64} 2026-01-05T10:00:00.000000Z an_a_@høst",
    ]
    assert read_witnesses(file) == [(1, "a" * 64), (7, "b" * 64)]
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_same_head_is_written_once(tmp_path: Path) -> None:
    file = tmp_path / "witnesses"
    for _ in range(3):
        add_witness(file, (1, "a" * 64), AT, ANA)
    add_witness(file, (1, "b" * 64), AT, ANA)
    assert read_witnesses(file) == [(1, "a" * 64), (1, "b" * 64)], "the same number with another hash is what it is all about"


def test_a_torn_line_is_named_and_the_next_one_stands_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "witnesses"
    add_witness(file, (1, "a" * 64), AT, ANA)
    with file.open("a") as torn:
        torn.write("2 bbbb")
    add_witness(file, (3, "c" * 64), AT, ANA)
    with pytest.raises(InvalidInput, match=r"witnesses:2: this line is no witness"):
        read_witnesses(file)
    assert parse_witness(" ".join(file.read_text().splitlines()[2].split()[:2])) == (3, "c" * 64)


@pytest.mark.parametrize("what", ["folder", "link", "missing"])
def test_what_is_no_plain_file_is_a_sentence(tmp_path: Path, what: str) -> None:
    file = tmp_path / "witnesses"
    if what == "folder":
        file.mkdir()
    if what == "link":
        file.symlink_to(tmp_path / "elsewhere")
    if what != "missing":
        with pytest.raises(JournalUnreachable, match="cannot be written"):
            add_witness(file, (1, "a" * 64), AT, ANA)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_witnesses(file)


@given(st.text(max_size=100) | st.from_regex(r"\s?[0-9]{1,20}\s+[0-9a-fA-F]{63,65}\s?"))
def test_any_text_is_a_witness_or_a_sentence(text: str) -> None:
    try:
        found = parse_witness(text)
    except InvalidInput:
        return
    assert parse_witness(show_witness(found)) == found


# --- comparing -------------------------------------------------------------------------------------------


def chain(count: int, word: str = "", changed_from: int = 10**9) -> list[tuple]:
    rows, head = [], "0" * 64
    for seq in range(1, count + 1):
        text = f'{{"text":"{word if seq >= changed_from else seq}","v":1}}'
        digest = row_hash(seq, "t", "a", "h", STREAM, "note.added", 0, text, head)
        rows.append((seq, "t", "a", "h", STREAM, "note.added", 0, text, head, digest))
        head = digest
    return rows


@given(st.integers(1, 12), st.integers(1, 12), st.sets(st.integers(1, 12), min_size=1), st.booleans())
def test_every_rewrite_is_found_back_to_the_newest_witness_before_it(
    count: int, changed_from: int, at: set[int], cut: bool
) -> None:
    before = chain(12)
    witnesses = [(seq, before[seq - 1][-1]) for seq in sorted(at)]
    after = chain(count if cut else 12, "other", changed_from)
    findings = Findings()
    seen = check_chain(after, findings, witnesses)
    said = [finding.what for finding in findings.all()]
    head = count if cut else 12
    rewritten = [seq for seq in at if changed_from <= seq <= head]
    sound = [seq for seq in at if seq < min(changed_from, head + 1)]
    assert any("was rewritten" in what for what in said) == bool(rewritten)
    assert any("was cut off" in what for what in said) == (max(at) > head)
    assert seen.vouched == max(sound, default=0)
    if rewritten and sound:
        assert any(f"rewritten after event {max(sound)}, which a witness has seen" in what for what in said)


# --- the commands ----------------------------------------------------------------------------------------


@dataclass
class Place:
    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    @property
    def file(self) -> Path:
        return self.folder / "elsewhere" / "witnesses"

    def configure(self, role: str = "approver") -> None:
        (self.folder / "config.toml").write_text(
            f'[journal]\nurl = "sqlite:///journal.db"\nwitness = "elsewhere/witnesses"\n'
            f'[operator]\nname = "ana"\n[operators.ana]\nrole = "{role}"\n'
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = run(["--config", str(self.folder / "config.toml"), "journal", *arguments], lambda _: 99)
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def write(self, *texts: str) -> None:
        journal = open_sqlite(self.journal, 0o600, lambda: AT)
        for text in texts:
            journal.append(STREAM, NoteAdded(text=text), ANA)
        journal.close()


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path, capsys)
    place.configure()
    return place


def test_witness_prints_keeps_and_journals_the_head(place: Place) -> None:
    place.write("one", "two")
    code, out, err = place.run("witness")
    assert code == 0
    assert read_witnesses(place.file) == [parse_witness(out)]
    assert str(place.file) in err
    journal = open_sqlite(place.journal, 0o600, lambda: AT, read_only=True)
    event = journal.read()[-1]
    journal.close()
    assert (event.kind, event.stream) == (Kind.HEAD_WITNESSED, "journal")
    assert isinstance(event.body, HeadWitnessed)
    assert (event.body.seq, event.body.hash) == parse_witness(out)
    code, out, err = place.run("verify", "--json")
    shown = json.loads(out)
    assert (code, shown["ok"], shown["witnesses"], shown["vouched"]) == (0, True, 1, 2)
    assert "Up to event 2, the witness" in shown["claims"]
    code, out, _ = place.run("verify")
    assert f"witnesses: 1 of {place.file}; up to event 2 they agree" in out


def test_without_events_without_rights_and_read_only(place: Place) -> None:
    code, _, err = place.run("witness")
    assert (code, "there is no journal" in err) == (2, True)
    place.write()
    assert place.run("witness")[0] == 2
    place.write("one")
    place.configure("viewer")
    code, out, err = place.run("witness")
    assert (code, out) == (6, "")
    assert "ana is a viewer" in err
    assert not place.file.exists()
    place.configure()
    code = run(["--read-only", "--config", str(place.folder / "config.toml"), "journal", "witness"], lambda _: 99)
    assert code == 6


def test_a_file_that_is_not_there_is_said(place: Place) -> None:
    place.write("one")
    code, _, err = place.run("verify")
    assert code == 0
    assert f"There is no witness file at {place.file}" in err
    assert "Without a witness" in err
    assert place.run("verify", "--witness-file", str(place.folder / "nothing"))[0] == 2


def cut(place: Place) -> None:
    with guards_off(place) as db:
        db.execute("DELETE FROM events WHERE seq > 2")


def rewrite(place: Place) -> None:
    with guards_off(place) as db:
        rows = db.execute(f"SELECT {COLUMNS} FROM events ORDER BY seq").fetchall()
        db.execute("DELETE FROM events WHERE seq > 1")
        head = rows[0][-1]
        for seq, at, actor, host, stream, kind, epoch, body, _, _ in rows[1:]:
            other = body.replace("two", "TWO")
            digest = row_hash(seq, at, actor, host, stream, kind, epoch, other, head)
            db.execute(
                "INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?)",
                (seq, at, actor, host, stream, kind, epoch, other, head, digest),
            )
            head = digest


class guards_off:  # noqa: N801 - it reads as what it does
    def __init__(self, place: Place) -> None:
        self.db = sqlite3.connect(place.journal)

    def __enter__(self) -> sqlite3.Connection:
        self.guards = self.db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in self.guards:
            self.db.execute(f'DROP TRIGGER "{name}"')
        return self.db

    def __exit__(self, *_: object) -> None:
        for _, sql in self.guards:
            self.db.execute(sql)
        self.db.commit()
        self.db.close()


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (cut, "the witness saw event 4: the journal was cut off"),
        (rewrite, "was rewritten after event 1, which a witness has seen"),
    ],
)
def test_truncation_and_re_hash_are_found_by_the_file(place: Place, tamper: Callable[[Place], None], says: str) -> None:
    place.write("one")
    place.run("witness")
    place.write("two", "three")
    assert place.run("verify")[0] == 0
    journal = open_sqlite(place.journal, 0o600, lambda: AT, read_only=True)
    add_witness(place.file, journal.head(), AT, ANA)
    journal.close()
    tamper(place)
    bare = place.folder / "bare.toml"
    bare.write_text(f'[journal]\nurl = "sqlite:///{place.journal}"\n')
    alone = run(["--config", str(bare), "journal", "verify"], lambda _: 99)
    said = place.capsys.readouterr()
    assert (alone, "nothing wrong was found" in said.out) == (0, True), "which is what the claims say"
    assert "Without a witness" in said.err
    code, out, _ = place.run("verify")
    assert code == 1
    assert says in out
