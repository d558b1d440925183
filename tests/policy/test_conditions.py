"""What must be there to enter a phase: approvals, gates, freeze, roles, the flag as it was left (`states.md`, `plan.md`)."""

from datetime import UTC, datetime, timedelta

import pytest

from policy.flag_server import state_of
from policy.harness import Rollout
from policy.plans import BAKE, PASS, a_config, a_phase, a_plan, baking, ready, settle, started, verdict
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import Cohort
from rolloutctl.model.kinds import Action, HoldKind
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import State

GATE = {
    "id": "legal-ok",
    "title": "Legal has signed",
    "owner": "legal",
    "before": "thirty",
    "checks": ["Data residency", "Terms"],
}
BOTH = ("Data residency", "Terms")


def asked(rollout: Rollout, body: ev.Body, actor: str = "ana") -> ev.DecisionMade:
    seq = rollout.ask(body, actor)
    rollout.run()
    return rollout.answer_to(seq)


def advance(rollout: Rollout, actor: str = "ana", to: str = "thirty") -> ev.DecisionMade:
    return asked(rollout, ev.AdvanceRequested(to=to), actor)


def approve(rollout: Rollout, actor: str, phase: str = "thirty") -> ev.DecisionMade:
    return asked(rollout, ev.ApprovalGiven(phase=phase), actor)


# --- approvals ------------------------------------------------------------------------------------------------

TWO = a_plan(a_phase("five", 5), a_phase("thirty", 30, approvals=2))


def test_approvals_are_of_different_people():
    rollout = ready(TWO)
    assert approve(rollout, "ben").accepted
    again = approve(rollout, "ben")
    assert not again.accepted
    assert "different people" in again.reasons[0]
    assert not advance(rollout).accepted
    assert approve(rollout, "cleo").accepted
    assert advance(rollout).accepted


def test_who_asks_is_not_one_of_the_approvers():
    rollout = ready(TWO)
    approve(rollout, "ana")
    approve(rollout, "ben")
    refused = advance(rollout, "ana")
    assert not refused.accepted
    assert "needs 2 approvals of others than who asks" in refused.reasons[0]
    assert advance(rollout, "cleo").accepted


def test_only_approvers_approve():
    rollout = ready(TWO, config=a_config(ana="operator", ben="operator", cleo="approver", eve="viewer"))
    assert "only an approver approves" in approve(rollout, "ben").reasons[0]
    assert "viewer" in approve(rollout, "eve").reasons[0]
    assert "viewer" in approve(rollout, "nobody-knows").reasons[0]
    assert approve(rollout, "cleo").accepted


@pytest.mark.parametrize(
    ("phase", "why"), [("nowhere", "has no phase"), ("five", "entered already"), ("all", "needs no approval")]
)
def test_an_approval_that_means_nothing_is_refused(phase, why):
    rollout = ready(a_plan(a_phase("five", 5), a_phase("thirty", 30, approvals=1), a_phase("all", 100)))
    answer = approve(rollout, "ben", phase)
    assert not answer.accepted
    assert why in answer.reasons[0]


def test_the_first_phase_may_need_approvals_too():
    rollout = started(a_plan(a_phase("five", 5, approvals=1)))
    assert not advance(rollout, to="five").accepted
    approve(rollout, "ben", "five")
    assert advance(rollout, to="five").accepted


# --- gates ----------------------------------------------------------------------------------------------------

GATED = a_plan(a_phase("five", 5), a_phase("thirty", 30), gates=[GATE])
PEOPLE = a_config(ana="operator", lea="operator:legal", ben="approver", eve="viewer:legal")


def sign(rollout, actor, *, go=True, checks=BOTH, gate="legal-ok"):
    return asked(rollout, ev.GateSigned(gate=gate, go=go, checks=checks), actor)


def test_a_gate_stands_before_its_phase_until_it_is_signed():
    rollout = ready(GATED, config=PEOPLE)
    assert 'Gate "legal-ok" is not signed' in advance(rollout).reasons[0]
    assert sign(rollout, "lea").accepted
    assert advance(rollout).accepted


def test_a_gate_is_signed_by_its_owner_or_a_member_of_the_group():
    rollout = ready(GATED, config=PEOPLE)
    assert "signed by legal, not by ben" in sign(rollout, "ben").reasons[0]
    assert "viewer" in sign(rollout, "eve").reasons[0]
    owned = ready(a_plan(a_phase("five", 5), a_phase("thirty", 30), gates=[GATE | {"owner": "ana"}]), config=PEOPLE)
    assert sign(owned, "ana").accepted


def test_no_go_stops_and_may_be_signed_anew():
    rollout = ready(GATED, config=PEOPLE)
    assert sign(rollout, "lea", go=False, checks=()).accepted
    assert "no-go, says lea" in advance(rollout).reasons[0]
    assert sign(rollout, "lea").accepted
    assert advance(rollout).accepted


def test_go_needs_every_check():
    rollout = ready(GATED, config=PEOPLE)
    assert "missing: Terms" in sign(rollout, "lea", checks=BOTH[:1]).reasons[0]
    assert 'has no gate "other"' in sign(rollout, "lea", gate="other").reasons[0]


# --- roles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("write", "role", "accepted"),
    [
        ("operator", "viewer", False),
        ("operator", "operator", True),
        ("operator", "approver", True),
        ("approver", "viewer", False),
        ("approver", "operator", False),
        ("approver", "approver", True),
        ("nobody", "operator", False),
        ("nobody", "approver", False),
    ],
)
@pytest.mark.parametrize("kind", [ev.AdvanceRequested, ev.BackRequested, ev.ResumeRequested, ev.AbortRequested])
def test_who_may_change_an_environment(write, role, accepted, kind):
    rollout = ready()
    rollout.config = a_config(ana="approver", ben=role, write=write)
    asked(rollout, ev.HoldRequested(), "ana") if kind is ev.ResumeRequested else None
    body = {ev.AdvanceRequested: {"to": "thirty"}, ev.BackRequested: {"to": "five"}}.get(kind, {})
    assert asked(rollout, kind(why="x", **body), "ben").accepted is accepted


@pytest.mark.parametrize("write", ["operator", "approver", "nobody"])
def test_an_operator_may_always_roll_back_and_hold_and_a_viewer_never(write):
    config = a_config(ana="operator", eve="viewer", write=write)
    rollout = ready()
    rollout.config = config
    assert not asked(rollout, ev.RollbackRequested(), "eve").accepted
    assert not asked(rollout, ev.HoldRequested(), "eve").accepted
    assert asked(rollout, ev.HoldRequested(), "ana").accepted
    assert asked(rollout, ev.RollbackRequested(), "ana").accepted
    assert rollout.state.status is Status.ROLLED_BACK


# --- freeze, drift, the provider ------------------------------------------------------------------------------

FROZEN = a_plan(
    a_phase("five", 5, advance="auto", deadline="100h"), a_phase("thirty", 30), freeze={"windows": ["Mon 10:05 - Mon 12:00 UTC"]}
)


def test_frozen_nothing_advances_and_rollback_may():
    rollout = ready(FROZEN)
    assert "Frozen for 1h" in advance(rollout).reasons[0]
    rollout.ask(ev.RollbackRequested())
    rollout.run()
    assert rollout.state.status is Status.ROLLED_BACK


def test_auto_says_what_it_waits_for_and_goes_on_when_the_window_ends():
    rollout = ready(FROZEN)
    assert rollout.state.step is Step.WAITING
    assert "Frozen" in rollout.state.waiting_for[0]
    shown = len(rollout.of(ev.PhaseWaiting))
    for _ in range(20):
        rollout.after(timedelta(minutes=1))
    assert len(rollout.of(ev.PhaseWaiting)) == shown, "a clock that ticks is no news"
    rollout.wait(datetime(2026, 1, 5, 12, 0, tzinfo=UTC) - rollout.now)
    rollout.run()
    assert rollout.server.serves == Cohort(percent=30)


def test_auto_waits_for_gates_and_approvals_and_enters_when_the_last_is_there():
    plan = a_plan(a_phase("five", 5, advance="auto"), a_phase("thirty", 30, approvals=1), gates=[GATE])
    rollout = ready(plan, config=PEOPLE)
    assert rollout.state.step is Step.WAITING
    assert len(rollout.state.waiting_for) == 2
    sign(rollout, "lea")
    assert len(rollout.state.waiting_for) == 1
    approve(rollout, "ben")
    assert rollout.state.step is Step.SETTLING
    assert rollout.server.serves == Cohort(percent=30)


def test_auto_counts_every_approver_because_nobody_asks():
    rollout = ready(a_plan(a_phase("five", 5, advance="auto"), a_phase("thirty", 30, approvals=1)))
    approve(rollout, "ana")
    assert rollout.server.serves == Cohort(percent=30)


def test_a_person_may_advance_what_waits_by_itself():
    plan = a_plan(a_phase("five", 5, advance="auto"), a_phase("thirty", 30, approvals=1))
    rollout = ready(plan)
    refused = advance(rollout)
    assert not refused.accepted
    approve(rollout, "ben")
    assert rollout.state.phase == 1


def test_what_was_ready_and_is_not_any_more_does_not_advance_while_it_waits():
    plan = a_plan(a_phase("five", 5, advance="auto"), a_phase("thirty", 30, approvals=1))
    rollout = ready(plan)
    rollout.judge(verdict(State.PENDING))
    approve(rollout, "ben")
    assert rollout.server.serves == Cohort(percent=5)
    rollout.judge(PASS)
    rollout.run()
    assert rollout.server.serves == Cohort(percent=30)


def test_a_provider_that_cannot_express_the_next_phase_is_said_before_the_step():
    rollout = ready()
    rollout.read_flag()
    rollout.next_problem = "percentages are whole numbers here"
    assert "percentages are whole numbers here" in advance(rollout).reasons


def test_a_flag_that_cannot_be_read_stops_an_advance():
    rollout = ready()
    rollout.server.readable = False
    rollout.read_flag()
    assert "The flag cannot be read" in advance(rollout).reasons[0]


def test_somebody_elses_change_stops_an_advance_that_was_asked_in_the_same_moment():
    rollout = ready()
    rollout.server.somebody(state_of(True, Cohort(percent=50)))
    rollout.read_flag()
    answer = advance(rollout)
    assert not answer.accepted
    assert "Somebody else changed the flag: it is 50 %" in answer.reasons[0]


def test_a_change_that_no_poll_has_seen_is_a_conflict_and_not_overwritten():
    rollout = ready()
    rollout.server.somebody(state_of(True, Cohort(percent=50)))
    assert advance(rollout).accepted
    assert rollout.state.step is Step.READY
    assert rollout.server.serves == Cohort(percent=50)
    assert "somebody else changed it" in rollout.state.flag_failure


def test_every_reason_against_is_given_not_only_the_first():
    rollout = baking(
        a_plan(a_phase("five", 5), a_phase("thirty", 30, approvals=1), gates=[GATE], freeze=FROZEN.freeze.model_dump())
    )
    rollout.wait(timedelta(minutes=6))
    rollout.judge(verdict(State.PENDING))
    reasons = advance(rollout).reasons
    assert len(reasons) == 5, reasons


# --- the request itself ---------------------------------------------------------------------------------------


def test_two_people_who_press_at_once_advance_one_phase():
    rollout = ready(a_plan(a_phase("five", 5), a_phase("thirty", 30), a_phase("all", 100)))
    first, second = rollout.advance("ana"), rollout.advance("ben")
    rollout.run()
    assert rollout.answer_to(first).accepted
    assert not rollout.answer_to(second).accepted
    settle(rollout)
    assert rollout.state.phase == 1


@pytest.mark.parametrize("to", ["all", "five", "done", "nowhere"])
def test_no_phase_is_skipped(to):
    rollout = ready()
    answer = advance(rollout, to=to)
    assert not answer.accepted
    assert 'the next step is "thirty"' in answer.reasons[0]


def test_while_a_change_settles_nothing_advances():
    rollout = started()
    advance(rollout, to="five")
    assert "settling" in advance(rollout).reasons[0]


def test_every_request_is_answered_exactly_once():
    rollout = ready(TWO)
    bodies = [
        ev.AdvanceRequested(to="thirty"),
        ev.BackRequested(to="thirty"),
        ev.HoldRequested(),
        ev.ResumeRequested(),
        ev.ApprovalGiven(phase="thirty"),
        ev.GateSigned(gate="x", go=True),
        ev.RollbackChecked(why="x"),
        ev.AdvanceRequested(to="thirty"),
    ]
    seqs = [rollout.ask(body) for body in bodies]
    rollout.run()
    rollout.take_over()
    rollout.run()
    assert [rollout.answer_to(seq).request for seq in seqs] == seqs
    assert rollout.state.requests == ()


# --- a decision that was journalled and not carried out -----------------------------------------------------


def decided_and_left(hours: float = 0.0):
    rollout = ready()
    rollout.advance()
    assert rollout.step().accepted
    rollout.wait(timedelta(hours=hours))
    rollout.take_over()
    return rollout


def test_a_decision_is_carried_out_by_the_driver_that_takes_over_once_it_has_judged():
    rollout = decided_and_left(0.01)
    rollout.run()
    assert rollout.server.serves == Cohort(percent=5)
    rollout.judge(PASS)
    rollout.run()
    assert rollout.server.serves == Cohort(percent=30)
    assert len(rollout.of(ev.FlagIntent)) == 2


@pytest.mark.parametrize("now", [State.PENDING, State.NO_DATA, State.SOURCE_DOWN])
def test_a_decision_of_hours_ago_is_withdrawn_when_it_is_not_safe_now(now):
    rollout = decided_and_left(5)
    rollout.judge(verdict(now, grace_over=True))
    rollout.run()
    assert rollout.server.serves == Cohort(percent=5)
    assert rollout.state.accepted is None
    withdrawn = rollout.decisions()[-1]
    assert (withdrawn.action, withdrawn.accepted, withdrawn.request) == (Action.ADVANCE, False, 0)
    rollout.judge(PASS)
    rollout.run()
    assert rollout.server.serves == Cohort(percent=5), "it is asked for again by a person"


def test_a_hold_that_was_asked_for_meanwhile_comes_before_an_old_decision():
    rollout = decided_and_left(1)
    rollout.ask(ev.HoldRequested(why="stop"))
    rollout.judge(PASS)
    rollout.run()
    assert rollout.server.serves == Cohort(percent=5)
    assert rollout.state.hold_by(HoldKind.PERSON) is not None


def test_the_first_step_needs_no_verdict_after_a_crash_either():
    rollout = started()
    rollout.advance()
    rollout.step()
    rollout.wait(BAKE)
    rollout.take_over()
    rollout.run()
    assert rollout.server.serves == Cohort(percent=5)
