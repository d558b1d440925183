"""Commands that need no network: how long until they have answered."""

from __future__ import annotations

import sys

from bench.figures import Most, Row, Unit, pairs, row
from bench.processes import ROLLOUTCTL, timed
from bench.registry import Benchmark, Run
from bench.worlds import baking_rollouts, servers

ROLLOUTS = 10


def measure(run: Run) -> list[Row]:
    with servers(run.folder / "servers", ROLLOUTS) as world:
        config = baking_rollouts(run.folder / "world", world, 0, ROLLOUTS, "15s")
    times = run.times * 3
    found: list[Row] = []
    for what, arguments, most in (
        ("`--help`", ["--help"], 8.0),
        (f"`status --json`, {ROLLOUTS} rollouts, no network", ["--config", str(config), "status", "--json"], 16.0),
    ):

        def ours(arguments: list[str] = arguments) -> float:
            return timed([*ROLLOUTCTL, *arguments], world.environment, run.folder)

        def anchor() -> float:
            return timed([sys.executable, "-c", "pass"], world.environment, run.folder)

        ours(), anchor()
        mine, theirs = pairs(times, ours, anchor)
        found.append(row(what, Unit.SECONDS, mine, theirs, Most(times=most)))
    return found


BENCHMARK = Benchmark(
    "startup",
    "From starting the process to its end. Anchor: the bare interpreter, `python -c pass`. The servers of the config are"
    " stopped meanwhile.",
    measure,
)
