"""Talk that is broken between words at the width of the terminal it goes to, and nowhere else."""

from __future__ import annotations

import io
import os
import pty
import sys
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.cli import out
from rolloutctl.cli.folding import NARROWEST, folded
from rolloutctl.cli.init import asking

LONG = "Enter takes what stands in [brackets], - leaves something out. Nothing is written before the end of it all."


def test_lines_end_between_words_and_keep_their_indent():
    assert folded(LONG, 80).split("\n") == [
        "Enter takes what stands in [brackets], - leaves something out. Nothing is",
        "written before the end of it all.",
    ]
    assert folded(f"  {LONG}", 60).split("\n")[1].startswith("  out.")
    assert folded("one\n\ntwo", 80) == "one\n\ntwo"


def test_a_command_in_backticks_stays_on_one_line():
    text = "Without any journal: `rolloutctl off PROVIDER FLAG --env ENV`, or `rolloutctl rollback --plan FILE`."
    lines = folded(text, 50).split("\n")
    assert "`rolloutctl off PROVIDER FLAG --env ENV`, or" in lines
    assert lines[-1] == "`rolloutctl rollback --plan FILE`."


def test_a_prompt_keeps_the_space_that_the_answer_stands_behind():
    assert folded(f"{LONG} [default]: ", 40).endswith("[default]: ")


@given(st.text(alphabet="ab `\n", max_size=200), st.integers(1, 120))
def test_nothing_is_lost_and_only_a_single_word_is_too_wide(text: str, cells: int):
    lines = folded(text, cells).split("\n")
    assert "".join("".join(lines).split()) == "".join(text.split())
    for one in lines:
        pieces = one.strip().replace("` ", "`").split()
        assert len(one) <= max(NARROWEST, cells) or "`" in one or len(pieces) <= 1


class Window(io.StringIO):
    """A stream to a terminal of so many columns."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, columns))

    def fileno(self) -> int:
        return self.slave

    def isatty(self) -> bool:
        return os.isatty(self.slave)

    def close(self) -> None:
        for each in (self.master, self.slave):
            os.close(each)
        super().close()


@pytest.fixture
def window():
    found = Window(80)
    yield found
    found.close()


def test_talk_and_questions_fit_the_terminal(window: Window, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", window)
    out.say(LONG)
    out.complain(LONG)
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    asking.Asker(interactive=True).one("--url", LONG, None, "http://127.0.0.1:9090", str)
    assert all(len(one) <= 80 for one in window.getvalue().split("\n"))
    assert window.getvalue().endswith("[http://127.0.0.1:9090]: ")


def test_a_command_to_copy_is_not_broken(window: Window, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", window)
    out.say_command(f"rolloutctl --config {'x' * 90} check plan.toml")
    assert window.getvalue().count("\n") == 1


def test_what_goes_into_a_file_is_not_broken(capsys):
    out.say(LONG * 3)
    assert capsys.readouterr().err == f"{LONG * 3}\n"
