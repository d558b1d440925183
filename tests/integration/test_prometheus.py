"""Metrics and the judge against a real Prometheus that scrapes real targets."""

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rolloutctl import config
from rolloutctl.judge.exposure import read_exposure
from rolloutctl.judge.judge import judge_phase
from rolloutctl.judge.needs import needs
from rolloutctl.metrics.prometheus import PrometheusSource
from rolloutctl.model.samples import FailureKind, Query, QueryKind
from rolloutctl.model.verdict import State
from rolloutctl.plan.model import Plan
from servers.places import work_folder
from servers.prometheus import PrometheusServer, running_prometheus

SPEED = 300.0
"""Requests per second of each arm's counter."""


class Target:
    """A host whose counters follow from the time since it began; `errors` is the share of bad requests."""

    def __init__(self, version: str, errors: float) -> None:
        self.version = version
        self.errors = errors
        self.gauge = "0.5"
        self._total = self._bad = 0.0
        self._at = time.monotonic()
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = target.metrics().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self._running = True

    def metrics(self) -> str:
        now = time.monotonic()
        requests = (now - self._at) * SPEED
        self._total, self._bad, self._at = self._total + requests, self._bad + requests * self.errors, now
        arm = f'version="{self.version}"'
        good = self._total - self._bad
        return (
            "# TYPE http_requests_total counter\n"
            f'http_requests_total{{{arm},code="200"}} {good}\n'
            f'http_requests_total{{{arm},code="500"}} {self._bad}\n'
            "# TYPE drift gauge\n"
            f"drift{{{arm}}} {self.gauge}\n"
        )

    def die(self) -> None:
        if self._running:
            self._running = False
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


class World:
    def __init__(self, prometheus: PrometheusServer, canary: Target, baseline: Target) -> None:
        self.prometheus = prometheus
        self.canary = canary
        self.baseline = baseline
        self.source = self.new_source()

    def new_source(self) -> PrometheusSource:
        settings = {"type": "prometheus", "url": self.prometheus.url, "timeout": "2s", "connect_timeout": "1s"}
        return PrometheusSource(config.PrometheusSource.model_validate(settings), lambda _: "", ingest_delay=2.0)

    async def now(self) -> float:
        return (await self.source.now()).timestamp()

    async def judged(self, plan: Plan, start: float, now: float | None = None):
        at = await self.now() if now is None else now
        answers = await self.source.fetch(needs(plan, 0, start, at))
        return {v.key: v for v in judge_phase(plan, 0, start, at, answers)}, read_exposure(plan, 0, start, at, answers)

    async def until(self, plan: Plan, start: float, state: State, key: str = "errors", within: float = 25.0):
        """Look until the criterion is in that state; returns its verdict."""
        give_up = time.monotonic() + within
        while True:
            verdicts, _ = await self.judged(plan, start)
            if verdicts[key].state is state:
                return verdicts[key]
            assert time.monotonic() < give_up, verdicts[key]
            await asyncio.sleep(0.25)


@pytest.fixture(scope="module")
def shared(prometheus_binary: Path) -> Iterator[World]:
    canary, baseline = Target("2", 0.002), Target("1", 0.002)
    try:
        with (
            work_folder("prometheus-source") as work,
            running_prometheus([canary.address, baseline.address], work=work) as prometheus,
        ):
            yield World(prometheus, canary, baseline)
    finally:
        canary.die()
        baseline.die()


@pytest.fixture
async def world(shared: World):
    shared.source = shared.new_source()
    await _scraped(shared)
    yield shared
    await shared.source.close()


async def _scraped(world: World) -> None:
    """Both targets have been scraped a few times."""
    give_up = time.monotonic() + 30
    while True:
        now = await world.now()
        query = Query(QueryKind.RAW, 'http_requests_total{code="200"}', now - 10, now)
        answer = (await world.source.fetch([query]))[query]
        if len([s for s in answer.series if len(s.times) >= 4 and now - s.times[-1] < 2]) == 2:
            return
        assert time.monotonic() < give_up, answer
        await asyncio.sleep(0.2)


def plan_of(*criteria: dict[str, object], **metrics: object) -> Plan:
    return Plan.model_validate(
        {
            "format": 1,
            "name": "p",
            "owner": "ana",
            "flag": {"provider": "unleash", "key": "k", "environment": "prod"},
            "metrics": {
                "source": "prometheus",
                "canary": 'version="2"',
                "baseline": 'version="1"',
                "requests": "http_requests_total{$arm}",
                "host": "instance",
                "step": "1s",
                "max_sample_age": "5s",
                **metrics,
            },
            "judge": {"min_time": "4s", "grace": 2},
            "criteria": [{"test": "threshold", "window": "4s", "breach_after": "2s", **one} for one in criteria],
            "phases": [{"name": "half", "owner": "ana", "cohort": {"percent": 50}, "bake": "1h"}],
        }
    )


ERRORS = {"id": "errors", "type": "ratio", "bad": 'http_requests_total{code=~"5..",$arm}', "total": "http_requests_total{$arm}"}
DRIFT = {"id": "drift", "type": "value", "expr": "drift{$arm}", "max": 0.9}


async def test_real_scrapes_have_real_times_and_ages(world):
    now = await world.now()
    query = Query(QueryKind.RAW, 'http_requests_total{code="200"}', now - 6, now)
    (answer,) = (await world.source.fetch([query])).values()
    for series in answer.series:
        gaps = [b - a for a, b in zip(series.times, series.times[1:], strict=False)]
        assert all(0.9 < gap < 1.1 for gap in gaps)
        assert 0 <= now - series.times[-1] < 2


async def test_a_good_canary_passes_and_a_bad_one_is_a_breach(world):
    plan = plan_of({**ERRORS, "max": 0.01}, {**ERRORS, "id": "relative", "tolerate": "25%"}, DRIFT)
    start = await world.now()
    found = await world.until(plan, start, State.PASS)
    assert found.evidence.canary == pytest.approx(0.002, rel=0.01)
    assert 500 < found.evidence.events_canary < 1500
    assert found.evidence.age_s < 3
    await world.until(plan, start, State.PASS, key="drift")
    verdicts, exposure = await world.judged(plan, start)
    assert {v.state for v in verdicts.values()} == {State.PASS}
    assert exposure.share == pytest.approx(0.5, abs=0.05)
    assert not exposure.off_by_more

    world.canary.errors = 0.1
    try:
        breach = await world.until(plan, start, State.BREACH)
        relative = await world.until(plan, start, State.BREACH, key="relative")
    finally:
        world.canary.errors = 0.002
    assert relative.breach_at <= breach.breach_at + 1
    # Another operator, who looks later and has seen nothing before, agrees.
    other = World(world.prometheus, world.canary, world.baseline)
    verdicts, _ = await other.judged(plan, start)
    await other.source.close()
    assert verdicts["errors"].breach_at == breach.breach_at


async def test_an_incremental_fetch_equals_a_whole_one(world):
    start = (await world.now()) - 5.4321
    for _ in range(8):
        now = await world.now()
        queries = needs(plan_of({**ERRORS, "max": 0.01}, DRIFT), 0, start, now)
        incremental = await world.source.fetch(queries)
        await asyncio.sleep(0.4)
        fresh = world.new_source()
        whole = await fresh.fetch(queries)
        await fresh.close()
        for query in queries:
            known = {s.labels: s for s in whole[query].series}
            for series in incremental[query].series:
                # The newest scrape may have been stored between the two fetches.
                assert series.times == known[series.labels].times[: len(series.times)]
                assert len(known[series.labels].times) - len(series.times) <= 1
        await asyncio.sleep(0.4)


async def test_a_gauge_that_is_no_number(world):
    plan = plan_of(DRIFT)
    start = await world.now()
    world.canary.gauge = "NaN"
    try:
        found = await world.until(plan, start, State.NOT_A_NUMBER, key="drift")
    finally:
        world.canary.gauge = "0.5"
    assert "no number" in found.why


async def test_what_does_not_exist_and_what_cannot_be_read(world):
    plan = plan_of(
        {**ERRORS, "max": 0.01, "total": "no_such_metric{$arm}"},
        {"id": "nothing", "type": "value", "expr": "no_such_gauge{$arm} or vector(0)", "max": 1},
        {"id": "refused", "type": "value", "expr": 'label_replace(drift{$arm}, "x", "$1", "y", "(")', "max": 1},
    )
    start = (await world.now()) - 4
    verdicts, _ = await world.judged(plan, start)
    assert verdicts["errors"].state is State.NO_DATA
    assert verdicts["errors"].grace_over
    assert verdicts["nothing"].state is State.NO_DATA
    assert verdicts["refused"].state is State.INVALID
    assert "invalid regular expression" in verdicts["refused"].why


async def test_a_frozen_prometheus_is_source_down_in_time_and_normal_again_after(world):
    plan = plan_of({**ERRORS, "max": 0.01})
    start = await world.now()
    await world.until(plan, start, State.PASS)
    now = await world.now() + 2  # what is known already need not be asked for
    world.prometheus.pause()
    try:
        begun = time.monotonic()
        verdicts, exposure = await world.judged(plan, start, now)
        took = time.monotonic() - begun
    finally:
        world.prometheus.resume()
    assert verdicts["errors"].state is State.SOURCE_DOWN
    assert "did not answer within 2s" in verdicts["errors"].why
    assert exposure.share is None
    assert took < 4
    assert (await world.until(plan, start, State.PASS)).evidence.canary == pytest.approx(0.002, rel=0.05)


async def test_a_restarted_prometheus_is_down_and_then_normal_again(world):
    plan = plan_of({**ERRORS, "max": 0.01}, max_sample_age="20s")
    start = await world.now()
    await world.until(plan, start, State.PASS)
    world.prometheus.stop()
    try:
        query = Query(QueryKind.RAW, "up", start, start + 1)
        down = (await world.source.fetch([query]))[query]
        verdicts, _ = await world.judged(plan, start, start + 10)
    finally:
        world.prometheus.start()
    assert down.kind is FailureKind.DOWN
    assert "refuses connections" in down.why
    assert verdicts["errors"].state is State.SOURCE_DOWN
    assert (await world.until(plan, start, State.PASS, within=40)).breach_at is None


async def test_a_canary_that_dies_is_stale(world):
    # The last test: its target stays dead.
    plan = plan_of({**ERRORS, "max": 0.01}, {**DRIFT, "expr": "max_over_time(drift{$arm}[1m])"})
    start = await world.now()
    await world.until(plan, start, State.PASS)
    world.canary.die()
    found = await world.until(plan, start, State.STALE)
    assert "the newest sample of the canary is" in found.why
    # The expression still has a value: a minute of samples is in its window.
    verdicts, _ = await world.judged(plan, start)
    assert verdicts["drift"].state in {State.STALE, State.PASS}
    stale = await world.until(plan, start, State.STALE, key="drift")
    assert stale.evidence.age_s > 5
    # A phase that begins now has no sample of the dead canary at all.
    assert (await world.until(plan, await world.now(), State.NO_DATA)).evidence.newest is None
