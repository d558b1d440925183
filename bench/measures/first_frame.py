"""From starting the program to rows of rollouts on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.figures import Most, Row, Unit, pairs, row
from bench.names import PHASE, ROLLOUT, minimal_app
from bench.processes import ROLLOUTCTL, plain, terminal
from bench.registry import Benchmark, Run
from bench.worlds import baking_rollouts, servers

ROLLOUTS = 50
_ENOUGH = 15
"""Rows that have to be there: fewer than any layout of a 120x40 screen shows."""


def _useful(output: bytes) -> bool:
    text = plain(output)
    return len(set(ROLLOUT.findall(text))) >= _ENOUGH and len(set(PHASE.findall(text))) >= _ENOUGH


def first_frame(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> float:
    with terminal(command, environment, folder) as opened:
        return opened.until(_useful) - opened.began


def measure(run: Run) -> list[Row]:
    world = run.stack.enter_context(servers(run.folder / "servers", ROLLOUTS))
    config = baking_rollouts(run.folder / "world", world, 0, ROLLOUTS, "15s")

    def ours() -> float:
        return first_frame([*ROLLOUTCTL, "--config", str(config)], world.environment, run.folder)

    def anchor() -> float:
        return first_frame(minimal_app(ROLLOUTS), world.environment, run.folder)

    ours(), anchor()  # warm: byte code, the journal's pages
    mine, theirs = pairs(run.times, ours, anchor)
    what = f"first useful frame, warm, 120x40, {ROLLOUTS} rollouts in the journal"
    return [row(what, Unit.SECONDS, mine, theirs, Most(times=1.35))]


BENCHMARK = Benchmark(
    "first-frame",
    "From starting the process to the names and phases of at least 15 rollouts written to a pseudo terminal. The screen is"
    " armed for writing and quit by SIGTERM between two measurements, as a person would open it again. Anchor: a minimal"
    " Textual app with one DataTable of as many rows and columns (`bench/minimal.py`).",
    measure,
)
