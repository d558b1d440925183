"""The tutorial is done as it stands: every command is typed, every answer compared, every key pressed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docs.keyboard import screen
from docs.pages import DOCS, Block, blocks, rows
from docs.shell import Shell, same, typed

PAGE = DOCS / "tutorial.md"
STAYS = {"Terminal 1: the world", "Terminal 2: the driver"}
WITHIN_S = 150


def environment(home: Path) -> dict[str, str]:
    """As in a new terminal of somebody called ana, whose shell finds this rolloutctl."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROLLOUTCTL_", "XDG_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "HOME": str(home), "LOGNAME": "ana", "TZ": "UTC", "LANG": "C.UTF-8", "PYTHONUTF8": "1"}


@contextmanager
def terminals(folder: Path, home: Path) -> Iterator[dict[str, Shell]]:
    opened: dict[str, Shell] = {}
    for title in dict.fromkeys(block.title for block in consoles()):
        opened[title] = Shell(folder, environment(home), stays=title in STAYS)
    try:
        yield opened
    finally:
        for shell in opened.values():
            shell.leave()


def consoles() -> list[Block]:
    return [block for block in blocks(PAGE) if block.language == "console"]


def press_keys(folder: Path, variables: dict[str, str]) -> None:
    """Row by row: the keys in the first cell, then the words in back-ticks of the second are on the screen."""
    with screen(["rolloutctl"], folder, variables) as keyboard:
        keyboard.listens(60)
        keyboard.read("R roll back", 60)  # the engine has answered: rows can be opened
        for keys, told in rows(PAGE, "| press | and you see |"):
            for key in re.findall(r"`([^`]+)`", keys):
                keyboard.press(key)
            for words in re.findall(r"`([^`]+)`", told):
                keyboard.read(words, 30)
        if not keyboard.ended(3):
            keyboard.read("Who drives on?", 30)
            keyboard.press("U")
        assert keyboard.ends(30) == 0


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("tutorial")
def test_what_it_says_is_what_happens(tmp_path: Path) -> None:
    folder, home = tmp_path / "here", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    keys_before = PAGE.read_text(encoding="utf-8").count("\n", 0, PAGE.read_text(encoding="utf-8").index("| press |"))
    pressed = False
    with terminals(folder, home) as opened:
        for block in consoles():
            if block.line > keys_before and not pressed:
                tokens = dict(re.findall(r"^export (\w+)=(.*)$", (folder / "demo.sh").read_text(encoding="utf-8"), re.MULTILINE))
                press_keys(folder, {**environment(home), **tokens})
                pressed = True
            for each in typed(block.text):
                opened[block.title].type(each.command, each.answer, WITHIN_S)
        for title in ("Terminal 2: the driver", "Terminal 1: the world"):
            opened[title].interrupt()
    assert pressed
    assert {entry.name for entry in folder.iterdir()} == {"demo", "demo.sh", "rolloutctl.toml"}


@pytest.mark.parametrize(
    ("shown", "said", "is_same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a", "a\nb\n", False),
        ("a\nb", "a\n", False),
        ("", "", True),
        ("", "Oh.\n", False),
        ("…\nb", "a\na\nb\n", True),
        ("a\n…", "a\n", True),
        ("a …, c", "a b, c\n", True),
        ("5 %", "6 %\n", False),
        ("canary 0.21 %", "canary 13.7 %\n", True),
        ("2026-03-02 10:14:09 UTC  x", "2027-01-01 00:00:01 UTC  x\n", True),
        ("2026-03-02 10:14:09 UTC  x", "2027-01-01 00:00:01 UTC  y\n", False),
        ("BAKING, 0s of 12s", "BAKING, 1s of 12s\n", True),
        ("BAKING, 0s of 12s", "BAKING, 0s of 18s\n", False),
    ],
)
def test_answers_are_compared_line_by_line(shown: str, said: str, is_same: bool) -> None:
    assert same(shown, said) is is_same
