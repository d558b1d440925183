"""What only a trigger watches: its failure counts, its quiet does not."""

from __future__ import annotations

import pytest

from policy.plans import PASS, a_phase, a_plan, baking, verdict
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import MISSING_EVIDENCE, PhaseState, State
from rolloutctl.plan.model import Plan
from rolloutctl.policy.phase_verdict import phase_verdict

ALERT = "BudgetBurn"


def watching(role: str = "guardrail") -> Plan:
    return a_plan(
        a_phase("five", 5, criteria=["errors"]),
        a_phase("all", 100),
        triggers=[{"alert": ALERT, "role": role}, {"criterion": "drift"}],
        rollback={"on_breach": "auto"},
    )


def judged(plan: Plan, *verdicts: object) -> PhaseState:
    rollout = baking(plan)
    assert rollout.state.run is not None
    return phase_verdict(plan, tuple(verdicts), rollout.state.run).state  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("role", "state"), [("guardrail", PhaseState.BREACH), ("signal", PhaseState.HOLD), ("info", PhaseState.READY)]
)
def test_an_alert_that_fires_counts_by_its_role(role: str, state: PhaseState) -> None:
    assert judged(watching(role), PASS, verdict(State.BREACH, ALERT, breach_at=1.0)) is state


@pytest.mark.parametrize("watched", [ALERT, "drift"])
@pytest.mark.parametrize("state", [State.PASS, State.PENDING, State.LOW_TRAFFIC])
def test_quiet_makes_no_phase_ready_and_keeps_none_waiting(watched: str, state: State) -> None:
    assert judged(watching(), PASS, verdict(state, watched, grace_over=True)) is PhaseState.READY
    assert judged(watching(), verdict(State.PENDING), verdict(state, watched)) is PhaseState.PENDING
    assert judged(watching(), verdict(state, watched)) is PhaseState.HOLD, "no exit criterion passes"


@pytest.mark.parametrize("watched", [ALERT, "drift"])
@pytest.mark.parametrize("state", sorted(MISSING_EVIDENCE - {State.LOW_TRAFFIC}))
def test_a_trigger_that_cannot_be_seen_holds_after_the_grace(watched: str, state: State) -> None:
    assert judged(watching(), PASS, verdict(state, watched)) is PhaseState.PENDING
    assert judged(watching(), PASS, verdict(state, watched, grace_over=True)) is PhaseState.HOLD


def test_in_a_phase_that_lists_nothing_the_watched_criterion_is_an_exit_criterion_like_the_others() -> None:
    plan = a_plan(triggers=[{"criterion": "drift"}])
    assert judged(plan, PASS, verdict(State.PENDING, "drift")) is PhaseState.PENDING


def test_an_alert_that_fires_rolls_back_for_real_and_stays_latched() -> None:
    rollout = baking(watching())
    rollout.judge(PASS, verdict(State.PASS, ALERT))
    rollout.run()
    assert rollout.state.status is Status.ACTIVE
    assert rollout.state.step is Step.BAKING
    rollout.judge(PASS, verdict(State.BREACH, ALERT, breach_at=1.0))
    rollout.run()
    assert rollout.state.status is Status.ROLLED_BACK
