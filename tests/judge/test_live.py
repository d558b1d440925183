"""Looks that go on from the look before: the same verdicts as judging from the start, whatever the samples do in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.evidence import Traffic, errors, gauge, plan_with
from judge.worlds import START
from rolloutctl.judge.judge import judge_phase
from rolloutctl.judge.live.memory import Asked, Memory, look
from rolloutctl.judge.needs import needs
from rolloutctl.model.samples import Answer, Query, Samples, Series
from rolloutctl.model.verdict import Evidence, State, Verdict
from rolloutctl.plan.model import Plan

_ENDS = 40 * 60


@dataclass
class Counters:
    """Scrapes of both arms, every series with times of its own; `shown` is when each sample can be seen."""

    series: dict[tuple[tuple[str, str], ...], list[tuple[float, float, float]]]

    def answers(self, plan: Plan, now: float) -> dict[Query, Answer]:
        found: dict[Query, Answer] = {}
        for query in needs(plan, 0, START, now):
            name, version = query.text.split("{")[0], "2" if 'version="2"' in query.text else "1"
            chosen = []
            for labels, samples in self.series.items():
                if dict(labels)["__name__"] == name and dict(labels)["version"] == version:
                    known = [(at, value) for at, value, shown in samples if shown <= now and query.start <= at <= query.end]
                    if known:
                        chosen.append(Series(labels, [at for at, _ in known], [value for _, value in known]))
            found[query] = Samples(tuple(chosen))
        return found


def counters(seed: int, *, segments: int, hosts: tuple[int, int], worse: float, trouble: bool) -> Counters:
    rng = np.random.default_rng(seed)
    found: dict[tuple[tuple[str, str], ...], list[tuple[float, float, float]]] = {}
    for version, number, share in (("2", hosts[0], 0.02 * worse), ("1", hosts[1], 0.02)):
        for host in range(number):
            offset = float(rng.uniform(0, 15))
            times = np.arange(START - 900 + offset, START + _ENDS, 15.0)
            late = np.where(rng.random(len(times)) < 0.01, 200.0, 0.0) if trouble else np.zeros(len(times))
            missed = rng.random(len(times)) < (0.03 if trouble else 0.0)
            if trouble and rng.random() < 0.3:
                begin = int(rng.integers(60, 150))
                missed[begin : begin + int(rng.integers(2, 30))] = True
            reset = int(rng.integers(60, len(times))) if trouble and rng.random() < 0.5 else 0
            for segment in range(segments):
                events = rng.poisson(rng.choice([20, 300]), len(times))
                bad = rng.binomial(events, share)
                marks = {"version": version, "instance": f"{version}-{host}"}
                if segments > 1:
                    marks["channel"] = f"c{segment}"
                for name, increments in (("req", events), ("bad", bad)):
                    values = np.cumsum(increments).astype(float)
                    if reset:
                        values[reset:] -= values[reset - 1]
                    labels = tuple(sorted({"__name__": name, **marks}.items()))
                    found[labels] = [
                        (float(at), float(value), float(at + delay))
                        for at, value, delay, gone in zip(times, values, late, missed, strict=True)
                        if not gone
                    ]
    return Counters(found)


def shown(verdict: Verdict) -> Verdict:
    """Without the numbers, which may differ in the last digit."""
    return replace(verdict, evidence=Evidence())


def same(mine: Verdict, theirs: Verdict) -> None:
    assert shown(mine) == shown(theirs)
    for name in Evidence.__slots__:
        here, there = getattr(mine.evidence, name), getattr(theirs.evidence, name)
        if name == "cells":
            assert len(here) == len(there)
            for a, b in zip(here, there, strict=True):
                assert (a.end, a.beyond) == (b.end, b.beyond)
                for part in ("canary", "baseline", "bound", "log_e"):
                    assert close(getattr(a, part), getattr(b, part)), (part, a, b)
        else:
            assert close(here, there), (name, here, there)


def close(here: object, there: object) -> bool:
    if isinstance(here, float) and isinstance(there, float):
        return math.isclose(here, there, rel_tol=1e-8, abs_tol=1e-8)
    return here == there


def asked(plan: Plan) -> Asked:
    return Asked("p-1", 1, plan, 0, START)


def plan(segments: int, **more: object) -> Plan:
    metrics = {"segment": {"label": "channel", "required": []}} if segments > 1 else {}
    return plan_with(errors(**more), phase={"bake": "20m", "deadline": "30m"}, judge={"min_time": "3m"}, metrics=metrics)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    segments=st.sampled_from([1, 1, 3]),
    hosts=st.sampled_from([(1, 1), (2, 4), (3, 3)]),
    worse=st.sampled_from([0.5, 1.0, 1.0, 1.4, 3.0]),
    trouble=st.booleans(),
    gaps=st.lists(st.sampled_from([1.0, 7.0, 15.0, 15.0, 15.0, 40.0, 200.0, -100.0]), min_size=5, max_size=40),
    forgets=st.integers(0, 60),
    more=st.sampled_from([{}, {"slack": "1%"}, {"hold": "4m"}, {"window": "2m"}]),
)
def test_looks_in_any_order_are_equal_to_judging_from_the_start(
    seed: int,
    segments: int,
    hosts: tuple[int, int],
    worse: float,
    trouble: bool,
    gaps: list[float],
    forgets: int,
    more: dict[str, str],
) -> None:
    world, judged, memory = (
        counters(seed, segments=segments, hosts=hosts, worse=worse, trouble=trouble),
        plan(segments, **more),
        Memory(),
    )
    now = START + 400.0 + seed % 300
    for number, gap in enumerate(gaps):
        now = min(now + gap, START + _ENDS - 60)
        if number == forgets:
            memory = Memory()
        answers = world.answers(judged, now)
        (found,) = look(memory, [asked(judged)], now, answers)
        expected = judge_phase(judged, 0, START, now, answers)
        assert not isinstance(found, Exception), found
        assert len(found) == len(expected)
        for mine, theirs in zip(found, expected, strict=True):
            same(mine, theirs)


def looked(world: Counters, judged: Plan, memory: Memory, ends: Sequence[float]) -> list[Verdict]:
    """The verdicts on the whole at these seconds of the phase, each equal to judging from the start."""
    found = []
    for end in ends:
        answers = world.answers(judged, START + end)
        (mine,) = look(memory, [asked(judged)], START + end, answers)
        expected = judge_phase(judged, 0, START, START + end, answers)
        assert not isinstance(mine, Exception), mine
        for one, other in zip(mine, expected, strict=True):
            same(one, other)
        found.append(mine[0])
    return found


def kept(memory: Memory) -> int:
    return sum(len(phase.criteria) for phase in memory.phases.values())


def test_quiet_looks_go_on_and_a_breach_is_judged_from_the_start() -> None:
    judged, memory = plan(1), Memory()
    calm = counters(1, segments=1, hosts=(2, 3), worse=1.0, trouble=False)
    looked(calm, judged, memory, [600.0])
    known = memory.phases["p-1"].criteria["errors"]
    looked(calm, judged, memory, [615.0, 645.0, 900.0])
    assert memory.phases["p-1"].criteria["errors"] is known
    assert (
        looked(counters(1, segments=1, hosts=(2, 3), worse=4.0, trouble=False), judged, memory, [1500.0])[0].state is State.BREACH
    )
    assert not kept(memory)


@pytest.mark.parametrize("what", ["corrected", "late", "another host", "a host less", "no number"])
def test_what_changes_the_past_is_judged_from_the_start(what: str) -> None:
    judged, memory = plan(1), Memory()
    world = counters(3, segments=1, hosts=(2, 3), worse=1.0, trouble=False)
    looked(world, judged, memory, [900.0, 915.0])
    known = memory.phases["p-1"].criteria["errors"]
    labels = next(one for one in world.series if dict(one)["__name__"] == "bad")
    samples = world.series[labels]
    place = next(at for at, (time, _, _) in enumerate(samples) if time > START + 700)
    time, value, _ = samples[place]
    match what:
        case "corrected":
            samples[place] = (time, value + 30.0, time)
        case "late":
            samples.insert(place, (time - 2.0, value, time))
        case "another host":
            world.series[tuple(sorted({**dict(labels), "instance": "2-9"}.items()))] = list(samples)
        case "a host less":
            del world.series[labels]
        case _:
            at = next(at for at, (time, _, _) in enumerate(samples) if time > START + 915)
            samples[at] = (samples[at][0], math.nan, samples[at][2])
    looked(world, judged, memory, [930.0, 945.0])
    assert memory.phases["p-1"].criteria.get("errors") is not known


def test_a_longer_pause_another_attempt_and_another_plan_begin_anew() -> None:
    judged, memory = plan(1), Memory()
    world = counters(5, segments=1, hosts=(1, 2), worse=1.0, trouble=False)
    looked(world, judged, memory, [600.0])
    known = memory.phases["p-1"].criteria["errors"]
    looked(world, judged, memory, [1500.0])
    assert memory.phases["p-1"].criteria["errors"] is not known
    answers = world.answers(judged, START + 1500)
    look(memory, [replace(asked(judged), attempt=2)], START + 1500, answers)
    assert memory.phases["p-1"].attempt == 2
    memory.forget_others(["p-2"])
    assert not memory.phases


def test_a_value_criterion_goes_on_by_blocks() -> None:
    traffic = Traffic(80).past("cost", 3.0)
    rng = np.random.default_rng(7)
    for arm in ("canary", "baseline"):
        for host in range(3):
            traffic.gauge(arm, (3.0 * rng.lognormal(0, 0.02, 80)).tolist(), f"h{host}")
    judged, memory = plan_with(gauge(versus="baseline"), errors(id="bound", max=0.1)), Memory()
    traffic.both((40_000, 400), (160_000, 1_600))
    for cells in range(20, 80, 7):
        answers = traffic.world.answers(judged, 15.0 * cells)
        (mine,) = look(memory, [asked(judged)], START + 15.0 * cells, answers)
        assert mine == judge_phase(judged, 0, START, START + 15.0 * cells, answers)
    assert memory.phases["p-1"].blocks["cost"].known
