"""Alerting rules of a real Prometheus: firing, quiet, failing, unknown; and an Alertmanager beside it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from metrics.server import Handler, Request, serving
from rolloutctl import config
from rolloutctl.engine.once.backtesting import Backtest, backtest
from rolloutctl.judge.judge import judge_phase
from rolloutctl.judge.needs import needs
from rolloutctl.metrics.prometheus import PrometheusSource
from rolloutctl.model.verdict import State, Verdict
from rolloutctl.plan.model import Plan
from servers.places import work_folder
from servers.prometheus import PrometheusServer, running_prometheus

WITHIN_S = 60.0


def _rules(gone_quiet: str) -> str:
    """JSON is YAML."""
    marks = {"severity": "page"}
    rules = [
        {"alert": "AlwaysOn", "expr": "up == 1", "labels": marks},
        {"alert": "Quiet", "expr": "up > 1", "labels": marks},
        {"alert": "Waits", "expr": "up == 1", "for": "1h"},
        {"alert": "Fails", "expr": "sum by (job) (up) + on () group_left () (up or label_replace(up, 'x', 'y', '', ''))"},
        {"alert": "GoesQuiet", "expr": gone_quiet},
    ]
    return json.dumps({"groups": [{"name": "service", "interval": "1s", "rules": rules}]})


@pytest.fixture(scope="module")
def prometheus(prometheus_binary: Path) -> Iterator[PrometheusServer]:
    assert prometheus_binary
    with work_folder("prometheus-alerts") as work:
        rules = work / "rules.json"
        rules.write_text(_rules("up == 1"))
        extra = {"rule_files": [str(rules)]}
        with running_prometheus([], work=work, config_extra={**extra, "scrape_configs": [_itself()]}) as server:
            config_file = json.loads(server.config.read_text())
            config_file["scrape_configs"] = [_itself(server.url.removeprefix("http://"))]
            server.config.write_text(json.dumps(config_file))
            server.reload()
            yield server


def _reload_with(prometheus: PrometheusServer, rules: str) -> None:
    Path(json.loads(prometheus.config.read_text())["rule_files"][0]).write_text(rules)
    prometheus.reload()


def _itself(*targets: str) -> dict[str, object]:
    return {"job_name": "itself", "static_configs": [{"targets": list(targets)}]}


def _source(prometheus: PrometheusServer, **more: str) -> PrometheusSource:
    settings = {"type": "prometheus", "url": prometheus.url, "timeout": "5s", **more}
    return PrometheusSource(config.PrometheusSource.model_validate(settings), lambda _: "", ingest_delay=2.0)


@pytest.fixture
async def source(prometheus: PrometheusServer) -> AsyncIterator[PrometheusSource]:
    made = _source(prometheus)
    yield made
    await made.close()


def plan_of(*alerts: str, **more: object) -> Plan:
    return Plan.model_validate(
        {
            "format": 1,
            "name": "p",
            "owner": "ana",
            "flag": {"provider": "unleash", "key": "k", "environment": "prod"},
            "metrics": {"source": "prometheus", "canary": 'a="2"', "baseline": 'a="1"', "step": "1s", "max_sample_age": "20s"},
            "judge": {"min_time": "2s"},
            "criteria": [{"id": alert, "type": "alert", "alert": alert, **more} for alert in alerts],
            "phases": [{"name": "half", "owner": "ana", "cohort": {"percent": 50}, "bake": "1h"}],
        }
    )


async def judged(source: PrometheusSource, plan: Plan, start: float) -> dict[str, Verdict]:
    now = (await source.now()).timestamp()
    answers = await source.fetch(needs(plan, 0, start, now))
    return {v.key: v for v in judge_phase(plan, 0, start, now, answers)}


async def until(
    source: PrometheusSource, plan: Plan, start: float, holds: Callable[[dict[str, Verdict]], bool]
) -> dict[str, Verdict]:
    give_up = time.monotonic() + WITHIN_S
    while not holds(found := await judged(source, plan, start)):
        assert time.monotonic() < give_up, [(key, verdict.state, verdict.why) for key, verdict in found.items()]
        await asyncio.sleep(0.3)
    return found


def states(found: dict[str, Verdict]) -> dict[str, State]:
    return {key: verdict.state for key, verdict in found.items()}


async def test_rules_of_a_real_prometheus_are_what_they_are(source: PrometheusSource) -> None:
    plan, start = plan_of("AlwaysOn", "Quiet", "Waits", "Fails", "Unknown"), (await source.now()).timestamp()
    wanted = {
        "AlwaysOn": State.BREACH,
        "Quiet": State.PASS,
        "Waits": State.PENDING,
        "Fails": State.INVALID,
        "Unknown": State.NO_DATA,
    }
    found = await until(source, plan, start, lambda found: states(found) == wanted)
    assert 'severity="page"' in found["AlwaysOn"].why
    assert "is pending" in found["Waits"].why
    assert "the rule of the alert Fails fails: " in found["Fails"].why
    again = await judged(source, plan, start)
    assert again["AlwaysOn"].breach_at == found["AlwaysOn"].breach_at


async def test_history_shows_when_an_alert_fired(source: PrometheusSource) -> None:
    plan, start = plan_of("AlwaysOn"), (await source.now()).timestamp()
    live = (await until(source, plan, start, lambda found: found["AlwaysOn"].state is State.BREACH))["AlwaysOn"]
    give_up = time.monotonic() + WITHIN_S
    while (found := await _backtested(source, plan, start)).first_breach is None:
        assert time.monotonic() < give_up, found  # only whole cells are looked at: the one it fired in has to be over
        await asyncio.sleep(0.3)
    assert live.breach_at is not None
    assert found.first_breach.criterion == "AlwaysOn"
    assert found.first_breach.after_s == pytest.approx(live.breach_at - start)


async def _backtested(source: PrometheusSource, plan: Plan, start: float) -> Backtest:
    end = (await source.now()).timestamp()
    answers = await source.fetch(needs(plan, 0, start, end))
    return backtest(plan, 0, datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC), answers)


async def test_labels_and_a_series_that_shows_the_evaluation(source: PrometheusSource) -> None:
    start = (await source.now()).timestamp()
    other = plan_of("AlwaysOn", labels={"severity": "ticket"})
    page = plan_of("AlwaysOn", labels={"severity": "page"})
    seen = plan_of("Quiet", "Unknown", fresh="prometheus_rule_group_iterations_total")
    await until(source, page, start, lambda found: found["AlwaysOn"].state is State.BREACH)
    assert (await judged(source, other, start))["AlwaysOn"].state is State.NO_DATA, "the rule says page"
    await until(source, seen, start, lambda found: set(states(found).values()) == {State.PASS})


async def test_an_alert_that_resolves_leaves_its_breach(prometheus: PrometheusServer, source: PrometheusSource) -> None:
    plan, start = plan_of("GoesQuiet"), (await source.now()).timestamp()
    fired = await until(source, plan, start, lambda found: found["GoesQuiet"].state is State.BREACH)
    _reload_with(prometheus, _rules("up > 1"))
    later = await until(source, plan, start, lambda found: not found["GoesQuiet"].evidence.cells[-1].beyond)
    assert later["GoesQuiet"].state is State.BREACH
    assert later["GoesQuiet"].breach_at == fired["GoesQuiet"].breach_at
    fresh_start = (await source.now()).timestamp() + 1
    await until(source, plan, fresh_start, lambda found: found["GoesQuiet"].state is State.PASS)


async def test_an_alertmanager_counts_too_and_its_silence_is_no_pass(prometheus: PrometheusServer) -> None:
    alerts: list[dict[str, object]] = []
    asked: list[Request] = []

    def answer(handler: Handler, request: Request) -> None:
        asked.append(request)
        handler.send_json(alerts)

    with serving(answer) as lying:
        source = _source(prometheus, alertmanager=lying.url)
        try:
            plan, start = plan_of("Quiet"), (await source.now()).timestamp()
            await until(source, plan, start, lambda found: found["Quiet"].state is State.PASS)
            assert (asked[0].method, asked[0].path) == ("GET", "/api/v2/alerts")
            assert asked[0].query["filter"] == 'alertname="Quiet"'
            since = datetime.fromtimestamp(start + 1, UTC).isoformat()
            alerts.append({"labels": {"alertname": "Quiet", "cluster": "eu"}, "startsAt": since, "status": {"state": "active"}})
            found = await until(source, plan, start, lambda found: found["Quiet"].state is State.BREACH)
            assert 'cluster="eu"' in found["Quiet"].why
        finally:
            await source.close()
    silent = _source(prometheus, alertmanager=lying.url)
    try:
        assert (await judged(silent, plan, start))["Quiet"].state is State.SOURCE_DOWN
    finally:
        await silent.close()
