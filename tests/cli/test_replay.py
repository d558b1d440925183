"""`replay` and `explain` as people and scripts call them, on a file, an export and PostgreSQL."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.conforming import unlike
from engine.evidence import ANA, STREAM, Phase, at
from engine.test_evidence import PLAN, busy
from rolloutctl.__main__ import screen
from rolloutctl.cli.answers.commands import ReplayShape
from rolloutctl.cli.app import run
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model import events as ev
from rolloutctl.model.events import Event
from servers.postgres import Database


@dataclass
class Kept:
    """A journal with a phase in it that was looked at, and the config that names it."""

    config: Path
    phase: Phase
    events: list[Event]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(["--config", str(self.config), *arguments], screen)
        return code, out.getvalue(), err.getvalue()


def kept_in(phase: Phase, folder: Path, url: str) -> Kept:
    phase.begin()
    phase.look(900)
    _, events = phase.look(2600)
    config = folder / "config.toml"
    config.write_text(
        f'[journal]\nurl = "{url}"\n[sources.metrics]\ntype = "prometheus"\nurl = "http://127.0.0.1:9"\ntimeout = "1s"\n'
    )
    return Kept(config, phase, events)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    path = tmp_path / "journal.db"
    with closing(open_sqlite(path, 0o600, lambda: datetime.now(UTC))) as journal:
        yield kept_in(Phase(journal, PLAN, busy(1, 3000)), tmp_path, f"sqlite:///{path}")


def test_a_verdict_is_the_same_again(kept: Kept) -> None:
    code, out, err = kept.run("replay", str(kept.events[0].seq), "--json")
    assert code == 0, err
    found = json.loads(out)
    assert unlike(found, ReplayShape) == []
    assert found["same"] is True
    assert {each["criterion"] for each in found["verdicts"]} == {"errors", "cost", "queue"}
    assert found["rollout"] == "p#1"
    code, out, err = kept.run("replay", str(kept.events[0].seq))
    assert code == 0
    assert "The evidence gives the same verdicts." in out
    assert err == ""


def test_a_verdict_that_its_evidence_does_not_give_differs(kept: Kept) -> None:
    body = kept.events[0].body
    assert isinstance(body, ev.VerdictChanged)
    other = kept.phase.effect(body.model_copy(update={"state": "BREACH" if body.state != "BREACH" else "PASS"}))
    code, out, err = kept.run("replay", str(other.seq), "--json")
    assert code == 1
    found = json.loads(out)
    assert (found["same"], len(found["differences"])) == (False, 1)
    code, out, err = kept.run("replay", str(other.seq))
    assert code == 1
    assert f"replayed    {body.state}" in out
    assert "journal verify" in err


def test_what_holds_no_evidence_says_so(kept: Kept) -> None:
    note = kept.phase.journal.append(STREAM, ev.NoteAdded(text="x"), ANA)
    code, out, err = kept.run("replay", str(note.seq))
    assert (code, out) == (2, "")
    assert f"newest verdict before it is event {kept.events[-1].seq}" in " ".join(err.split())
    code, out, err = kept.run("replay", "9999")
    assert (code, out) == (2, "")
    assert "no event 9999" in err
    assert kept.run("replay", "0")[0] == 2


def test_an_export_and_a_copy_are_enough(kept: Kept, tmp_path: Path) -> None:
    seq = str(kept.events[0].seq)
    expected = json.loads(kept.run("replay", seq, "--json")[1])
    export, copy = tmp_path / "journal.jsonl", tmp_path / "copy.db"
    export.write_text(kept.run("journal", "export")[1])
    assert kept.run("journal", "copy", str(copy))[0] == 0
    for file in (export, copy):
        code, out, err = kept.run("replay", seq, "--file", str(file), "--json")
        assert code == 0, err
        assert json.loads(out) == expected
        assert kept.run("journal", "verify", str(file))[0] == 0
    code, _, err = kept.run("replay", seq, "--file", str(tmp_path / "nothing.jsonl"))
    assert code == 7
    assert "no journal" in err


def test_a_journal_on_a_server_is_replayed_too(database: Database, tmp_path: Path) -> None:
    from rolloutctl.journal.postgres.store import open_postgres

    with closing(open_postgres(database.url, lambda: datetime.now(UTC))) as journal:
        kept = kept_in(Phase(journal, PLAN, busy(1, 3000)), tmp_path, database.url)  # type: ignore[arg-type]
        code, out, err = kept.run("replay", str(kept.events[0].seq), "--json")
        assert code == 0, err
        assert json.loads(out)["same"] is True
        assert journal.verify().findings == ()


def test_explain_names_the_event_to_replay(kept: Kept) -> None:
    kept.phase.effect(ev.RolloutEnded(status="ABORTED", reason="enough", at=at(2700)))
    newest = next(event for event in reversed(kept.events) if event.body.criterion == "errors")  # type: ignore[attr-defined]
    _, out, _ = kept.run("explain", "p", "errors")
    assert f"rolloutctl replay {newest.seq} " in out
    _, out, _ = kept.run("explain", "p", "errors", "--json")
    assert json.loads(out)["history"][-1] | {"at": "", "why": "", "state": ""} == {
        "seq": newest.seq,
        "at": "",
        "state": "",
        "why": "",
        "replay": True,
    }
