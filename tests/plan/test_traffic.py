"""How long a verdict takes at the traffic that is there: the figures, and what the linter says of phases that are shorter."""

from __future__ import annotations

import math

import pytest

from judge.evidence import errors, plan_with
from rolloutctl.findings import Finding
from rolloutctl.model.samples import Arm
from rolloutctl.plan.facts import Facts, LiveFacts, QueryFact, asked
from rolloutctl.plan.forecast import planned_events, planned_requests
from rolloutctl.plan.lint import lint
from rolloutctl.plan.model import Plan


def test_planning_figures() -> None:
    """At four times the canary's traffic in the baseline, tolerate 10 %, 1 %."""
    assert planned_events(0.01, 1.0, 2.0, 1.1, 4.0) == pytest.approx(52, abs=2)
    assert planned_events(0.01, 1.0, 1.5, 1.1, 4.0) == pytest.approx(171, abs=5)
    assert planned_events(0.01, 1.0, 10.0, 1.1, 4.0) == pytest.approx(7, abs=1)
    assert planned_events(0.05, 1.0, 1.0, 1.5, 4.0) == pytest.approx(56, abs=4)
    assert planned_events(0.01, 3.0, 2.0, 1.1, 4.0) == pytest.approx(3 * planned_events(0.01, 1.0, 2.0, 1.1, 4.0))


def test_a_smaller_slack_needs_more_requests_and_none_is_enough_for_worse() -> None:
    few, more = (planned_requests(0.05, 1.0, 0.0, slack) for slack in (0.01, 0.001))
    assert more == pytest.approx(10 * few)
    assert math.isinf(planned_requests(0.05, 1.0, 0.02, 0.01))


def said(plan: Plan, per_s: float, bad: float) -> list[Finding]:
    """At so much traffic of both arms together, so much of it bad."""
    share = {
        ("total", Arm.BASELINE): 0.75,
        ("total", Arm.CANARY): 0.25,
        ("bad", Arm.BASELINE): 0.75 * bad,
        ("bad", Arm.CANARY): 0.25 * bad,
    }
    queries = {
        query: QueryFact(((("version", query.arm.value),),), 5.0, per_s=per_s * share.get((str(query.key[-1]), query.arm), 1.0))
        for query in asked(plan)
    }
    return [one for one in lint(plan, Facts(None, None, LiveFacts(queries=queries))) if one.code == "RC613"]


def plan(bake: str, deadline: str, percent: int = 20, **more: object) -> Plan:
    return plan_with(errors(**more), phase={"cohort": {"percent": percent}, "bake": bake, "deadline": deadline})


def test_a_phase_that_is_over_before_a_verdict_is_named_with_the_time_it_takes() -> None:
    (found,) = said(plan("1h", "2h"), 10.0, 0.001)
    assert found.key == ("phases", 0, "deadline")
    # Some 60 times 1.7 bad events of the canary, which has a fifth of 10 requests a second, one in a thousand of them bad.
    assert '"errors" needs about 14 hours in phase "five"' in found.why
    assert "10 requests per second, 0.1 % of them bad; its deadline is 2h." in found.why


@pytest.mark.parametrize(("bake", "key"), [("1h", "bake"), ("20h", None)])
def test_a_bake_time_under_it_is_said_too(bake: str, key: str | None) -> None:
    found = said(plan(bake, "40h"), 10.0, 0.001)
    assert [one.key[-1] for one in found] == ([key] if key else [])


def test_without_bad_events_only_slack_can_pass() -> None:
    (found,) = said(plan("2h", "4h"), 10.0, 0.0)
    assert "never passes" in found.why
    assert "none of them bad" in found.why
    assert not said(plan("2h", "4h", slack="0.1%"), 10.0, 0.0)


def test_what_nobody_counted_or_compares_is_not_spoken_of() -> None:
    assert not said(plan("1h", "2h", max=0.05, tolerate=None), 10.0, 0.001)
    assert not said(plan("1h", "2h"), 0.0, 0.0)
    whole = plan_with(errors(versus="before"), phase={"cohort": {"percent": 100}, "bake": "1h", "deadline": "2h"})
    assert not said(whole, 10.0, 0.001)
