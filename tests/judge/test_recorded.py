"""Numbers that the journal holds are judged as if a source had scraped them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from judge.evidence import plan_with
from judge.worlds import START, STEP
from rolloutctl.judge.judge import judge_phase
from rolloutctl.judge.needs import needs, phase_needs
from rolloutctl.judge.recorded import recorded_answers
from rolloutctl.model.recorded import Recorded, Taken
from rolloutctl.model.samples import Answer, Query
from rolloutctl.model.verdict import State, Verdict
from rolloutctl.plan.model import Plan

EVERY = 60.0


def golden(**more: Any) -> Plan:
    criterion = {"id": "golden", "type": "http", "adapter": "evals", "path": "/x", "value": "score", **more}
    return plan_with(criterion, judge={"min_time": "5m"})


def recorded(*numbers: float, baseline: float | None = None, first: float = 2.0) -> Recorded:
    found = Recorded()
    for index, number in enumerate(numbers):
        found = found.with_(Taken(START + first + EVERY * index, number, baseline))
    return found


def judged(plan: Plan, taken: Recorded, at: float) -> Verdict:
    answers: dict[Query, Answer] = recorded_answers(phase_needs(plan, 0, START, START + at), {"golden": taken})
    assert set(answers) == set(needs(plan, 0, START, START + at))
    (verdict,) = judge_phase(plan, 0, START, START + at, answers)
    return verdict


BOUND = {"min": 0.9, "test": "threshold", "window": "1m"}


def test_inside_the_bound_passes_and_beyond_it_breaches() -> None:
    assert judged(golden(**BOUND), recorded(*[0.95] * 15), 600).state is State.PASS
    assert judged(golden(**BOUND), recorded(*[0.85] * 15), 600).state is State.BREACH
    assert judged(golden(min=0.9), recorded(*[0.95, 0.96] * 15), 1500).state is State.PASS
    assert judged(golden(min=0.9), recorded(*[0.70, 0.71] * 15), 1500).state is State.BREACH


def test_arms_are_compared_where_both_numbers_are_recorded() -> None:
    plan = golden(baseline="other", better="higher", tolerate="2%", reject="7%")
    same = recorded(*[0.95, 0.951, 0.949] * 10, baseline=0.95)
    worse = recorded(*[0.80, 0.801, 0.799] * 10, baseline=0.95)
    assert judged(plan, same, 1700).state is State.PASS
    assert judged(plan, worse, 1700).state is State.BREACH


@pytest.mark.parametrize("more", [BOUND, {"min": 0.9}], ids=["threshold", "evidence"])
def test_nothing_recorded_is_no_data_and_nothing_new_is_stale(more: dict[str, Any]) -> None:
    plan = golden(**more)
    assert judged(plan, Recorded(), 600).state is State.NO_DATA
    fresh = recorded(*[0.95, 0.951] * 5)
    assert judged(plan, fresh, 9 * EVERY + 2 + 118).state is not State.STALE, "twice `every` is allowed"
    old = judged(plan, fresh, 9 * EVERY + 2 + 240)
    assert old.state is State.STALE
    assert old.missing_since is not None
    patient = golden(**more, max_age="1h")
    assert judged(patient, fresh, 1500).state is not State.STALE


def test_an_answer_without_a_number_is_a_state_of_its_own() -> None:
    assert judged(golden(**BOUND), recorded(*[0.95] * 5, *[math.nan] * 6), 620).state is State.NOT_A_NUMBER


def test_verdicts_do_not_depend_on_when_one_began_to_look() -> None:
    plan, taken = golden(min=0.9), recorded(*[0.95, 0.96] * 10, *[0.5, 0.51] * 20)
    looks = [judged(plan, taken, STEP * cell) for cell in range(10, 140, 9)]
    breaches = {look.breach_at for look in looks if look.breach_at is not None}
    assert len(breaches) == 1
    assert judged(plan, taken, STEP * 140).breach_at in breaches


def test_many_numbers_are_kept_in_their_order_and_two_flags_do_not_mix() -> None:
    taken = recorded(*map(float, range(1000)))
    assert [each.canary for each in taken] == list(map(float, range(1000)))
    assert taken.newest is not None
    assert taken.newest.canary == 999
    texts = [{query.text for query in needs(each, 0, START, START + 60)} for each in (golden(min=1), _other_flag())]
    assert not texts[0] & texts[1]


def _other_flag() -> Plan:
    plan = golden(min=1)
    return plan.model_copy(update={"flag": plan.flag.model_copy(update={"key": "another"})})
