"""`doctor`: every part is asked, what does not answer is named, and the exit code says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conforming import unlike
from cli.worlds import Bench
from rolloutctl.__main__ import screen
from rolloutctl.cli.answers.doctor import DoctorShape
from rolloutctl.cli.app import run
from rolloutctl.cli.doctoring import _clock_words
from rolloutctl.cli.surroundings import Terminal, colours_of


def test_everything_answers(bench: Bench):
    done = bench.run("doctor")
    assert done.code == 0, done.err
    for part in ("terminal", "colours", "✔ config", "✔ journal", "✔ metrics", "✔ flags", "✔ clock"):
        assert part in done.out
    found = bench.run("doctor", "--json").json
    assert unlike(found, DoctorShape) == []
    assert [(part["kind"], part["ok"]) for part in found["parts"]] == [("source", True), ("provider", True)]
    assert found["config"]["writes"] == ["production"]
    assert not list(bench.folder.glob("journal.db*")), "a look begins no journal"
    for secret in (bench.world.admin_token, bench.world.client_token):
        assert secret not in done.out
        assert secret not in json.dumps(found)


@pytest.mark.parametrize("lost", ["flags", "metrics"])
def test_what_does_not_answer_is_7_and_the_others_are_shown(bench: Bench, lost: str):
    config = bench.config(**{lost: "http://127.0.0.1:9"})
    done = bench.run("doctor", config=config)
    assert done.code == 7
    assert f"✖ {lost}" in done.out
    assert "NOT READY" in done.out
    found = bench.run("doctor", "--json", config=config)
    assert found.code == 7
    assert unlike(found.json, DoctorShape) == []
    assert {part["name"]: part["ok"] for part in found.json["parts"]} == {"flags": lost != "flags", "metrics": lost != "metrics"}


def test_a_journal_that_cannot_be_read_is_7(bench: Bench):
    (bench.folder / "journal.db").write_bytes(b"this is no database, and long enough to be looked at" * 40)
    done = bench.run("doctor", "--json")
    assert done.code == 7
    assert not done.json["journal"]["ok"]
    assert done.json["journal"]["why"]


def test_a_config_that_cannot_be_used_is_2_and_the_terminal_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text("[operator]\nnam = 1\n")
    assert run(["--config", "bad.toml", "doctor"], screen) == 2
    told = capsys.readouterr()
    assert "✖ config" in told.out
    assert "bad.toml:2" in told.err
    assert run(["--config", "bad.toml", "doctor", "--json"], screen) == 2
    found = json.loads(capsys.readouterr().out)
    assert unlike(found, DoctorShape) == []
    assert "nam" in found["config"]["problems"][0]
    assert run(["doctor"], screen) == 0
    assert "`rolloutctl init` asks" in capsys.readouterr().out, "nothing is wrong, and nothing is there"


@pytest.mark.parametrize(
    ("environ", "many"),
    [
        ({"TERM": "xterm-256color"}, 256),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, 1 << 24),
        ({"TERM": "linux"}, 16),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, 0),
        ({"TERM": "dumb"}, 0),
        ({}, 0),
    ],
)
def test_colours_and_the_variable_that_says_so(environ: dict[str, str], many: int):
    colours, why = colours_of(environ)
    assert colours == many
    assert why.split()[0] in {"TERM", "COLORTERM", "NO_COLOR"}


@pytest.mark.parametrize(
    ("columns", "rows", "term", "shown"),
    [
        (80, 24, "xterm", True),
        (59, 24, "xterm", False),
        (200, 15, "xterm", False),
        (80, 24, "dumb", False),
        (0, 0, "xterm", False),
    ],
)
def test_where_the_screen_can_be_shown(columns: int, rows: int, term: str, shown: bool):
    assert Terminal(columns, rows, term, 16, "", "UTF-8").shows_screen is shown


def test_the_clock_is_told_with_its_side():
    assert "is 60s ahead of" in _clock_words(60.0)
    assert "is 60s behind" in _clock_words(-60.0)
    assert "agrees" in _clock_words(0.4)
    assert "not compared" in _clock_words(None)
