"""What an open screen costs while nobody touches it."""

from __future__ import annotations

import select
import time

from bench.figures import Most, Row, Unit, row
from bench.names import minimal_app
from bench.processes import ROLLOUTCTL, Terminal, cpu_s, resident_mib, terminal
from bench.registry import Benchmark, Run
from bench.worlds import baking_rollouts, servers, wait_until_scraped

ROLLOUTS = 50
INTERVAL_S = 15
SETTLE_S = 60.0
"""Until everything is loaded and looked at twice, and nobody has pressed a key for a while."""
FIRST_S = 15.0


def _watch(programs: list[Terminal], seconds: float) -> None:
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        ready, _, _ = select.select(programs, [], [], left)
        for program in ready:
            program.pump(0)


def measure(run: Run) -> list[Row]:
    world = run.stack.enter_context(servers(run.folder / "servers", ROLLOUTS, scrape_s=INTERVAL_S))
    wait_until_scraped(world.metrics, "count(queue_length)", 2 * ROLLOUTS)
    config = baking_rollouts(run.folder / "world", world, 0, ROLLOUTS, f"{INTERVAL_S}s")
    windows = 2 if run.quick else 6
    for command in (minimal_app(ROLLOUTS), [*ROLLOUTCTL, "--config", str(config)]):
        # What is compiled in the first start of all is kept for the next ones, and its memory is not theirs.
        with terminal(command, world.environment, run.folder) as first:
            first.watch(FIRST_S)
    with (
        terminal([*ROLLOUTCTL, "--config", str(config)], world.environment, run.folder) as ours,
        terminal(minimal_app(ROLLOUTS), world.environment, run.folder) as anchor,
    ):
        both = [ours, anchor]
        _watch(both, SETTLE_S)
        cpu: dict[Terminal, list[float]] = {ours: [], anchor: []}
        sent: dict[Terminal, list[float]] = {ours: [], anchor: []}
        for _ in range(windows):
            before = {program: (cpu_s(program.pid), len(program.output), time.perf_counter()) for program in both}
            _watch(both, INTERVAL_S)
            for program in both:
                used, written, began = before[program]
                seconds = time.perf_counter() - began
                cpu[program].append(100 * (cpu_s(program.pid) - used) / seconds)
                sent[program].append((len(program.output) - written) / seconds)
        memory = [resident_mib(program.pid) for program in both]
    what = f"idle, {ROLLOUTS} rollouts, {INTERVAL_S} s polls"
    return [
        row(f"{what}: CPU of one core", Unit.PERCENT, cpu[ours], cpu[anchor], Most(value=1.0)),
        row(f"{what}: bytes to the terminal", Unit.BYTES_PER_S, sent[ours], sent[anchor], Most(value=3000)),
        row(f"{what}: resident memory", Unit.MEBIBYTES, memory[:1], memory[1:], Most(value=100)),
    ]


BENCHMARK = Benchmark(
    "idle",
    "The screen open and driving 50 rollouts of four criteria, untouched, beside the minimal app, which polls nothing; both"
    " open at the same time. Each window is one poll interval long; CPU is that of all threads, from the kernel. Memory is"
    " measured at the end.",
    measure,
)
