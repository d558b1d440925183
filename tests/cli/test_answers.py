"""Every command's `--json` is what is declared of it: exactly those keys, each of its type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conforming import unlike
from cli.test_help import paths
from cli.worlds import PLAN, Bench
from rolloutctl.__main__ import screen
from rolloutctl.cli import app as cli_app
from rolloutctl.cli.answers.commands import ANSWERS, EventShape
from rolloutctl.cli.answers.rollout import LiveRolloutShape, RolloutShape
from rolloutctl.cli.app import run
from rolloutctl.cli.table import COMMANDS


def with_json() -> set[str]:
    """Commands that take `--json`."""
    found = set()
    for path in paths():
        name, _, inner = path.partition(" ")
        command = cli_app.built(name, COMMANDS[name])
        command = command.commands[inner] if inner else command
        if any("--json" in param.opts for param in command.params):
            found.add(path)
    return found


def answered(path: str, text: str) -> list[Any]:
    """Every line, or the one object, held to what `path` declares."""
    answer = ANSWERS[path]
    found = [json.loads(line) for line in text.splitlines()] if answer.lines else [json.loads(text)]
    assert found
    for each in found:
        assert unlike(each, answer.shape, path) == []
    return found


def test_every_command_with_json_declares_what_it_answers():
    assert set(ANSWERS) == with_json()


def test_a_rollout_from_its_start_to_its_rollback(bench: Bench):
    file = str(bench.write(plan=PLAN, gated="everyone"))
    answered("check", bench.run("check", file, "--json").out)
    answered("start", bench.run("start", file, "--json").out)
    (status,) = answered("status", bench.run("status", "--json").out)
    assert unlike(status["rollouts"][0], RolloutShape) == []
    answered("explain", bench.run("explain", bench.name, "load", "--json").out)
    for line in (["advance", "--to", "five"], ["hold", "--why", "look"], ["resume"], ["back"]):
        command, *rest = line
        done = bench.run(command, bench.name, *rest, "--json")
        assert done.code == 0, done.err
        (found,) = answered(command, done.out)
        assert unlike(found["rollout"], LiveRolloutShape) == []
    (live,) = answered("status", bench.run("status", "--live", "--json").out)
    assert unlike(live["rollouts"][0], LiveRolloutShape) == []
    answered("wait", bench.run("wait", bench.name, "--for", "baking", "--timeout", "1s", "--json").out)
    (refused,) = answered("rollback", bench.run("rollback", bench.name, "--json").out)
    assert refused["accepted"]
    answered("watch", bench.run("watch", bench.name, "--json").out)
    (shown,) = answered("journal show", bench.run("journal", "show", "--json").out)
    assert unlike(shown["events"][0], EventShape) == []
    answered("journal verify", bench.run("journal", "verify", "--json").out)
    answered("journal witness", bench.run("journal", "witness", "--json").out)
    answered("journal copy", bench.run("journal", "copy", str(bench.folder / "copy.db"), "--json").out)
    answered("off", bench.run("off", "flags", bench.name, "--env", "production", "--json").out)


def test_what_needs_no_server(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    for path in ("config show", "config path", "config validate", "status", "doctor"):
        assert run([*path.split(), "--json"], screen) == 0
        answered(path, capsys.readouterr().out)
    assert run(["init", "--yes", "--no-detect", "--flag", "ranker", "--json", "."], screen) == 0
    (written,) = answered("init", capsys.readouterr().out)
    Path("bad.toml").write_text("= 1")
    assert run(["check", "bad.toml", written["plan"], "--json"], screen) == 2
    answered("check", capsys.readouterr().out)


def test_a_key_more_or_less_is_noticed():
    declared = ANSWERS["config path"].shape
    good = {"files": ["a"], "journal": "b"}
    assert unlike(good, declared) == []
    assert unlike({"files": ["a"]}, declared)
    assert unlike(good | {"more": 1}, declared)
    assert unlike(good | {"files": [1]}, declared)
    assert unlike(good | {"journal": None}, declared)
