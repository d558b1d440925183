"""Stepping back, and stopping at the present exposure."""

import pytest

from policy.flag_server import Answers, state_of
from policy.plans import BREACH, PASS, a_phase, a_plan, baking, last_ready, ready, settle, started, verdict
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import OFF, Cohort
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import State


def back(rollout, to):
    seq = rollout.ask(ev.BackRequested(to=to, why="look again"))
    rollout.run()
    return rollout.answer_to(seq)


def test_back_to_an_earlier_phase_lowers_exposure_and_begins_a_new_attempt():
    rollout = last_ready()
    assert back(rollout, "five").accepted
    settle(rollout)
    assert rollout.server.serves == Cohort(percent=5)
    assert (rollout.state.phase, rollout.state.entering) == (0, 0)
    assert rollout.state.run.attempt == 4, "attempts count over the rollout"
    assert rollout.state.baked(rollout.now).total_seconds() == 0


def test_back_to_the_same_phase_begins_it_anew():
    rollout = ready()
    back(rollout, "five")
    settle(rollout)
    assert (rollout.state.phase, rollout.state.run.attempt, rollout.state.step) == (0, 2, Step.BAKING)
    assert [event.kind for event in rollout.of(ev.FlagApplied, ev.FlagUnchanged)] == ["flag.applied", "flag.unchanged"]


def test_latched_breaches_of_the_old_attempt_are_gone_and_verdicts_begin_anew():
    rollout = baking(a_plan(rollback={"on_breach": "hold"}))
    rollout.judge(BREACH)
    rollout.run()
    back(rollout, "five")
    settle(rollout)
    assert rollout.state.run.breaches == ()
    assert rollout.state.verdicts == {}
    assert not rollout.state.held
    rollout.judge(PASS)
    assert rollout.of(ev.VerdictChanged)[-1].body.was == ""


def test_a_look_at_the_old_attempt_says_nothing_about_the_new_one():
    rollout = ready()
    back(rollout, "five")
    settle(rollout)
    assert rollout.facts.phase_verdict is None


def test_approvals_are_asked_again_after_a_step_back():
    rollout = ready(a_plan(a_phase("five", 5), a_phase("thirty", 30, approvals=1)))
    rollout.ask(ev.ApprovalGiven(phase="thirty"), "ben")
    rollout.run()
    back(rollout, "five")
    settle(rollout)
    rollout.judge(PASS)
    rollout.after(rollout.plan.phases[0].bake)
    seq = rollout.advance()
    rollout.run()
    assert "approvals" in rollout.answer_to(seq).reasons[0]
    rollout.ask(ev.ApprovalGiven(phase="thirty"), "ben")
    seq = rollout.advance()
    rollout.run()
    assert rollout.answer_to(seq).accepted


@pytest.mark.parametrize("to", ["thirty", "all", "nowhere", "done"])
def test_back_never_goes_forward(to):
    rollout = ready()
    answer = back(rollout, to)
    assert not answer.accepted
    assert "leads to five" in answer.reasons[0]


def test_back_before_anybody_has_the_canary_is_refused():
    assert "nobody has the canary yet" in back(started(), "five").reasons[0]


def test_back_from_a_change_that_clients_never_saw():
    rollout = started(clients_follow=False)
    rollout.advance()
    rollout.run()
    rollout.after(rollout.state.settle_until - rollout.now)
    assert rollout.state.held
    rollout.clients_follow = True
    back(rollout, "five")
    settle(rollout)
    assert not rollout.state.held


def test_back_puts_a_drifted_flag_right():
    rollout = ready()
    rollout.server.somebody(state_of(True, Cohort(percent=50)))
    rollout.read_flag()
    rollout.run()
    assert back(rollout, "five").accepted
    settle(rollout)
    assert rollout.server.serves == Cohort(percent=5)
    assert rollout.state.drifted == ""
    assert not rollout.state.held


def test_a_step_back_that_fails_leaves_everything_where_it_was():
    plan = a_plan(a_phase("five", 5), a_phase("thirty", 30, advance="auto"), a_phase("all", 100, approvals=1))
    rollout = ready(plan)
    rollout.advance()
    settle(rollout)
    rollout.judge(PASS)
    rollout.after(plan.phases[1].bake)
    assert (rollout.state.step, rollout.state.entering) == (Step.WAITING, 2)
    rollout.server.script.append(Answers.REJECTS)
    back(rollout, "five")
    assert (rollout.state.step, rollout.state.phase, rollout.state.entering) == (Step.WAITING, 1, 2)


def test_back_from_stabilising_is_active_again():
    rollout = last_ready(a_plan(a_phase("five", 5), a_phase("all", 100, stabilise=True)))
    assert rollout.state.status is Status.STABILISING
    back(rollout, "five")
    assert rollout.state.status is Status.ACTIVE


@pytest.mark.parametrize("where", [started, baking, ready, last_ready])
def test_abort_ends_at_the_present_exposure(where):
    rollout = where()
    serves = rollout.server.serves
    rollout.ask(ev.AbortRequested(why="the release is withdrawn"), "ben")
    rollout.run()
    assert rollout.state.status is Status.ABORTED
    assert rollout.state.ended_why == "the release is withdrawn"
    assert rollout.server.serves == serves


def test_abort_during_the_countdown_ends_it():
    rollout = baking()
    rollout.judge(BREACH)
    rollout.run()
    rollout.ask(ev.AbortRequested(why="I know"))
    rollout.run()
    assert rollout.state.status is Status.ABORTED
    assert rollout.state.countdown is None


def test_abort_waits_until_it_is_known_what_the_exposure_is():
    rollout = ready()
    rollout.server.script.append(Answers.LOSES_ANSWER)
    rollout.advance()
    rollout.run()
    seq = rollout.ask(ev.AbortRequested(why="stop"))
    rollout.run()
    assert rollout.state.status is Status.ACTIVE
    rollout.after(rollout.state.open_intent.look_at - rollout.now)
    assert rollout.answer_to(seq).accepted
    assert rollout.state.status is Status.ABORTED
    assert rollout.state.expected.effective == rollout.server.serves


def test_a_step_back_while_evidence_is_missing_needs_no_evidence():
    rollout = last_ready()
    rollout.judge(verdict(State.SOURCE_DOWN, grace_over=True))
    rollout.run()
    assert back(rollout, "thirty").accepted
    assert rollout.server.serves == Cohort(percent=30)


def test_a_rollback_after_a_step_back_is_still_off():
    rollout = last_ready()
    back(rollout, "five")
    rollout.ask(ev.RollbackRequested())
    rollout.run()
    assert rollout.server.serves == OFF
