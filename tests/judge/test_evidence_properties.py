"""What must hold for criteria that are judged by evidence, whatever the traffic is: from samples to verdicts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.evidence import ARMS, Traffic, errors, gauge, latency, plan_with
from judge.worlds import START, STEP, World
from rolloutctl.judge.judge import heard, judge_phase
from rolloutctl.judge.needs import needs
from rolloutctl.model.samples import Answer, Query, Samples, Series
from rolloutctl.model.verdict import State, Verdict

PLAN = plan_with(
    errors(),
    latency(),
    gauge(versus="baseline"),
    gauge(id="limit", max=6.0),
    metrics={"segment": {"label": "channel"}},
    judge={"min_time": "2m"},
)
EDGES = ("0.1", "0.5", "1", "+Inf")
CELLS = 60
SLOW = settings(max_examples=8, deadline=None)
seeds = st.integers(0, 10_000)
worse = st.sampled_from([1.0, 1.0, 1.6, 3.0])


def traffic_of(seed: int, rate: float = 1.0, shape: np.ndarray | None = None, cells: int = CELLS) -> Traffic:
    """Two arms of two or three hosts and two segments; `rate`: how much worse the canary is, `shape`: load per cell."""
    rng = np.random.default_rng(seed)
    load = np.ones(cells) if shape is None else shape
    traffic = Traffic(cells)
    for arm, times in (("canary", rate), ("baseline", 1.0)):
        for host in range(int(rng.integers(2, 4))):
            marks = {"version": ARMS[arm], "instance": f"{arm[0]}-h{host}", "channel": ("web", "voice")[host % 2]}
            everything = rng.poisson(300 * load)
            bad = rng.binomial(everything, min(0.5, 0.02 * times))
            traffic.counter("req", everything.astype(float), **marks).counter("bad", bad.astype(float), **marks)
            slow = rng.binomial(everything, min(0.6, 0.1 * times))
            reached = (everything - slow, everything - slow // 2, everything - slow // 4, everything)
            for edge, upto in zip(EDGES, reached, strict=True):
                traffic.counter("dur_bucket", upto.astype(float), le=edge, **marks)
            level = 3.0 * times * load * rng.lognormal(0, 0.03, cells)
            traffic.gauge(arm, level.tolist(), f"h{host}", channel=marks["channel"])
    return traffic.past("cost", 3.0)


def told(verdicts: tuple[Verdict, ...], names: Mapping[str, str]) -> dict[tuple[str, str], object]:
    return {
        (v.criterion, names.get(v.segment, v.segment)): (
            v.state,
            v.breach_at,
            names.get(v.evidence.host, v.evidence.host),
            None if v.evidence.log_e is None else pytest.approx(v.evidence.log_e, rel=1e-9, abs=1e-9),
        )
        for v in verdicts
    }


def renamed(answer: Answer, names: Mapping[str, str], rng: random.Random) -> Answer:
    assert isinstance(answer, Samples)
    series = [
        Series(tuple((name, names.get(value, value)) for name, value in one.labels), one.times, one.values)
        for one in answer.series
    ]
    rng.shuffle(series)
    return replace(answer, series=tuple(series))


@SLOW
@given(seeds, worse, st.randoms(use_true_random=False))
def test_order_of_series_and_names_of_hosts_and_segments_do_not_matter(seed: int, rate: float, rng: random.Random) -> None:
    world, at = traffic_of(seed, rate).world, START + STEP * CELLS
    answers = {query: world.answer(query) for query in needs(PLAN, 0, START, at)}
    hosts = [f"{arm}-h{host}" for arm in "cb" for host in range(3)]
    fresh = [f"pod-{number:03d}" for number in rng.sample(range(1000), len(hosts))]
    names = dict(zip(hosts, fresh, strict=True)) | {"web": "a-zone", "voice": "another zone"}
    other = {query: renamed(answer, names, rng) for query, answer in answers.items()}
    first = told(judge_phase(PLAN, 0, START, at, answers), names)
    assert told(judge_phase(PLAN, 0, START, at, other), {}) == first


@SLOW
@given(seeds, worse, st.integers(1, CELLS - 1))
def test_a_restart_in_the_middle_equals_no_restart(seed: int, rate: float, middle: int) -> None:
    """One that looked from the first cell on, and one that came in the middle, say the same from there on."""
    world = traffic_of(seed, rate).world

    def look(cell: int) -> tuple[Verdict, ...]:
        now = START + STEP * cell
        answers: dict[Query, Answer] = {query: world.answer(query) for query in needs(PLAN, 0, START, now)}
        return judge_phase(PLAN, 0, START, now, answers)

    before = [look(cell) for cell in range(1, middle + 1, 7)]
    assert len(before) >= 1
    end = START + STEP * CELLS
    whole = heard(PLAN, 0, START, end, {query: world.answer(query) for query in needs(PLAN, 0, START, end)})
    assert told(look(middle), {}) == told(whole.verdicts(START + STEP * middle), {})
    assert told(look(CELLS), {}) == told(whole.verdicts(end), {})


@SLOW
@given(seeds, st.sampled_from([1.6, 3.0]), st.sampled_from([1, 10]))
def test_how_often_one_looks_does_not_move_the_first_breach(seed: int, rate: float, every: int) -> None:
    world, end = traffic_of(seed, rate).world, START + STEP * CELLS
    whole = heard(PLAN, 0, START, end, {query: world.answer(query) for query in needs(PLAN, 0, START, end)})
    first: dict[str, float] = {}
    for cell in range(every, CELLS + 1, every):
        for verdict in whole.verdicts(START + STEP * cell, detailed=False):
            if verdict.breach_at is not None:
                assert first.setdefault(verdict.key, verdict.breach_at) == verdict.breach_at
    assert first == {v.key: v.breach_at for v in whole.verdicts(end) if v.breach_at is not None}


def _burst() -> np.ndarray:
    return np.where((np.arange(80) > 30) & (np.arange(80) < 50), 4.0, 1.0)


def _drift() -> np.ndarray:
    return np.linspace(1.0, 3.0, 80)


@pytest.mark.parametrize("shape", [_burst(), _drift()], ids=["burst", "drift"])
@pytest.mark.parametrize("seed", range(3))
def test_what_happens_to_both_arms_at_once_does_not_alarm(seed: int, shape: np.ndarray) -> None:
    plan = plan_with(errors(), latency(), gauge(versus="baseline"))
    found = traffic_of(seed, shape=shape, cells=80).verdicts(plan)
    assert {key for key, verdict in found.items() if verdict.state is State.BREACH} == set()


@pytest.mark.parametrize("decades", range(-6, 7, 2))
def test_twelve_decades_of_a_unit_give_one_verdict(decades: int) -> None:
    """Levels, bounds and absolute margins in another unit; the worst and the harmless."""
    factor = 10.0**decades

    def states(rate: float, unit: float) -> list[tuple[State, float | None]]:
        world = World(
            [
                Series(one.labels, one.times, tuple(value * unit for value in one.values))
                if one.label("__name__") == "cost"
                else one
                for one in traffic_of(4, rate).world.series
            ]
        )
        plan = plan_with(
            gauge(versus="baseline"),
            gauge(id="limit", max=3.5 * unit),
            gauge(id="apart", versus="baseline", tolerate=0.3 * unit, reject=1.5 * unit),
        )
        return [(v.state, v.breach_at) for v in world.judge(plan, STEP * CELLS).values()]

    for rate in (1.0, 1.6):
        assert states(rate, factor) == states(rate, 1.0)
