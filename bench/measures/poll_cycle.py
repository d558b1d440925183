"""One look at a hundred rollouts, through the `Source` port, against a real Prometheus that holds a day of samples."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import local

import httpx
from prometheus_api_client import PrometheusConnect

from bench.figures import Most, Row, Unit, pairs, row
from bench.names import BASELINE, CANARY
from bench.plans import plan_text, ten_criteria
from bench.registry import Benchmark, Run
from bench.servers import samples
from bench.worlds import NoPrometheusError, prometheus
from rolloutctl.config import PrometheusSource as Settings
from rolloutctl.judge.needs import needs
from rolloutctl.metrics.prometheus import PrometheusSource
from rolloutctl.model.samples import Answer, Query, Samples
from rolloutctl.plan.model import Plan, RatioCriterion, ValueCriterion
from rolloutctl.plan.read import read_plan

ROLLOUTS = 100
HOUR_S = 3600
SCRAPE_S = 60
BLOCK_S = 2 * HOUR_S
AGES_H = (1, 24)
_THREADS = 4
"""As many as the source's pool has."""
_REQUESTS = re.compile(r'prometheus_http_requests_total\{code="\d+",handler="/api/v1/query(?:_range)?"\} (\S+)')


def fill(folder: Path, services: int, end: int, hours: int) -> None:
    """Blocks with `hours` hours of samples up to `end` (Unix s) for a Prometheus that is started on `folder` afterwards."""
    for begin in range(end - hours * HOUR_S, end, BLOCK_S):
        families: dict[str, list[str]] = {}
        for at in range(begin, begin + BLOCK_S, SCRAPE_S):
            for name, labels, value in samples(services, at - end + 100 * HOUR_S):
                families.setdefault(name, []).append(f"{name}{{{labels}}} {value} {at}")
        text = folder / "samples.om"
        with text.open("w") as out:
            for lines in families.values():
                out.write("\n".join(lines) + "\n")
            out.write("# EOF\n")
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", str(text), str(folder / "data")]
        subprocess.run(command, check=True, capture_output=True)
        text.unlink()


@dataclass(slots=True)
class Cycle:
    """The engine's questions for phases of one age, asked again and again through one source, 15 s later each time."""

    source: PrometheusSource
    plans: Sequence[Plan]
    start: float
    now: float
    loop: asyncio.AbstractEventLoop
    answers: Mapping[Query, Answer] = field(default_factory=dict)

    def look(self) -> float:
        """Seconds of one fetch."""
        self.now += 15
        wanted = tuple(dict.fromkeys(query for plan in self.plans for query in needs(plan, 0, self.start, self.now)))
        began = time.perf_counter()
        self.answers = self.loop.run_until_complete(self.source.fetch(wanted))
        took = time.perf_counter() - began
        bad = [answer for answer in self.answers.values() if not isinstance(answer, Samples)]
        if bad:
            raise RuntimeError(f"{len(bad)} of {len(wanted)} queries failed: {bad[0]}")
        return took


def instants(plans: Sequence[Plan]) -> list[str]:
    """One expression for each criterion and arm."""
    found: list[str] = []
    for plan in plans:
        for version in (CANARY, BASELINE):
            for each in plan.criteria:
                match each:
                    case RatioCriterion():
                        text = f"sum(rate({each.bad}[5m])) / sum(rate({each.total}[5m]))"
                    case ValueCriterion():
                        text = each.expr
                    case _:
                        raise TypeError(f"{each.id} is of a type that no instant query stands for")
                found.append(text.replace("$arm", f'version="{version}"'))
    return found


class OneEach:
    """The anchor: the same client library, as many threads, one instant query for each criterion and arm."""

    def __init__(self, url: str, at: float, queries: Sequence[str]) -> None:
        self._url, self._at, self._queries = url, at, queries
        self._mine = local()
        self._pool = ThreadPoolExecutor(_THREADS)

    def _ask(self, query: str) -> None:
        if not hasattr(self._mine, "client"):
            self._mine.client = PrometheusConnect(url=self._url)
        if not self._mine.client.custom_query(query, params={"time": f"{self._at:.3f}"}):
            raise RuntimeError(f"{query} has no answer")

    def look(self) -> float:
        began = time.perf_counter()
        list(self._pool.map(self._ask, self._queries))
        return time.perf_counter() - began


def requests_served(url: str) -> float:
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    return sum(float(number) for number in _REQUESTS.findall(text))


def measure(run: Run) -> list[Row]:
    rollouts = 20 if run.quick else ROLLOUTS
    folder = run.folder / "prometheus"
    folder.mkdir(parents=True)
    end = int(time.time()) // BLOCK_S * BLOCK_S
    try:
        fill(folder, rollouts, end, AGES_H[-1] + 2)
    except OSError as error:
        raise NoPrometheusError(f"promtool cannot be run: {error}") from None
    plans = [read_plan(plan_text(number, ten_criteria(number)), "plan.toml") for number in range(rollouts)]
    url, _ = run.stack.enter_context(prometheus(folder, json.dumps({"scrape_configs": []})))
    loop = asyncio.new_event_loop()
    run.stack.callback(loop.close)
    now = end - 900.0
    cycles: dict[int, Cycle] = {}
    for hours in AGES_H:
        source = PrometheusSource(Settings(type="prometheus", url=url, timeout="60s"), lambda _: "")
        cycles[hours] = Cycle(source, plans, now - hours * HOUR_S, now, loop)
        before = requests_served(url)
        took = cycles[hours].look()
        asked = requests_served(url) - before
        run.notes.append(f"First look at phases {hours} h old, which fetches everything: {took:.2f} s, {asked:,.0f} requests.")
    queries = instants(plans)
    one_each = OneEach(url, now, queries)
    one_each.look(), cycles[1].look()
    before = requests_served(url)
    cycles[1].look()
    asked = requests_served(url) - before
    mine, theirs = pairs(run.times, cycles[1].look, one_each.look)
    old, young = pairs(run.times, cycles[24].look, cycles[1].look)
    for cycle in cycles.values():
        loop.run_until_complete(cycle.source.close())
    what = f"poll cycle, {rollouts} rollouts x 10 criteria x 2 arms"
    return [
        row(f"{what}: requests", Unit.COUNT, [asked], [float(len(queries))], Most(value=40)),
        row(f"{what}: wall time", Unit.SECONDS, mine, theirs, Most(times=0.1)),
        row(f"{what}: phases 24 h old against 1 h old", Unit.SECONDS, old, young, Most(times=1.2)),
    ]


BENCHMARK = Benchmark(
    "poll-cycle",
    "What the engine asks for 100 rollouts of ten criteria (six ratios of counters, a quantile, a quotient, two gauges), fetched"
    " through the `Source` port, each look 15 s after the one before it; a real Prometheus holds 26 hours of 4,200 series,"
    " scraped every 60 s. Requests are those the server counted. Anchor of the first two lines: one instant query for each"
    " criterion and arm with the same client library and as many threads; of the third: the same for phases one hour old.",
    measure,
)
