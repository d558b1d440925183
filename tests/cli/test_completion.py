"""Completion: what is offered for a word, and that the scripts offer it in a real shell."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carded import PLAN, House
from rolloutctl.cli.completing import Kind, Offer, _joined, answer, offered
from rolloutctl.cli.completion import Shell
from rolloutctl.cli.table import COMMANDS
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.events import NoteAdded
from rolloutctl.model.kinds import rollout_stream
from rolloutctl.ports import Author

PROGRAM = Path(sys.executable).parent / "rolloutctl"


def words(*line: str) -> list[str]:
    offer = offered(line)
    assert offer.kind is Kind.WORDS
    return [word for word, _ in offer.words]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ROLLOUTCTL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def rollouts(tmp_path: Path) -> list[str]:
    """A journal with three rollouts' streams and a config beside it; newest first."""
    (tmp_path / "rolloutctl.toml").write_text(
        '[journal]\nurl = "sqlite:///journal.db"\n[environments.production]\n[environments.staging]\n'
        '[providers.unleash]\ntype = "unleash"\nurl = "http://127.0.0.1:9"\nauth = { type = "none" }\n'
    )
    journal = open_sqlite(tmp_path / "journal.db", 0o600, lambda: datetime.now(UTC))
    for name, attempt in (("checkout", 1), ("checkout", 2), ("search", 1)):
        journal.append(rollout_stream(name, attempt), NoteAdded(text="here"), Author("ana", "here"))
    journal.close()
    return ["search#1", "checkout#2", "checkout#1"]


def test_commands_come_from_the_table_with_what_they_do():
    assert offered([""]) == Offer(Kind.WORDS, tuple((name, entry.about) for name, entry in COMMANDS.items()))
    assert words("st") == ["start", "status"]
    assert words("--r") == ["--read-only"]
    assert words("--read-only", "st") == ["start", "status"]
    assert words("--config", "some.toml", "adv") == ["advance"]
    assert words("journal", "") == ["show", "follow", "verify", "witness", "export", "copy"]
    assert words("config", "v") == ["validate"]
    assert words("nonsense") == []
    assert offered(["nonsense", ""]).kind is Kind.NONE


def test_options_come_from_the_command():
    assert {"--json", "--live", "--config", "--read-only"} <= set(words("status", "--"))
    assert "--json" not in words("status", "--json", "--")
    assert words("gate", "a", "b", "--no") == ["--no-go"]
    assert words("gate", "a", "b", "--check", "1", "--che") == ["--check"], "it may be said several times"
    assert words("journal", "show", "--li") == ["--limit"]


def test_values_are_of_the_options_kind(rollouts: list[str]):
    assert words("wait", "x", "--for", "r") == ["ready", "rolled-back"]
    assert words("wait", "x", "--for=r") == ["--for=ready", "--for=rolled-back"]
    assert words("completion", "") == ["bash", "zsh", "fish"]
    assert "late-regression" in words("demo", "--scenario", "")
    assert words("off", "") == ["unleash"]
    assert words("off", "unleash", "flag", "--env", "") == ["production", "staging"]
    assert offered(["check", ""]).kind is Kind.TOML
    assert offered(["check", "a.toml", ""]).kind is Kind.TOML
    assert offered(["rollback", "--plan", ""]).kind is Kind.TOML
    assert offered(["status", "--config", ""]).kind is Kind.TOML
    assert offered(["journal", "verify", ""]).kind is Kind.TOML or offered(["journal", "verify", ""]).kind is Kind.FILES
    assert offered(["hold", "x", "--why", ""]).kind is Kind.NONE
    assert offered(["status", "x", "y"]).kind is Kind.NONE


def test_rollouts_come_from_the_journal(rollouts: list[str], tmp_path: Path):
    assert words("status", "") == rollouts
    assert words("advance", "checkout") == ["checkout#2", "checkout#1"]
    assert words("drive", "search#1", "ch") == ["checkout#2", "checkout#1"]
    assert words("journal", "show", "s") == ["search#1"]
    (tmp_path / "other.toml").write_text('[journal]\nurl = "sqlite:///elsewhere.db"\n')
    assert words("status", "--config", "other.toml", "") == []


def test_names_in_a_rollouts_plan_come_from_its_seal_or_from_the_file(tmp_path: Path):
    config = str(House(tmp_path).config)
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.format(name="one"))
    assert words("explain", "--config", config, "one", "") == ["load"]
    assert words("explain", "--config", config, "one#1", "x") == []
    assert words("advance", "--config", config, "one", "--to", "") == ["five", "everyone"]
    assert words("backtest", str(plan), "--phase", "f") == ["five"]
    assert answer(["explain", "--config", config, "nope", ""]) == 0


def test_whatever_is_wrong_it_says_none(capsys, rollouts: list[str], tmp_path: Path):
    (tmp_path / "journal.db").write_bytes(b"no database at all" * 100)
    assert answer(["status", ""]) == 0
    assert capsys.readouterr().out == "none\n"
    (tmp_path / "rolloutctl.toml").write_text("= broken")
    assert answer(["status", ""]) == 0
    assert capsys.readouterr().out == "words\n"


def test_bash_splits_at_the_equals_sign():
    assert _joined(["wait", "x", "--for", "=", "re"]) == ["wait", "x", "--for", "re"]
    assert _joined(["wait", "x", "--for", "="]) == ["wait", "x", "--for", ""]


def test_rollouts_are_found_without_what_is_slow_to_load(rollouts: list[str]):
    code = (
        "import sys; from rolloutctl.cli.completing import _rollouts; print(_rollouts(None));"
        "print(sorted({'pydantic', 'typer', 'httpx', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [str(rollouts), "[]"]


AT_ITS_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
"""fish leaves at once where its terminal does not control it."""


STEERING = re.compile(r"\x1b\[[?>0-9;]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[()][A-Z0-9]|\x1b[=>]")


class Terminal:
    """A shell at a terminal of its own, to which keys are typed."""

    def __init__(self, command: list[str], folder: Path, **variables: str) -> None:
        self.master, slave = pty.openpty()
        path = f"{PROGRAM.parent}:{os.environ['PATH']}"
        environment = {**os.environ, "TERM": "dumb", "PS1": "> ", "PATH": path, "HISTFILE": "", **variables}
        self.process = subprocess.Popen(
            [sys.executable, "-c", AT_ITS_TERMINAL, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def type(self, keys: str, *, until: str, seconds: float = 30) -> None:
        os.write(self.master, keys.encode())
        self.read(until, seconds)

    def read(self, until: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not re.search(until, self.seen) and time.monotonic() < end:
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen = STEERING.sub("", self.seen + os.read(self.master, 65536).decode(errors="replace"))
        assert re.search(until, self.seen), self.seen
        self.seen = ""

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self.master)


@pytest.fixture
def bash(rollouts: list[str], tmp_path: Path):
    (tmp_path / "plan.toml").write_text("")
    (tmp_path / "plain.txt").write_text("")
    terminal = Terminal(["bash", "--norc", "--noprofile", "-i"], tmp_path)
    terminal.read("> ")
    terminal.type('eval "$(rolloutctl completion bash)"; echo re""ady\n', until="ready")
    yield terminal
    terminal.close()


def test_bash_completes_at_the_terminal(bash: Terminal):
    bash.type("rolloutctl adv\t", until="rolloutctl advance ")
    bash.type("checkout#2 --t\t", until="--to ")
    bash.type("\x15rolloutctl status s\t", until="rolloutctl status search#1 ")
    bash.type("\x15rolloutctl status ch\t\t\t", until="checkout#1 +checkout#2")
    bash.type("\x15rolloutctl check pl\t", until=r"rolloutctl check plan\.toml")
    bash.type("\x15rolloutctl wait x --for=rol\t", until="--for=rolled-back ")
    bash.type("\x15rolloutctl journal v\t", until="rolloutctl journal verify ")


def installed(shell: str) -> pytest.MarkDecorator:
    """`make set-up` installs it where it may; a run that must have every service may not skip it."""
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed; `make set-up` installs it")


@pytest.mark.service
@installed("zsh")
def test_zsh_completes_at_the_terminal(rollouts: list[str], tmp_path: Path):
    (tmp_path / "plan.toml").write_text("")
    zsh = Terminal(["zsh", "-f", "-i"], tmp_path, TERM="xterm")
    try:
        zsh.type('unsetopt zle_bracketed_paste; eval "$(rolloutctl completion zsh)"; echo re""ady\n', until="\nready")
        zsh.type("rolloutctl adv\t", until="advance ")
        zsh.type("\x15rolloutctl status s\t", until="search#1 |search\\\\#1 ")
        zsh.type("\x15rolloutctl check pl\t", until=r"plan\.toml")
        zsh.type("\x15rolloutctl wait x --for rol\t", until="rolled-back ")
        zsh.type("\x15rolloutctl journal v\t", until="verify ")
        zsh.type("\x15rolloutctl status ch\t", until=r"checkout\\?#")
        zsh.type("\t", until=r"checkout#1\s+checkout#2")
    finally:
        zsh.close()


@pytest.mark.service
@installed("fish")
def test_fish_completes_at_the_terminal(rollouts: list[str], tmp_path: Path):
    (tmp_path / "plan.toml").write_text("")
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "TERM": "xterm"}
    fish = Terminal(["fish", "--no-config", "--interactive"], tmp_path, COLUMNS="80", **home)
    try:
        fish.type('rolloutctl completion fish | source; echo re""ady\n', until=r"\n\r?ready")
        fish.type("rolloutctl adv\t", until="advance ")
        fish.type("\x15rolloutctl status s\t", until="search#1 |search\\\\#1 ")
        fish.type("\x15rolloutctl check pl\t", until=r"plan\.toml")
        fish.type("\x15rolloutctl wait x --for rol\t", until="rolled-back ")
        fish.type("\x15rolloutctl journal v\t", until="verify ")
        fish.type("\x15rolloutctl status ch\t\t", until=r"checkout#1\s+checkout#2|checkout#2\s+checkout#1")
    finally:
        fish.close()


@pytest.mark.parametrize("shell", list(Shell))
def test_every_shell_has_a_script(capsys, shell: Shell):
    from rolloutctl.__main__ import screen
    from rolloutctl.cli.app import run

    assert run(["completion", shell.value], screen) == 0
    assert "__complete" in capsys.readouterr().out
    assert run(["completion", "tcsh"], screen) == 2
