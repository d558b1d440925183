"""The judge alone, without a source: one criterion from its phase's start, and a thousand that go on from the look before."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

from bench.figures import NO_BAR, Most, Row, Unit, pairs, row
from bench.names import BASELINE, CANARY
from bench.plans import plan_text
from bench.registry import Benchmark, Run
from rolloutctl.judge.judge import judge_phase
from rolloutctl.judge.live.memory import Asked, Memory, look
from rolloutctl.judge.needs import needs
from rolloutctl.judge.rates.counts import Counts, Floats
from rolloutctl.judge.rates.settings import RateSettings
from rolloutctl.judge.rates.track import track
from rolloutctl.model.samples import Answer, Query, Samples, Series
from rolloutctl.model.verdict import State
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan

REFERENCE = "ROLLOUTCTL_BENCH_REFERENCE"
"""Names a file with the reference judge, a streaming one in plain Python; without it there is no anchor."""
START = 1_790_000_000.0
STEP_S = 15.0
DAY_S = 86_400.0
HISTORY_S = 3_900.0
_CRITERIA = 10
_ERRORS = 0.01


def plan_of(criteria: int) -> Plan:
    each = [
        {
            "id": f"errors-{number}",
            "type": "ratio",
            "bad": f'bad_total{{job="{number}",$arm}}',
            "total": f'all_total{{job="{number}",$arm}}',
        }
        for number in range(criteria)
    ]
    plan = read_plan(plan_text(0, each), "plan.toml")
    phase = plan.phases[0].model_copy(update={"bake": timedelta(days=2), "deadline": None})
    return plan.model_copy(update={"phases": (phase,)})


@dataclass(slots=True)
class Scraped:
    """Counters of one job: every host has times of its own; answers are views of one array, as those of a source are."""

    hosts: tuple[int, int]
    seconds: float
    seed: int
    series: dict[tuple[str, str], list[tuple[tuple[tuple[str, str], ...], Floats, Floats]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        for version, hosts in ((CANARY, self.hosts[0]), (BASELINE, self.hosts[1])):
            for host in range(hosts):
                times = np.arange(START - HISTORY_S, START + self.seconds, STEP_S) + rng.uniform(0, STEP_S)
                everything = rng.poisson(60, len(times))
                bad = rng.binomial(everything, _ERRORS)
                for name, increments in (("all_total", everything), ("bad_total", bad)):
                    labels = (("__name__", name), ("instance", f"{version}-{host}"), ("version", version))
                    mine = self.series.setdefault((name, version), [])
                    mine.append((labels, times, np.cumsum(increments).astype(np.float64)))

    def answer(self, query: Query) -> Samples:
        name = query.text.split("{", 1)[0]
        version = CANARY if f'"{CANARY}"' in query.text else BASELINE
        found = []
        for labels, times, values in self.series.get((name, version), ()):
            inside = slice(int(np.searchsorted(times, query.start)), int(np.searchsorted(times, query.end, side="right")))
            found.append(Series.of_arrays(labels, times[inside], values[inside]))
        return Samples(tuple(found))


def answers(plan: Plan, scraped: Scraped, now: float) -> dict[Query, Answer]:
    return {query: scraped.answer(query) for query in needs(plan, 0, START, now)}


def _timed(work: Callable[[], object], clock: Callable[[], float]) -> float:
    began = clock()
    work()
    return clock() - began


def from_scratch(run: Run) -> list[Row]:
    what = "one ratio criterion, 24 h at 15 s, 4 + 8 hosts"
    arms = _counted()
    counts = Counts(*(part[:, None, :].astype(np.float64) for part in arms))
    settings = RateSettings(cell_s=STEP_S, horizon=len(arms[0]), alpha=0.02, beta=0.05)
    plan, scraped = plan_of(1), Scraped((4, 8), DAY_S, 1)
    known = answers(plan, scraped, START + DAY_S)

    def every_cell() -> float:
        return _timed(lambda: track(counts, settings), time.process_time)

    def whole() -> float:
        return _timed(lambda: judge_phase(plan, 0, START, START + DAY_S, known), time.process_time)

    every_cell(), whole()
    reference = os.environ.get(REFERENCE)
    if not reference:
        run.notes.append(f"No anchor for the first lines: {REFERENCE} names no file with the reference judge.")
        return [row(f"{what}: every cell judged, CPU", Unit.SECONDS, [every_cell() for _ in range(run.times)])]
    streaming = _streaming(Path(reference), arms)
    mine, theirs = pairs(run.times, every_cell, lambda: _timed(streaming, time.process_time))
    all_of_it, again = pairs(run.times, whole, lambda: _timed(streaming, time.process_time))
    return [
        row(f"{what}: every cell judged, CPU", Unit.SECONDS, mine, theirs, Most(times=1 / 20)),
        row("the same from raw samples to the verdict with its evidence, CPU", Unit.SECONDS, all_of_it, again),
    ]


def _counted() -> tuple[np.ndarray, ...]:
    """(cells, hosts): all and bad events of the canary, then of the baseline."""
    cells, rng = int(DAY_S / STEP_S), np.random.default_rng(1)
    found: list[np.ndarray] = []
    for hosts in (4, 8):
        everything = rng.poisson(60, (cells, hosts))
        found += [everything, rng.binomial(everything, _ERRORS)]
    return tuple(found)


def _streaming(path: Path, arms: tuple[np.ndarray, ...]) -> Callable[[], object]:
    """The same cells, one by one."""
    spec = spec_from_file_location("reference", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} is no module")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    pairs_of = [
        [[*zip(map(float, a), map(float, b), strict=True)] for a, b in zip(everything, bad, strict=True)]
        for everything, bad in (arms[:2], arms[2:])
    ]

    def whole() -> object:
        test = module.RatioTest(4, 8, 1, STEP_S, len(arms[0]), 0.02)
        return [test.update([(list(ours), list(theirs))]) for ours, theirs in zip(*pairs_of, strict=True)][-1]

    return whole


@dataclass(slots=True)
class Watched:
    """Rollouts of ten criteria, all judged by the same samples, looked at again and again, 15 s later each time."""

    plans: list[Plan]
    scraped: Scraped
    now: float
    memory: Memory = field(default_factory=Memory)

    def look(self, clock: Callable[[], float]) -> float:
        self.now += STEP_S
        known: Mapping[Query, Answer] = answers(self.plans[0], self.scraped, self.now)
        asked = [Asked(f"r-{number}", 1, plan, 0, START) for number, plan in enumerate(self.plans)]
        found: list[Any] = []
        took = _timed(lambda: found.extend(look(self.memory, asked, self.now, known)), clock)
        states = {verdict.state for verdicts in found for verdict in verdicts}
        if not states <= {State.PASS, State.PENDING}:
            raise RuntimeError(f"the traffic is meant to be quiet, and was judged {states}")
        return took


def incremental(run: Run) -> list[Row]:
    rollouts = 20 if run.quick else 100
    hours = 1
    watched = Watched(
        [plan_of(_CRITERIA) for _ in range(rollouts)], Scraped((2, 4), 2 * hours * 3600.0, 2), START + hours * 3600.0
    )
    what = f"{rollouts * _CRITERIA:,} criteria of phases 1 h old, 2 + 4 hosts, one look"
    first = watched.look(time.process_time)
    watched.look(time.process_time)
    mine = [watched.look(time.process_time) for _ in range(max(5, run.times))]
    return [
        row(f"{what}: CPU", Unit.SECONDS, mine, bar=Most(value=0.1)),
        row("the same, the first look of a new driver: CPU", Unit.SECONDS, [first], bar=NO_BAR),
    ]


def measure(run: Run) -> list[Row]:
    return [*from_scratch(run), *incremental(run)]


BENCHMARK = Benchmark(
    "judging",
    "The judge alone, on samples in memory. First line: what the test says in every cell of a day, from the counts of the cells;"
    " second: the same from every raw scrape, with a verdict, its sentences, interval and drawn cells. Anchor of both: a judge in"
    " plain Python that is given the counts cell by cell. Then: rollouts of ten ratio criteria each, steadily watched; a look"
    " finds one new scrape of every counter, closes one cell, advances every test and makes every verdict with all its evidence.",
    measure,
)
