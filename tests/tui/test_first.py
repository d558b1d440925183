"""The first look: what it says, that it fits, and that the terminal is as it was whatever ends the loading."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carded import NOW, House
from rolloutctl.engine.cards.glance import Glance, Seen
from rolloutctl.model.state import Status
from rolloutctl.tui.first import SMALLEST, _width, picture

TESTS = Path(__file__).parents[1]
PROGRAM = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from rolloutctl.engine.cards.glance import glance
from rolloutctl.engine.config.files import Surroundings
from rolloutctl.tui.first import first_look
config, ending = Path(sys.argv[1]), sys.argv[2]
with first_look(lambda: glance(config, Surroundings.here()), lambda: datetime.now(UTC)) as hand_over:
    sys.stderr.write("loading")
    sys.stderr.flush()
    sys.stdin.readline() if ending == "typed" else None
    if ending == "fails":
        raise SystemExit("no journal")
    hand_over()
    print("screen", flush=True)
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.keep()
    return made


def seen_of(house: House) -> Glance:
    seen = house.look()
    assert seen is not None
    return seen


def test_it_says_where_every_rollout_is(house: House):
    lines = [text for text, _ in picture(seen_of(house), NOW + timedelta(minutes=17), 120, 40)]
    assert "3 rollouts" in lines[0]
    assert any("two#1" in line and "five (1/2), 5 %" in line and "BAKING, 17m of 2h" in line for line in lines)
    assert any("one#1" in line and "UNATTENDED" in line for line in lines)
    assert "being read" in lines[-1]


def test_a_rollout_without_a_card_is_being_read(house: House):
    seen = seen_of(house)
    broken = replace(seen, rollouts=(replace(seen.rollouts[1], card=None),))
    line = next(text for text, _ in picture(broken, NOW, 120, 40) if "two#1" in text)
    assert "reading …" in line
    assert "BAKING" not in line


def test_the_worst_come_first_and_what_has_no_room_is_counted(house: House):
    card = seen_of(house).rollouts[1].card
    assert card is not None
    calm = [Seen(f"calm-{n:02d}#1", replace(card, rollout=f"calm-{n:02d}#1"), None) for n in range(40)]
    bad = Seen("bad#1", replace(card, rollout="bad#1", status=Status.ROLLBACK_UNKNOWN), None)
    breached = Seen("hot#1", replace(card, rollout="hot#1", ink="red"), None)
    drawn = [text for text, _ in picture(replace(seen_of(house), rollouts=(*calm, breached, bad)), NOW, 80, 20)]
    assert "bad#1" in drawn[2]
    assert "hot#1" in drawn[3]
    assert any("and 27 more" in line for line in drawn)
    assert len(drawn) == 20


@given(
    st.integers(SMALLEST[0], 200),
    st.integers(SMALLEST[1], 60),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=150), max_size=70),
)
def test_it_fits_and_nothing_in_it_steers_the_terminal(
    tmp_path_factory: pytest.TempPathFactory, columns: int, rows: int, names: list[str]
):
    card = _card(tmp_path_factory)
    rollouts = tuple(Seen(name, replace(card, rollout=name, where=name, doing=(name, name)), None) for name in names)
    lines = picture(replace(_GLANCE[0], rollouts=rollouts), NOW, columns, rows)
    assert len(lines) <= rows
    for text, _ in lines:
        assert _width(text) <= columns
        assert text.isprintable()


_GLANCE: list[Glance] = []


def _card(factory: pytest.TempPathFactory):
    if not _GLANCE:
        made = House(factory.mktemp("first"))
        made.keep()
        _GLANCE.append(seen_of(made))
    card = _GLANCE[0].rollouts[1].card
    assert card is not None
    return card


def run(
    house: House, ending: str, *, term: str = "xterm-256color", size: tuple[int, int] = (40, 120), types: str = ""
) -> tuple[str, bool]:
    """(what arrived at the terminal, whether the terminal's modes are as they were)."""
    house.journal.close()
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    before = termios.tcgetattr(follower)
    env = os.environ | {
        "TERM": term,
        "PYTHONPATH": str(TESTS),
        "XDG_CONFIG_HOME": str(house.folder),
        "XDG_STATE_HOME": str(house.folder),
    }
    env.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(house.config), ending],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=env,
        cwd=house.folder,
    )
    got, deadline = b"", time.monotonic() + 30
    typed = not types
    while time.monotonic() < deadline:
        if select.select([leader], [], [], 0.05)[0]:
            with suppress(OSError):
                got += os.read(leader, 65536)
        elif process.poll() is not None:
            break
        if not typed and b"loading" in got:
            os.write(leader, types.encode())
            typed = True
    process.wait(5)
    after = termios.tcgetattr(follower)
    os.close(leader)
    os.close(follower)
    return got.decode(), before == after


def test_a_screen_takes_over_a_terminal_that_is_as_it_was(house: House):
    got, same = run(house, "screen")
    assert got.startswith("\x1b[?1049h")
    assert "two#1" in got
    assert same
    assert "\x1b[?1049l" not in got, "the screen itself leaves the alternate buffer"


def test_a_failure_while_loading_leaves_the_terminal_as_it_was(house: House):
    got, same = run(house, "fails")
    assert same
    assert got.index("\x1b[?1049l") < got.index("no journal"), "the sentence is said on the person's own screen"
    assert "\x1b[?25h" in got


def test_what_is_typed_meanwhile_is_not_echoed_into_the_picture(house: House):
    got, same = run(house, "typed", types="jjzz\n")
    assert same
    assert "jjzz" not in got


@pytest.mark.parametrize(("term", "size"), [("dumb", (40, 120)), ("", (40, 120)), ("xterm", (10, 120)), ("xterm", (40, 50))])
def test_where_it_cannot_be_painted_nothing_is(house: House, term: str, size: tuple[int, int]):
    got, same = run(house, "screen", term=term, size=size)
    assert "\x1b" not in got
    assert "screen" in got
    assert same


def test_without_cards_nothing_is_painted(tmp_path: Path):
    got, same = run(House(tmp_path), "screen")
    assert "\x1b" not in got
    assert same
