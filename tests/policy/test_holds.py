"""Hold is an overlay: automatic ones end with their reason, a person's only by `resume`; the deadline (`states.md`, "Hold")."""

from datetime import timedelta

import pytest

from policy.harness import SETTLE
from policy.plans import BAKE, PASS, a_phase, a_plan, baking, ready, settle, started, verdict
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import Cohort
from rolloutctl.model.kinds import HoldKind
from rolloutctl.model.state import Step
from rolloutctl.model.verdict import State
from rolloutctl.policy import decision as do

MINUTE = timedelta(minutes=1)
DEADLINE = timedelta(minutes=40)
NO_DATA = verdict(State.NO_DATA, grace_over=True)


def automatic(rollout):
    hold = rollout.state.hold_by(HoldKind.AUTOMATIC)
    return hold.code if hold is not None else ""


def test_missing_evidence_past_its_grace_holds_until_the_data_are_back():
    rollout = baking()
    rollout.judge(NO_DATA)
    rollout.run()
    assert automatic(rollout) == "evidence"
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).reason == "errors: NO DATA"
    rollout.judge(PASS)
    rollout.run()
    assert not rollout.state.held


def test_while_held_the_bake_clock_stands_still():
    rollout = baking()
    rollout.after(4 * MINUTE)
    rollout.judge(NO_DATA)
    rollout.run()
    rollout.wait(7 * MINUTE)
    assert rollout.state.baked(rollout.now) == 4 * MINUTE
    rollout.judge(PASS)
    rollout.run()
    assert rollout.state.baked(rollout.now) == 4 * MINUTE
    assert rollout.after(6 * MINUTE - timedelta(seconds=1)) == []
    assert rollout.after(timedelta(seconds=1)) == [do.MarkReady("five")]


def test_holds_that_overlap_stop_the_clock_once():
    rollout = baking()
    rollout.after(MINUTE)
    rollout.ask(ev.HoldRequested(why="lunch"))
    rollout.run()
    rollout.after(MINUTE)
    rollout.judge(NO_DATA)
    rollout.run()
    rollout.after(MINUTE)
    rollout.ask(ev.ResumeRequested())
    rollout.run()
    assert [hold.by for hold in rollout.state.holds] == [HoldKind.AUTOMATIC]
    rollout.after(MINUTE)
    rollout.judge(PASS)
    rollout.run()
    assert rollout.state.run.held == 3 * MINUTE
    assert rollout.state.baked(rollout.now) == MINUTE


def test_the_deadline_does_not_stand_still():
    rollout = baking()
    rollout.ask(ev.HoldRequested(why="lunch"))
    rollout.run()
    rollout.after(DEADLINE)
    assert automatic(rollout) == "deadline"


def test_a_persons_hold_ends_only_by_resume():
    rollout = baking()
    rollout.ask(ev.HoldRequested(why="watching a graph"), "ben")
    rollout.run()
    rollout.judge(PASS)
    rollout.after(2 * BAKE)
    rollout.take_over()
    rollout.judge(PASS)
    rollout.after(MINUTE)
    hold = rollout.state.hold_by(HoldKind.PERSON)
    assert (hold.actor, hold.reason, rollout.state.step) == ("ben", "watching a graph", Step.BAKING)
    seq = rollout.ask(ev.ResumeRequested())
    rollout.run()
    assert rollout.answer_to(seq).accepted
    assert rollout.state.hold_by(HoldKind.PERSON) is None


def test_a_hold_names_the_person_who_asked_not_the_driver():
    rollout = baking()
    rollout.ask(ev.HoldRequested(why="lunch"), "ben")
    rollout.run()
    assert rollout.state.hold_by(HoldKind.PERSON).actor == "ben"


def test_a_persons_hold_survives_into_the_next_attempt_and_its_clock_stands_still():
    rollout = started()
    rollout.advance()
    rollout.run()
    rollout.ask(ev.HoldRequested(why="lunch"))
    rollout.run()
    rollout.after(SETTLE)
    assert rollout.state.step is Step.BAKING
    rollout.wait(BAKE)
    assert rollout.state.baked(rollout.now) == timedelta()


def test_held_by_a_person_nothing_becomes_ready_and_nothing_advances():
    rollout = baking(a_plan(a_phase("five", 5, advance="auto"), a_phase("all", 100)))
    rollout.ask(ev.HoldRequested())
    rollout.run()
    seq = rollout.ask(ev.AdvanceRequested(to="all"))
    rollout.after(2 * BAKE)
    assert any("holds it" in reason for reason in rollout.answer_to(seq).reasons)
    assert rollout.server.serves == Cohort(percent=5)


def test_a_hold_set_while_ready_stops_an_automatic_advance_until_resume():
    plan = a_plan(a_phase("five", 5, advance="auto"), a_phase("all", 100, approvals=1))
    rollout = ready(plan)
    rollout.ask(ev.HoldRequested())
    rollout.run()
    rollout.ask(ev.ApprovalGiven(phase="all"), "ben")
    rollout.run()
    assert rollout.server.serves == Cohort(percent=5)
    rollout.ask(ev.ResumeRequested())
    rollout.run()
    assert rollout.server.serves == Cohort(percent=100)


def test_resume_is_refused_when_nothing_holds():
    rollout = baking()
    seq = rollout.ask(ev.ResumeRequested())
    rollout.run()
    assert rollout.answer_to(seq).reasons == ("nothing holds it.",)


def test_resume_does_not_lift_an_automatic_hold_and_says_what_would():
    rollout = baking()
    rollout.judge(NO_DATA)
    rollout.run()
    seq = rollout.ask(ev.ResumeRequested())
    rollout.run()
    assert not rollout.answer_to(seq).accepted
    assert "NO DATA" in rollout.answer_to(seq).reasons[0]
    assert automatic(rollout) == "evidence"


def test_a_hold_may_be_asked_for_before_the_first_phase_and_stops_it():
    rollout = started()
    rollout.ask(ev.HoldRequested(why="not today"))
    seq = rollout.advance()
    rollout.run()
    assert not rollout.answer_to(seq).accepted
    assert rollout.server.writes == []


def test_exposure_that_is_off_holds():
    rollout = baking()
    rollout.exposure_off = "exposure is off the declared cohort: the flag step is not seen in traffic"
    rollout.run()
    assert automatic(rollout) == "exposure"
    rollout.exposure_off = ""
    rollout.run()
    assert not rollout.state.held


@pytest.mark.parametrize("code", ["evidence", "exposure"])
def test_a_new_driver_that_has_not_judged_yet_lifts_no_hold(code):
    rollout = baking()
    if code == "evidence":
        rollout.judge(NO_DATA)
    else:
        rollout.exposure_off = "more traffic than declared"
    rollout.run()
    rollout.take_over()
    rollout.exposure_off = ""
    assert rollout.run() == []
    assert automatic(rollout) == code
    rollout.judge(PASS)
    rollout.run()
    assert not rollout.state.held


# --- the deadline --------------------------------------------------------------------------------------------


def test_not_ready_at_the_deadline_holds_and_says_what_was_missing():
    rollout = baking()
    rollout.judge(verdict(State.PENDING))
    rollout.after(DEADLINE - timedelta(seconds=1))
    assert automatic(rollout) == ""
    rollout.after(timedelta(seconds=1))
    assert automatic(rollout) == "deadline"
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).reason == "not READY within 40m; missing: errors"


def test_bake_time_that_was_missing_at_the_deadline_is_said():
    rollout = baking()
    rollout.ask(ev.HoldRequested())
    rollout.run()
    rollout.after(DEADLINE)
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).reason.endswith("missing: bake time")


def test_what_was_missing_at_the_deadline_stays_said_when_the_evidence_moves():
    rollout = baking()
    rollout.judge(verdict(State.PENDING))
    rollout.after(DEADLINE)
    holds = len(rollout.of(ev.HoldSet))
    rollout.judge(PASS, verdict(State.PENDING, "latency"))
    rollout.run()
    rollout.judge(PASS)
    rollout.after(MINUTE)
    assert len(rollout.of(ev.HoldSet)) == holds
    assert automatic(rollout) == "deadline"


def test_after_the_deadline_resume_goes_on_and_it_may_become_ready():
    rollout = baking()
    rollout.judge(verdict(State.PENDING))
    rollout.after(DEADLINE)
    seq = rollout.ask(ev.ResumeRequested())
    rollout.run()
    assert rollout.answer_to(seq).accepted
    assert not rollout.state.held
    rollout.judge(PASS)
    rollout.after(timedelta(hours=3))
    assert rollout.state.step is Step.READY


def test_one_resume_ends_a_persons_hold_and_the_deadlines():
    rollout = baking()
    rollout.ask(ev.HoldRequested())
    rollout.run()
    rollout.after(DEADLINE)
    assert len(rollout.state.holds) == 2
    rollout.ask(ev.ResumeRequested())
    rollout.run()
    assert not rollout.state.held


def test_what_is_ready_at_the_deadline_is_ready_although_the_driver_was_late():
    rollout = baking()
    rollout.take_over()
    rollout.wait(DEADLINE)
    rollout.judge(PASS)
    assert rollout.run() == [do.MarkReady("five")]


def test_a_ready_phase_has_no_deadline():
    rollout = ready()
    rollout.after(DEADLINE)
    assert not rollout.state.held


def test_the_deadline_counts_from_the_attempt():
    rollout = baking()
    rollout.judge(verdict(State.PENDING))
    rollout.after(DEADLINE)
    rollout.ask(ev.BackRequested(to="five"))
    settle(rollout)
    rollout.judge(verdict(State.PENDING))
    rollout.after(DEADLINE - timedelta(seconds=1))
    assert automatic(rollout) == ""
    rollout.after(timedelta(seconds=1))
    assert automatic(rollout) == "deadline"


def test_default_deadline_is_four_times_bake():
    phase = a_phase("five", 5)
    del phase["deadline"]
    rollout = baking(a_plan(phase))
    rollout.judge(verdict(State.PENDING))
    rollout.after(4 * BAKE - timedelta(seconds=1))
    assert automatic(rollout) == ""
    rollout.after(timedelta(seconds=1))
    assert automatic(rollout) == "deadline"


def test_worse_evidence_is_shown_first_and_the_deadline_comes_back_after_it():
    rollout = baking()
    rollout.judge(NO_DATA)
    rollout.after(DEADLINE)
    assert automatic(rollout) == "evidence"
    rollout.judge(verdict(State.PENDING))
    rollout.run()
    assert automatic(rollout) == "deadline"
