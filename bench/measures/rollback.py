"""From starting `rolloutctl rollback` to the flag server having accepted "off"."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

from bench.figures import Most, Row, Unit, pairs, row
from bench.names import rollout_name
from bench.plans import ADMIN, four_criteria, plan_text
from bench.processes import ROLLOUTCTL, BenchError
from bench.registry import Benchmark, Run
from bench.worlds import Servers, baking_rollouts, servers

_BARE = """
import os, sys, httpx
httpx.post(sys.argv[1], headers={"Authorization": os.environ["%s"]}, trust_env=False).raise_for_status()
"""
_ENDED_S = 60.0
_BAR = Most(times=2.0, over=0.5)


def _accepted(command: Sequence[str], flag: str, world: Servers, folder: Path) -> float:
    """Seconds from starting a program to "off" at the flag server; the program is ended by its own id when it lingers."""
    began = time.monotonic()
    program = subprocess.Popen(command, env=world.environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        said, _ = program.communicate(timeout=_ENDED_S)
    except subprocess.TimeoutExpired:
        program.terminate()
        said, _ = program.communicate(timeout=_ENDED_S)
    at = world.turned_off(flag)
    if at is None or at < began:
        raise BenchError(f"{flag} was not turned off by {' '.join(command)}: {said.decode()[-800:]}")
    return at - began


@contextmanager
def _locked(journal: Path) -> Iterator[None]:
    """Another process writes to the journal and does not come to an end."""
    with closing(sqlite3.connect(journal, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def measure(run: Run) -> list[Row]:
    each = run.times + 1
    count = 4 * each
    spare = rollout_name(count)
    world = run.stack.enter_context(servers(run.folder / "servers", count + 1))
    config = baking_rollouts(run.folder / "world", world, 0, count, "15s")
    plan = run.folder / "plan.toml"
    numbers = iter(range(count))
    url = f"{world.flags}/api/admin/projects/default/features/{spare}/environments/production/off"
    command = [*ROLLOUTCTL, "--config", str(config), "rollback"]

    def by_name() -> float:
        name = rollout_name(next(numbers))
        return _accepted([*command, name, "--why", "bench"], name, world, run.folder)

    def by_plan() -> float:
        number = next(numbers)
        plan.write_text(plan_text(number, four_criteria(number)))
        return _accepted([*command, "--plan", str(plan), "--why", "bench"], rollout_name(number), world, run.folder)

    def anchor() -> float:
        return _accepted([sys.executable, "-c", _BARE % ADMIN, url], spare, world, run.folder)

    def compared(what: str, ours: Callable[[], float], wrong: AbstractContextManager[None]) -> Row:
        title = f'rollback to "off" accepted, {what}'
        with wrong:
            try:
                ours(), anchor()
                mine, theirs = pairs(run.times, ours, anchor)
            except BenchError as error:
                print(error, file=sys.stderr)
                run.notes.append(f"{title}: the command ended without the flag server having been asked.")
                return Row(title, "never", "–", "–", _BAR.words(Unit.SECONDS), holds=False)
        return row(title, Unit.SECONDS, mine, theirs, _BAR)

    journal = config.parent / "journal.db"
    return [
        compared("nothing wrong", by_name, nullcontext()),
        compared("Prometheus stopped", by_name, _stopped(world.metrics_pid)),
        compared("by its plan's file, journal locked", by_plan, _locked(journal)),
        compared("journal locked", by_name, _locked(journal)),
    ]


BENCHMARK = Benchmark(
    "rollback",
    "From starting `rolloutctl rollback NAME` to the moment the flag server has carried out the request that turns the flag"
    " off; nobody drives, so the command takes the lease and journals its intent first. Prometheus is stopped with SIGSTOP in"
    " the second line; in the third another process holds the journal's write lock. Anchor: a bare httpx script that sends the"
    " same request.",
    measure,
)
