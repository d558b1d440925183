"""Nobody advances on an unproved way back: every rehearsal state against every policy, and breaking the glass."""

from datetime import timedelta

import pytest

from policy.plans import BAKE, PASS, a_phase, a_plan, baking, ready, settle, started
from rolloutctl.model import events as ev
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import Action
from rolloutctl.model.rehearsal import RehearsalState, Standing
from rolloutctl.model.state import Status, Step
from rolloutctl.policy.conditions import conditions
from rolloutctl.policy.facts import Proof
from rolloutctl.runbook.model import Policy

PLAN = a_plan(a_phase("five", 5), a_phase("all", 100))


def proof(state: RehearsalState = RehearsalState.REHEARSED, policy: Policy = Policy.BLOCK, *edits: str) -> Proof:
    return Proof("kill", policy, Standing(state, timedelta(minutes=5), timedelta(days=30), age=timedelta(days=12)), edits)


def reason(rollout, glass: str = ""):
    (found,) = [each for each in conditions(rollout.plan, rollout.state, rollout.facts, "ana", glass) if each.code == "rehearsal"]
    return found


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("state", RehearsalState)
def test_every_state_against_every_policy(state: RehearsalState, policy: Policy) -> None:
    rollout = started(PLAN, proof=proof(state, policy))
    found = reason(rollout)
    assert found.ok is (state is RehearsalState.REHEARSED or policy is not Policy.BLOCK)
    assert f"Runbook kill: {state.words} 12 d ago" in found.text
    assert ("only warns" in found.text) is (policy is Policy.WARN and state is not RehearsalState.REHEARSED)
    seq = rollout.advance()
    rollout.run()
    answer = rollout.answer_to(seq)
    assert answer.accepted is found.ok
    assert (found.text in answer.reasons) is not found.ok


def test_a_plan_without_a_runbook_says_nothing_of_it() -> None:
    rollout = started(PLAN)
    assert "rehearsal" not in {each.code for each in conditions(PLAN, rollout.state, rollout.facts, "ana")}


def test_what_was_edited_is_named_and_the_rest_counted() -> None:
    edits = ('step "flag-off" was removed', "objective.time_to_rollback was 5m, is 6m", "c", "d", "e")
    text = reason(started(PLAN, proof=proof(RehearsalState.EDITED, Policy.BLOCK, *edits))).text
    assert 'Step "flag-off" was removed. Objective.time_to_rollback was 5m, is 6m. C. 2 more edits.' in text


def test_what_cannot_be_told_is_no_proof() -> None:
    rollout = started(PLAN, proof=Proof("kill", Policy.BLOCK, None, trouble="the sealed runbook cannot be read"))
    assert not reason(rollout).ok
    assert "cannot be read" in reason(rollout).text


def test_it_goes_stale_between_two_phases() -> None:
    rollout = ready(PLAN, proof=proof())
    rollout.proof = proof(RehearsalState.STALE)
    seq = rollout.advance()
    rollout.run()
    assert rollout.answer_to(seq).reasons == ("Runbook kill: STALE 12 d ago.",)
    assert rollout.state.phase == 0


def test_the_last_phase_ends_without_it() -> None:
    rollout = ready(a_plan(a_phase("all", 100)), proof=proof())
    rollout.proof = proof(RehearsalState.STALE)
    rollout.advance()
    rollout.run()
    assert rollout.state.status is Status.DONE


def test_a_phase_that_advances_by_itself_stays_where_it_is() -> None:
    plan = a_plan(a_phase("five", 5, advance="auto"), a_phase("all", 100))
    rollout = baking(plan, proof=proof())
    rollout.proof = proof(RehearsalState.FAILED)
    rollout.after(BAKE)
    assert (rollout.state.phase, rollout.state.step) == (0, Step.WAITING)
    assert rollout.state.waiting_for == ("Runbook kill: FAILED 12 d ago.",)
    rollout.proof = proof()
    settle(rollout)
    assert rollout.state.phase == 1


def test_broken_glass_lifts_it_alone_and_is_kept() -> None:
    rollout = started(PLAN, proof=proof(RehearsalState.NEVER))
    seq = rollout.advance(break_glass="INC-7: the fix is in it")
    settle(rollout)
    answer = rollout.answer_to(seq)
    assert answer.accepted
    assert "ana broke the glass: INC-7: the fix is in it" in answer.reasons
    (broken,) = rollout.state.broken_glass
    assert (broken.phase, broken.actor, broken.why) == ("five", "ana", "INC-7: the fix is in it")
    assert "Broken glass: INC-7" in reason(rollout, "INC-7").text
    assert fold(rollout.events).broken_glass == (broken,)
    seq = rollout.advance()
    rollout.run()
    assert "Runbook kill: NEVER 12 d ago." in rollout.answer_to(seq).reasons, "it was broken for that step alone"


def test_broken_glass_lifts_nothing_else() -> None:
    rollout = _baking_unproved()
    seq = rollout.advance(break_glass="hurry")
    rollout.run()
    answer = rollout.answer_to(seq)
    assert not answer.accepted
    assert [reason[:5] for reason in answer.reasons] == ["Bakes"]
    assert len(rollout.state.broken_glass) == 1, "a refused request breaks nothing"


def _baking_unproved():
    rollout = started(PLAN, proof=proof(RehearsalState.NEVER))
    rollout.advance(break_glass="first")
    settle(rollout)
    rollout.judge(PASS)
    return rollout


def test_a_driver_that_takes_over_still_knows_that_the_glass_was_broken() -> None:
    rollout = started(PLAN, proof=proof(RehearsalState.NEVER))
    seq = rollout.advance(break_glass="INC-7")
    rollout.append(
        ev.DecisionMade(action=Action.ADVANCE, accepted=True, request=seq, phase="five", reasons=("ana asked",), at=rollout.now)
    )
    rollout.driving_since = rollout.now + timedelta(seconds=1)
    rollout.now += timedelta(seconds=2)
    settle(rollout)
    assert rollout.state.phase == 0


def test_without_it_a_driver_that_takes_over_withdraws_the_step() -> None:
    rollout = started(PLAN, proof=proof())
    seq = rollout.advance()
    rollout.append(
        ev.DecisionMade(action=Action.ADVANCE, accepted=True, request=seq, phase="five", reasons=("ana asked",), at=rollout.now)
    )
    rollout.proof = proof(RehearsalState.FAILED)
    rollout.driving_since = rollout.now + timedelta(seconds=1)
    rollout.now += timedelta(seconds=2)
    rollout.run()
    assert rollout.state.phase == -1
    assert not rollout.decisions()[-1].accepted


def test_rolling_back_never_asks_for_a_rehearsal() -> None:
    rollout = ready(PLAN, proof=proof())
    rollout.proof = proof(RehearsalState.NEVER)
    rollout.ask(ev.RollbackRequested(why="errors"))
    rollout.run()
    assert rollout.state.rollback_settled or rollout.state.status in {Status.ROLLING_BACK, Status.ROLLED_BACK}


def test_requests_of_before_are_read() -> None:
    assert ev.AdvanceRequested.model_validate({"to": "five"}).break_glass == ""
