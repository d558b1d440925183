"""What comes of an intent: refused goes back, unknown is read before anything else, drift is noted once (`journal.md`, `flags.md`)."""

from datetime import timedelta

import pytest

from policy.flag_server import Answers, state_of
from policy.harness import SETTLE, run_through
from policy.plans import PASS, a_phase, a_plan, baking, ready, settle, started, verdict
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import Cohort
from rolloutctl.model.kinds import HoldKind, Kind
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import State
from rolloutctl.policy import decision as do

FIVE, THIRTY = Cohort(percent=5), Cohort(percent=30)
REFUSALS = {
    Answers.REJECTS: Kind.FLAG_REJECTED,
    Answers.NEEDS_APPROVAL: Kind.FLAG_NEEDS_APPROVAL,
    Answers.RATE_LIMITED: Kind.FLAG_FAILED,
    Answers.UNAVAILABLE: Kind.FLAG_FAILED,
    Answers.CONFLICT: Kind.FLAG_CONFLICT,
}


@pytest.mark.parametrize(("answer", "kind"), REFUSALS.items())
@pytest.mark.parametrize(("begin", "step", "phase"), [(started, Step.WAITING, -1), (ready, Step.READY, 0)])
def test_what_did_not_happen_goes_back_to_where_it_came_from(answer, kind, begin, step, phase):
    rollout = begin()
    rollout.server.script.append(answer)
    rollout.advance()
    rollout.run()
    state = rollout.state
    assert (state.step, state.phase, state.open_intent) == (step, phase, None)
    assert state.flag_failure
    assert rollout.events[-1].kind is kind
    assert state.entering == max(phase, 0)


def test_after_a_refusal_a_person_may_ask_again_under_a_new_intent():
    rollout = ready()
    rollout.server.script.append(Answers.REJECTS)
    rollout.advance()
    rollout.run()
    rollout.advance()
    rollout.run()
    assert rollout.server.serves == THIRTY
    assert rollout.state.flag_failure == ""


def test_auto_holds_after_a_refusal_until_a_person_resumes():
    rollout = baking(a_plan(a_phase("five", 5, advance="auto"), a_phase("thirty", 30)))
    rollout.server.script.append(Answers.REJECTS)
    rollout.after(timedelta(minutes=10))
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "flag"
    rollout.after(timedelta(hours=1))
    assert len(rollout.of(ev.FlagIntent)) == 2
    seq = rollout.ask(ev.ResumeRequested())
    rollout.run()
    assert rollout.answer_to(seq).accepted
    assert rollout.server.serves == THIRTY


def unknown(answer, begin=ready):
    rollout = begin()
    rollout.server.script.append(answer)
    rollout.advance()
    rollout.run()
    assert rollout.state.open_intent.unknown
    return rollout


def test_an_unknown_outcome_is_looked_at_only_after_the_settle_time():
    rollout = unknown(Answers.LOSES_ANSWER)
    assert rollout.decide() == do.Wait(until=rollout.now + SETTLE)
    made = rollout.after(SETTLE)
    assert made == [do.Reconcile()]
    assert rollout.of(ev.FlagReconciled)[0].body.found == "applied"
    assert (rollout.state.step, rollout.state.phase) == (Step.SETTLING, 1)


def test_while_it_is_unknown_nothing_else_is_done():
    rollout = unknown(Answers.LOSES_REQUEST)
    seqs = [rollout.advance(), rollout.ask(ev.BackRequested(to="five")), rollout.ask(ev.AbortRequested(why="x"))]
    rollout.judge(verdict(State.NO_DATA, grace_over=True))
    assert rollout.run() == []
    assert [event.seq for event in rollout.state.requests] == seqs


def test_what_has_not_happened_is_sent_again_under_the_same_intent():
    rollout = unknown(Answers.LOSES_REQUEST)
    key = rollout.state.open_intent.seq
    assert rollout.after(SETTLE) == [do.Reconcile(), do.SendAgain()]
    assert rollout.server.writes[-1] == (key, state_of(True, THIRTY))
    assert len(rollout.of(ev.FlagIntent)) == 2
    assert rollout.state.phase == 1


def test_it_is_given_up_after_three_tries():
    rollout = ready()
    rollout.server.script.extend([Answers.LOSES_REQUEST] * 9)
    rollout.advance()
    rollout.run()
    for _ in range(9):
        rollout.after(SETTLE)
    assert len(rollout.server.script) == 6, "sent three times"
    assert [event.body.found for event in rollout.of(ev.FlagReconciled)] == ["not_applied"] * 3
    assert "sent 3 times" in rollout.state.flag_failure
    assert (rollout.state.step, rollout.state.open_intent) == (Step.READY, None)


def test_while_the_flag_server_cannot_be_read_it_stays_unknown():
    rollout = unknown(Answers.LOSES_REQUEST)
    rollout.server.readable = False
    for _ in range(50):
        rollout.after(timedelta(seconds=30))
    assert rollout.state.open_intent is not None
    assert rollout.server.serves == FIVE
    rollout.server.readable = True
    rollout.after(timedelta(seconds=30))
    assert rollout.server.serves == THIRTY


def test_what_somebody_else_made_of_it_is_not_overwritten():
    rollout = unknown(Answers.LOSES_REQUEST)
    rollout.server.somebody(state_of(True, Cohort(percent=50)))
    rollout.after(SETTLE)
    assert rollout.of(ev.FlagReconciled)[0].body.found == "foreign"
    assert rollout.state.step is Step.READY
    assert rollout.server.serves == Cohort(percent=50)
    rollout.read_flag()
    rollout.run()
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "drift"


@pytest.mark.parametrize("answer", [Answers.CRASH_BEFORE, Answers.CRASH_AFTER])
@pytest.mark.parametrize("begin", [started, ready])
def test_killed_between_intent_and_answer_exactly_one_change_arrives(answer, begin):
    rollout = begin()
    writes = len(rollout.server.writes)
    rollout.server.script.append(answer)
    rollout.advance()
    run_through(rollout)
    assert len(rollout.server.writes) == writes + 1
    assert rollout.state.open_intent is None
    assert rollout.state.step is Step.SETTLING


def test_an_answer_after_which_the_driver_died_is_not_folded_twice():
    rollout = unknown(Answers.LOSES_ANSWER)
    rollout.after(SETTLE)
    once = rollout.state
    rollout.append(rollout.of(ev.FlagReconciled)[0].body)
    assert rollout.state.phase == once.phase
    assert rollout.state.step is once.step


def test_a_late_landing_is_shown_as_drift():
    rollout = ready()
    rollout.server.script.extend([Answers.LANDS_LATE, Answers.REJECTS])
    rollout.advance()
    rollout.run()
    rollout.after(SETTLE)
    assert rollout.state.step is Step.READY
    rollout.server.land()
    rollout.read_flag()
    rollout.run()
    assert rollout.state.drifted == "30 %"
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "drift"


# --- drift ----------------------------------------------------------------------------------------------------


def drifted(percent=50):
    rollout = baking()
    rollout.server.somebody(state_of(True, Cohort(percent=percent)))
    rollout.read_flag()
    rollout.run()
    return rollout


def test_drift_is_noted_once_and_holds():
    rollout = drifted()
    for _ in range(5):
        rollout.wait(timedelta(seconds=15))
        rollout.read_flag()
        rollout.run()
    (noted,) = rollout.of(ev.FlagDrifted)
    assert (noted.body.expected, noted.body.actual) == ("5 %", "50 %")
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "drift"
    assert rollout.server.serves == Cohort(percent=50), "it is shown, not fought over"


def test_another_change_is_noted_again():
    rollout = drifted()
    rollout.server.somebody(state_of(True, Cohort(percent=60)))
    rollout.read_flag()
    rollout.run()
    assert [event.body.actual for event in rollout.of(ev.FlagDrifted)] == ["50 %", "60 %"]
    assert "60 %" in rollout.state.hold_by(HoldKind.AUTOMATIC).reason


def test_a_change_that_the_cohort_does_not_show_is_drift_too():
    rollout = baking()
    rollout.server.somebody(state_of(True, FIVE, note="a constraint"))
    rollout.read_flag()
    rollout.run()
    assert rollout.state.drifted == "5 %, changed in detail"


def restore(rollout):
    rollout.server.somebody(state_of(True, FIVE))
    rollout.read_flag()
    rollout.run()


def test_the_hold_ends_when_the_flag_is_as_we_set_it_again():
    rollout = drifted()
    restore(rollout)
    assert not rollout.state.held
    assert rollout.state.drifted == ""


def test_a_flag_that_cannot_be_read_does_not_end_the_hold():
    rollout = drifted()
    rollout.server.readable = False
    rollout.wait(timedelta(minutes=2))
    rollout.read_flag()
    assert rollout.run() == []
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "drift"
    rollout.take_over()
    assert rollout.run() == []
    assert rollout.state.drifted == "50 %"


def test_drift_that_ended_while_evidence_is_missing_does_not_stop_the_rollout_for_ever():
    rollout = drifted()
    rollout.judge(verdict(State.NO_DATA, grace_over=True))
    restore(rollout)
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "evidence"
    rollout.judge(PASS)
    rollout.run()
    rollout.after(timedelta(minutes=15))
    rollout.judge(PASS)
    rollout.run()
    rollout.read_flag()
    seq = rollout.advance()
    rollout.run()
    assert rollout.answer_to(seq).accepted, rollout.answer_to(seq).reasons


def test_the_same_drift_again_after_it_was_put_right_is_noted_again():
    rollout = drifted()
    rollout.judge(verdict(State.NO_DATA, grace_over=True))
    restore(rollout)
    rollout.server.somebody(state_of(True, Cohort(percent=50)))
    rollout.read_flag()
    rollout.run()
    assert len(rollout.of(ev.FlagDrifted)) == 2


def test_drift_while_it_settles_keeps_the_clock_from_starting():
    rollout = started()
    rollout.advance()
    rollout.run()
    rollout.server.somebody(state_of(True, FIVE, note="a constraint"))
    rollout.read_flag()
    rollout.after(SETTLE)
    assert rollout.state.step is Step.SETTLING
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "drift"
    restore(rollout)
    assert rollout.state.step is Step.BAKING


def test_our_own_change_is_no_drift():
    rollout = ready()
    rollout.read_flag()
    rollout.advance()
    settle(rollout)
    assert rollout.of(ev.FlagDrifted) == []
    assert rollout.state.status is Status.ACTIVE


def test_a_crash_does_not_lose_or_double_a_step_wherever_it_comes():
    """Killed after every single event of a whole phase, the rollout ends where it would have ended."""
    rollout = started()
    rollout.advance()
    for _ in range(60):
        decision = rollout.step()
        if not isinstance(decision, do.Verify):
            rollout.take_over()
            rollout.judge(PASS)
            rollout.wait(timedelta(seconds=20))
    assert rollout.state.step is Step.READY
    assert len(rollout.server.writes) == 1
    assert len(rollout.of(ev.PhaseBaking)) == len(rollout.of(ev.PhaseReady)) == 1
