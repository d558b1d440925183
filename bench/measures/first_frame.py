"""From starting the program to rows of rollouts on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.figures import Most, Row, Unit, pairs, row
from bench.names import PHASE, ROLLOUT, minimal_app
from bench.processes import ROLLOUTCTL, plain, terminal
from bench.registry import Benchmark, Run
from bench.worlds import baking_rollouts, servers

ROLLOUTS = 50
_TAKEN_OVER = b"\x1b[?2004h"
"""What Textual asks of the terminal before its first frame."""
_ENOUGH = 15
"""Rows that have to be there: fewer than any layout of a 120x40 screen shows."""


def _useful(output: bytes) -> bool:
    text = plain(output)
    return len(set(ROLLOUT.findall(text))) >= _ENOUGH and len(set(PHASE.findall(text))) >= _ENOUGH


def _live(output: bytes) -> bool:
    """Drawn by the screen that hears keys: what stands after it has taken the terminal over."""
    begun = output.rfind(_TAKEN_OVER)
    return begun >= 0 and _useful(output[begun:])


def first_frame(command: Sequence[str], environment: Mapping[str, str], folder: Path, seen: Callable[[bytes], bool]) -> float:
    with terminal(command, environment, folder) as opened:
        return opened.until(seen) - opened.began


def measure(run: Run) -> list[Row]:
    world = run.stack.enter_context(servers(run.folder / "servers", ROLLOUTS))
    config = baking_rollouts(run.folder / "world", world, 0, ROLLOUTS, "15s")

    def ours(seen: Callable[[bytes], bool]) -> float:
        return first_frame([*ROLLOUTCTL, "--config", str(config)], world.environment, run.folder, seen)

    def anchor() -> float:
        return first_frame(minimal_app(ROLLOUTS), world.environment, run.folder, _live)

    def compared(what: str, seen: Callable[[bytes], bool]) -> Row:
        ours(seen), anchor()  # warm: byte code, the journal's pages
        mine, theirs = pairs(run.times, lambda: ours(seen), anchor)
        return row(f"{what}, warm, 120x40, {ROLLOUTS} rollouts in the journal", Unit.SECONDS, mine, theirs, Most(times=1.35))

    return [compared("first useful frame", _useful), compared("the same on the screen that hears keys", _live)]


BENCHMARK = Benchmark(
    "first-frame",
    "From starting the process to the names and phases of at least 15 rollouts written to a pseudo terminal. The screen is"
    " armed for writing and quit by SIGTERM between two measurements, as a person would open it again. The first line counts the"
    " picture that is drawn from cards before the screen's libraries are loaded; the second does not. Anchor: a minimal Textual"
    " app with one DataTable of as many rows and columns (`bench/minimal.py`).",
    measure,
)
