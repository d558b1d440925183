"""A line that is read without the parser means what the parser makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.__main__ import _plainly
from rolloutctl.cli import acting, emergency, status
from rolloutctl.cli.app import run
from rolloutctl.cli.plain import Off, Rollback, RollbackByPlan, Screen, Status, plain_line
from rolloutctl.cli.toplevel import Globals

HERE = Globals(config=None, read_only=False)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ([], Screen(HERE)),
        (["--read-only"], Screen(Globals(config=None, read_only=True))),
        (["--config", "a.toml"], Screen(Globals(config=Path("a.toml"), read_only=False))),
        (["status"], Status(HERE, "", as_json=False)),
        (["status", "--json"], Status(HERE, "", as_json=True)),
        (["status", "ranker#2", "--json"], Status(HERE, "ranker#2", as_json=True)),
        (["status", "--config", "a.toml", "ranker"], Status(Globals(Path("a.toml"), read_only=False), "ranker", as_json=False)),
        (["rollback", "ranker"], Rollback(HERE, "ranker", "", as_json=False)),
        (["rollback", "--why", "voice errors", "ranker", "--json"], Rollback(HERE, "ranker", "voice errors", as_json=True)),
        (["rollback", "--plan", "p.toml"], RollbackByPlan(HERE, Path("p.toml"), "", as_json=False)),
        (["rollback", "--json", "--plan", "p.toml", "--why", "x"], RollbackByPlan(HERE, Path("p.toml"), "x", as_json=True)),
        (["off", "unleash", "ranker", "--env", "prod"], Off(HERE, "unleash", "ranker", "prod", "", "", as_json=False)),
        (
            ["off", "--env", "prod", "unleash", "--project", "p", "ranker", "--json", "--why", "x"],
            Off(HERE, "unleash", "ranker", "prod", "p", "x", as_json=True),
        ),
    ],
)
def test_plain_lines(line: list[str], meant: object):
    assert plain_line(line) == meant


@pytest.mark.parametrize(
    "line",
    [
        ["statu"],
        ["advance", "ranker"],
        ["status", "--live"],
        ["status", "--help"],
        ["status", "a", "b"],
        ["status", "--json", "--json"],
        ["status", "--", "a"],
        ["status", ""],
        ["status", "-j"],
        ["rollback"],
        ["rollback", "a", "b"],
        ["rollback", "a", "--plan", "p.toml"],
        ["rollback", "--plan"],
        ["rollback", "--plan", ""],
        ["rollback", "--plan=p.toml"],
        ["off"],
        ["off", "unleash", "ranker"],
        ["off", "unleash", "--env", "prod"],
        ["off", "unleash", "ranker", "more", "--env", "prod"],
        ["off", "unleash", "ranker", "--env", "a", "--env", "b"],
        ["off", "unleash", "ranker", "--env", ""],
        ["off", "unleash", "ranker", "--env", "prod", "--help"],
        ["rollback", "a", "--why"],
        ["rollback", "a", "--why", "--json"],
        ["rollback", "a", "--why=x"],
        ["--config"],
        ["--config", ""],
        ["--config=a.toml"],
        ["--config", "--json", "status"],
        ["--config", "a", "--config", "b"],
        ["--read-only", "--read-only"],
    ],
)
def test_anything_else_is_left_to_the_parser(line: list[str]):
    assert plain_line(line) is None


class Calls:
    """Stands for what a command would do; remembers how it was called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[str, Any]] = []
        monkeypatch.setattr(status, "show", self._show)
        monkeypatch.setattr(acting, "roll_back", self._roll_back)
        monkeypatch.setattr(emergency, "off_by_plan", self._off_by_plan)
        monkeypatch.setattr(emergency, "off", self._off)

    def _show(self, globals_: Globals, rollout: str, *, as_json: bool) -> int:
        self.made.append(("status", (globals_, rollout, as_json)))
        return 0

    def _roll_back(self, globals_: Globals, rollout: str, *, why: str, as_json: bool) -> int:
        self.made.append(("rollback", (globals_, rollout, why, as_json)))
        return 0

    def _off_by_plan(self, globals_: Globals, file: Path, *, why: str, as_json: bool) -> int:
        self.made.append(("off by plan", (globals_, file, why, as_json)))
        return 0

    def _off(
        self, globals_: Globals, provider: str, flag: str, environment: str, project: str, *, why: str, as_json: bool
    ) -> int:
        self.made.append(("off", (globals_, provider, flag, environment, project, why, as_json)))
        return 0

    def screen(self, globals_: Globals) -> int:
        self.made.append(("screen", globals_))
        return 0


words = st.sampled_from(
    [
        "status",
        "rollback",
        "--json",
        "--why",
        "--plan",
        "--env",
        "--project",
        "--config",
        "--read-only",
        "--",
        "ranker",
        "ranker#1",
        "a b",
        "ü",
        "",
        "-x",
        "--live",
        "x=y",
    ]
)


heads = st.sampled_from(
    [
        [],
        ["status"],
        ["rollback"],
        ["--read-only", "status"],
        ["--config", "a.toml", "rollback"],
        ["off", "--env", "prod"],
        ["off", "unleash", "ranker"],
    ]
)


@given(heads, st.lists(words, max_size=5))
def test_what_is_read_plainly_is_what_the_parser_reads(head: list[str], rest: list[str]):
    line = [*head, *rest]
    plain = plain_line(line)
    if plain is None:
        return
    with pytest.MonkeyPatch.context() as monkeypatch:
        calls = Calls(monkeypatch)
        if isinstance(plain, Screen):
            calls.screen(plain.globals_)
        else:
            _plainly(plain)
        assert run(line, calls.screen) == 0
    assert len(calls.made) == 2
    assert calls.made[0] == calls.made[1]
