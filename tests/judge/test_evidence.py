"""Criteria judged by evidence, from samples to verdicts: scrapes that do not meet the grid, units, shares of alpha, sentences."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.evidence import NEITHER, Traffic, errors, gauge, latency, plan_with
from judge.worlds import START, World, ratio
from rolloutctl.judge.sharing import alpha_of
from rolloutctl.model.histogram import Histogram
from rolloutctl.model.samples import Samples, Series
from rolloutctl.model.verdict import State, Verdict


def staggered(rate: float, *, until: float = 3600.0) -> World:
    """One host per arm, scraped every minute at different seconds; 2 % errors in the baseline."""
    world = World()
    rng = np.random.default_rng(5)
    for version, offset, share in (("2", 7.0, 0.02 * rate), ("1", 41.0, 0.02)):
        marks = {"version": version, "instance": f"h{version}"}
        events = rng.poisson(600, 200)
        bad = iter(rng.binomial(events, share).tolist())
        everything = iter(events.tolist())
        world.counter("req", lambda _, them=everything: next(them), until, every=60.0, offset=offset, **marks)
        world.counter("bad", lambda _, them=bad: next(them), until, every=60.0, offset=offset, **marks)
    return world


@pytest.mark.parametrize(("rate", "state"), [(2.0, State.BREACH), (1.0, State.PASS)])
def test_staggered_scrapes_of_a_minute_waste_no_evidence(rate: float, state: State) -> None:
    assert staggered(rate).judge(plan_with(errors()), 3600)["errors"].state is state


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e12]), st.sampled_from([1.0, 1.5]))
def test_the_unit_of_a_value_does_not_matter(scale: float, rate: float) -> None:
    def verdict(factor: float) -> Verdict:
        rng = np.random.default_rng(7)
        traffic = Traffic(80).past("cost", 3.0 * factor)
        for arm, level in (("canary", 3.0 * rate), ("baseline", 3.0)):
            for host in range(3):
                traffic.gauge(arm, (level * factor * rng.lognormal(0, 0.02, 80)).tolist(), f"h{host}")
        return traffic.verdicts(plan_with(gauge(versus="baseline")))["cost"]

    here, there = verdict(1.0), verdict(scale)
    assert here.state is there.state
    assert here.breach_at == there.breach_at
    assert here.evidence.log_e == pytest.approx(there.evidence.log_e, rel=1e-6, abs=1e-6)


def test_alpha_is_shared_by_phases_and_criteria_that_are_judged_by_evidence() -> None:
    plan = plan_with(errors(), latency(), ratio(id="bound", max=0.1))
    assert alpha_of(plan, 0) == pytest.approx(0.02 / 2)
    assert plan.judge.alpha == Decimal("0.02")


def test_pending_says_how_long_it_still_takes() -> None:
    verdict = Traffic(12).both((1_200, 12), (4_800, 48)).verdicts(plan_with(errors()))["errors"]
    assert verdict.state is State.PENDING
    assert "more minutes" in verdict.why
    assert verdict.evidence.needed_s is not None


def test_hardly_any_traffic_is_a_state_of_its_own() -> None:
    verdict = Traffic(80).both((40, 0), (80, 0)).verdicts(plan_with(errors(), phase={"bake": "20m", "deadline": "40m"}))["errors"]
    assert verdict.state is State.LOW_TRAFFIC
    assert verdict.grace_over


def test_a_pass_says_what_is_excluded_and_a_breach_what_was_seen() -> None:
    passed = Traffic().both((40_000, 400), (160_000, 1_600)).verdicts(plan_with(errors()))["errors"]
    assert "1.5 times is excluded" in passed.why
    breached = Traffic().both((40_000, 1_200), (160_000, 1_600)).verdicts(plan_with(errors()))["errors"]
    assert "against 1 % of the baseline's" in breached.why
    low, high = breached.evidence.low, breached.evidence.high
    assert low is not None
    assert high is not None
    assert low < 3 < high


def test_a_breach_that_began_late_is_told_by_what_came_since() -> None:
    traffic = Traffic(160).arm("baseline", (64_000, 640)).counter("req", [100.0] * 160, version="2", instance="c-h0")
    traffic.counter("bad", [1.0] * 130 + [4.0] * 30, version="2", instance="c-h0")
    verdict = traffic.verdicts(plan_with(errors()))["errors"]
    assert verdict.state is State.BREACH
    assert "in the last" in verdict.why
    assert verdict.breach_at is not None
    assert verdict.breach_at > START + 130 * 15


def test_a_segment_passes_with_the_whole_when_there_is_little_against_it() -> None:
    plan = plan_with(errors(), metrics={"segment": {"label": "channel", "required": ["small"]}})
    traffic = Traffic().both((40_000, 400), (160_000, 1_600), channel="big").both((200, 2), (800, 8), channel="small")
    assert {key: verdict.state for key, verdict in traffic.verdicts(plan).items()} == {
        "errors": State.PASS,
        "errors/big": State.PASS,
        "errors/small": State.PASS,
    }


@pytest.mark.parametrize(("rate", "state"), [(1.0, State.PASS), (3.0, State.BREACH)])
def test_the_time_before_the_start_stands_in_for_a_baseline(rate: float, state: State) -> None:
    traffic = Traffic(80)
    for name, increment in (("req", 300.0), ("bad", 3.0)):
        times = [START - 3600 + 15 * index for index in range(240)]
        traffic.world.add(name, times, [1000 + increment * index for index in range(240)], version="1", instance="b-h0")
    traffic.counter("req", [200.0] * 80, version="2", instance="c-h0").counter(
        "bad", [2.0 * rate] * 80, version="2", instance="c-h0"
    )
    plan = plan_with(errors(versus="before"), phase={"cohort": {"percent": 100}})
    verdict = traffic.verdicts(plan)["errors"]
    assert verdict.state is state
    assert "before the start" in verdict.why


def test_a_declared_share_is_judged_without_a_baseline() -> None:
    traffic = Traffic(80).arm("canary", (8_000, 80))
    assert traffic.state(plan_with(errors(max=0.05))) is State.PASS
    assert traffic.state(plan_with(errors(max=0.004))) is State.BREACH
    assert Traffic(8).arm("canary", (100, 1)).state(plan_with(errors(max=0.02))) in NEITHER


def test_the_limit_of_a_quantile_is_a_share_of_slower_requests() -> None:
    edges = ["0.1", "0.5", "0.8", "+Inf"]
    limit = plan_with(latency(max={"0.95": "800ms"}))
    good = Traffic(80).buckets("canary", edges, [8_000, 1_500, 300, 200])
    bad = Traffic(80).buckets("canary", edges, [8_000, 500, 300, 1_200])
    assert good.state(limit, "latency") is State.PASS
    assert bad.state(limit, "latency") is State.BREACH


def test_a_bound_has_to_hold_as_long_as_declared() -> None:
    traffic = Traffic(160).gauge("canary", [1.0] * 160).past("cost", 1.0)
    plan = plan_with(gauge(max=3.2, hold="30m"))
    early = traffic.verdicts(plan, 60)["cost"]
    assert early.state is State.PENDING
    assert "15 more minutes" in early.why
    assert traffic.state(plan, "cost", 160) is State.PASS


def test_a_hard_bound_needs_two_samples_and_no_statistics() -> None:
    values = [1.0] * 20 + [9.0] * 20
    verdict = Traffic().gauge("canary", values).verdicts(plan_with(gauge(max=3.2, hard_max=8)))["cost"]
    assert verdict.state is State.BREACH
    assert "hard bound" in verdict.why


@pytest.mark.parametrize(("slow", "state"), [((60, 30, 8, 2), State.PASS), ((30, 30, 20, 20), State.BREACH)])
def test_native_histograms_are_read_at_their_bucket_bounds(slow: tuple[int, ...], state: State) -> None:
    borders = ((0.05, 0.1), (0.1, 0.2), (0.2, 0.4), (0.4, 0.8))

    def native(version: str, counts: tuple[int, ...]) -> Series:
        samples = tuple(
            Histogram(
                START + 15 * cell, 100.0 * cell, 1.0, tuple((*b, float(c * cell)) for b, c in zip(borders, counts, strict=True))
            )
            for cell in range(81)
        )
        return Series((("__name__", "dur"), ("instance", f"h{version}"), ("version", version)), (), (), samples)

    traffic = Traffic(80)
    traffic.world.failures = {
        'version="2"': Samples((native("2", slow),)),
        'version="1"': Samples((native("1", (60, 30, 8, 2)),)),
    }
    assert traffic.state(plan_with(latency(histogram="dur{$arm}")), "latency") is state
