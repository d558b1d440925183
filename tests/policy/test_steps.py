"""SEALED, and the road of a phase: WAITING, APPLYING, SETTLING, BAKING, READY, the next phase (`states.md`, "Phase")."""

from datetime import timedelta

import pytest

from policy.flag_server import Answers
from policy.harness import SETTLE, START, CrashError
from policy.plans import BAKE, PASS, a_phase, a_plan, baking, last_ready, ready, settle, started, verdict
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import OFF, Cohort
from rolloutctl.model.kinds import Action, HoldKind, Kind, Purpose
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import State
from rolloutctl.policy import decision as do

SECOND = timedelta(seconds=1)


def test_a_sealed_rollout_waits_for_a_person_and_changes_nothing():
    rollout = started(a_plan(a_phase("five", 5, advance="auto")))
    rollout.read_flag()
    assert rollout.after(timedelta(days=3)) == []
    assert (rollout.state.status, rollout.state.step, rollout.state.phase) == (Status.SEALED, Step.WAITING, -1)
    assert rollout.server.writes == []


def test_advance_enters_the_first_phase_without_a_verdict_because_nobody_had_the_canary():
    rollout = started()
    seq = rollout.advance()
    rollout.run()
    assert rollout.answer_to(seq).accepted
    assert rollout.server.serves == Cohort(percent=5)
    assert (rollout.state.status, rollout.state.step, rollout.state.phase) == (Status.ACTIVE, Step.SETTLING, 0)


def test_the_intent_is_journalled_before_the_request_is_sent():
    rollout = started()
    rollout.server.script.append(Answers.CRASH_BEFORE)
    rollout.advance()
    with pytest.raises(CrashError):
        rollout.run()
    assert rollout.state.step is Step.APPLYING
    assert rollout.state.open_intent.intent.want == Cohort(percent=5)
    assert rollout.server.writes == []


def test_the_clock_starts_at_the_verified_read_back_plus_settle_time():
    rollout = started()
    rollout.advance()
    rollout.run()
    assert rollout.after(SETTLE - SECOND) == []
    assert rollout.state.run is None
    assert rollout.decide() == do.Wait(until=START + SETTLE)
    made = rollout.after(SECOND)
    assert [type(decision) for decision in made] == [do.Verify, do.StartBaking]
    assert rollout.state.step is Step.BAKING
    assert rollout.state.run.started_at == START + SETTLE
    assert rollout.state.baked(rollout.now) == timedelta()


def test_a_change_that_clients_do_not_see_holds_and_the_clock_does_not_start():
    rollout = started(clients_follow=False)
    rollout.advance()
    rollout.run()
    rollout.after(SETTLE)
    assert rollout.state.step is Step.SETTLING
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "unseen"
    rollout.after(timedelta(minutes=3))
    assert rollout.state.run is None
    rollout.clients_follow = True
    rollout.after(timedelta(seconds=2))
    assert rollout.state.step is Step.BAKING
    assert not rollout.state.held
    assert rollout.state.run.started_at == rollout.now


def test_a_new_driver_does_not_lift_the_hold_of_an_unseen_change_before_it_looked():
    rollout = started(clients_follow=False)
    rollout.advance()
    rollout.run()
    rollout.after(SETTLE)
    before = len(rollout.of(ev.HoldSet, ev.HoldCleared))
    rollout.take_over()
    rollout.run()
    assert len(rollout.of(ev.HoldSet, ev.HoldCleared)) == before
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "unseen"


def test_a_phase_is_ready_when_the_bake_time_is_over_and_the_verdict_is_ready():
    rollout = baking()
    assert rollout.after(BAKE - SECOND) == []
    assert rollout.state.step is Step.BAKING
    assert rollout.after(SECOND) == [do.MarkReady("five")]
    assert rollout.state.step is Step.READY


def test_bake_time_alone_is_not_ready():
    rollout = baking()
    rollout.judge(verdict(State.PENDING))
    rollout.after(BAKE * 2)
    assert rollout.state.step is Step.BAKING
    rollout.judge(PASS)
    assert rollout.run() == [do.MarkReady("five")]


def test_nothing_judged_is_not_ready():
    rollout = started()
    rollout.advance()
    settle(rollout)
    rollout.after(BAKE * 2)
    assert rollout.state.step is Step.BAKING


def test_policy_asks_to_be_woken_when_the_bake_time_is_over():
    rollout = baking()
    rollout.wait(timedelta(minutes=4))
    assert rollout.decide() == do.Wait(until=rollout.now + timedelta(minutes=6))


def test_ready_and_manual_waits_for_a_person():
    rollout = ready()
    assert rollout.after(timedelta(hours=5)) == []
    assert (rollout.state.step, rollout.state.phase) == (Step.READY, 0)
    seq = rollout.advance()
    rollout.run()
    assert rollout.answer_to(seq).accepted
    assert rollout.server.serves == Cohort(percent=30)


def test_auto_enters_the_next_phase_by_itself_when_nothing_is_missing():
    rollout = ready(a_plan(a_phase("five", 5, advance="auto"), a_phase("all", 100)))
    assert rollout.state.step is Step.SETTLING
    assert rollout.server.serves == Cohort(percent=100)
    decided = [body for body in rollout.decisions() if body.request == 0]
    assert [(body.action, body.accepted, body.phase) for body in decided] == [(Action.ADVANCE, True, "all")]


def test_the_step_is_named_by_its_purpose_and_phase():
    rollout = last_ready()
    intents = [event.body for event in rollout.of(ev.FlagIntent)]
    assert [(intent.purpose, intent.phase, intent.index) for intent in intents] == [
        (Purpose.ADVANCE, "five", 0),
        (Purpose.ADVANCE, "thirty", 1),
        (Purpose.ADVANCE, "all", 2),
    ]


def test_a_shadow_phase_asserts_that_the_flag_is_off():
    shadow = {"name": "shadow", "owner": "ana", "cohort": {"shadow": True}, "bake": "10m"}
    rollout = baking(a_plan(shadow, a_phase("five", 5)))
    assert rollout.server.serves == OFF
    assert [event.kind for event in rollout.of(ev.FlagUnchanged, ev.FlagApplied)] == [Kind.FLAG_UNCHANGED]


def test_the_last_phase_with_stabilise_is_stabilising():
    rollout = baking(a_plan(a_phase("all", 100, stabilise=True)))
    assert rollout.state.status is Status.STABILISING
    rollout.after(BAKE)
    rollout.advance()
    rollout.run()
    assert rollout.state.status is Status.DONE


def test_done_only_after_the_last_phase_is_ready():
    rollout = baking(a_plan(a_phase("all", 100)))
    early = rollout.advance()
    rollout.run()
    assert not rollout.answer_to(early).accepted
    assert "Bakes" in rollout.answer_to(early).reasons[0]
    rollout.after(BAKE)
    seq = rollout.advance()
    rollout.run()
    assert rollout.answer_to(seq).accepted
    assert rollout.state.status is Status.DONE
    assert rollout.server.serves == Cohort(percent=100)


def test_done_by_itself_where_the_last_phase_is_auto():
    rollout = ready(a_plan(a_phase("all", 100, advance="auto")))
    assert rollout.state.status is Status.DONE


def test_ready_is_journalled_before_the_rollout_is_done_although_the_request_waited():
    rollout = baking(a_plan(a_phase("all", 100)))
    rollout.wait(BAKE)
    rollout.advance()
    rollout.run()
    assert rollout.state.status is Status.DONE
    assert len(rollout.of(ev.PhaseReady)) == 1


@pytest.mark.parametrize("end", ["done", "aborted"])
def test_a_final_status_answers_nothing_but_a_rollback(end):
    rollout = last_ready(a_plan(a_phase("all", 100)))
    rollout.ask(ev.AdvanceRequested(to="done") if end == "done" else ev.AbortRequested(why="enough"))
    rollout.run()
    assert rollout.state.status.final
    count = len(rollout.events)
    for body in (ev.AdvanceRequested(to="done"), ev.HoldRequested(), ev.BackRequested(to="all")):
        rollout.ask(body)
    rollout.read_flag()
    assert rollout.after(timedelta(hours=1)) == []
    assert len(rollout.events) == count + 3
    assert rollout.server.serves == Cohort(percent=100)
    rollout.ask(ev.RollbackRequested())
    rollout.run()
    assert rollout.state.status is Status.ROLLED_BACK
    assert rollout.server.serves == OFF
