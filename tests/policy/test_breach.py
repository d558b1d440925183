"""Breach is latched; from a breach to a rollback, a countdown or a hold (`states.md`, "Breach → rollback")."""

from datetime import timedelta

import pytest

from policy.flag_server import Answers
from policy.plans import BAKE, BREACH, COUNTDOWN, PASS, a_phase, a_plan, baking, cell, ready, settle, verdict
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import OFF, Cohort
from rolloutctl.model.kinds import Action, HoldKind, Purpose
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import PhaseState, State
from rolloutctl.policy.conditions import conditions

SECOND = timedelta(seconds=1)
AUTO = a_plan(rollback={"on_breach": "auto"})
ASK = a_plan()
HOLD = a_plan(rollback={"on_breach": "hold"})
IRREVERSIBLE = a_plan(rollback={"on_breach": "auto", "irreversible": "the schema was migrated"})
RECOVERED = verdict(State.BREACH, breach_at=1.0, evidence=cell(beyond=False))
STILL = verdict(State.BREACH, breach_at=1.0, evidence=cell(beyond=True))


def breached(plan=ASK, *verdicts):
    rollout = baking(plan)
    rollout.wait(timedelta(minutes=1))
    rollout.judge(*(verdicts or (BREACH,)))
    rollout.run()
    return rollout


def is_off(rollout):
    return rollout.server.serves == OFF


def test_auto_rolls_back_at_once():
    rollout = breached(AUTO)
    assert rollout.state.status is Status.ROLLED_BACK
    assert is_off(rollout)
    (decision,) = [body for body in rollout.decisions() if body.action is Action.ROLLBACK]
    assert decision.request == 0
    assert "errors" in decision.reasons[0]


def test_auto_rolls_back_although_a_person_holds():
    rollout = baking(AUTO)
    rollout.ask(ev.HoldRequested())
    rollout.run()
    rollout.judge(BREACH)
    rollout.run()
    assert rollout.state.status is Status.ROLLED_BACK


def test_ask_starts_a_countdown_with_an_absolute_end():
    rollout = breached()
    assert rollout.state.countdown.fires_at == rollout.now + COUNTDOWN
    assert not is_off(rollout)
    assert rollout.after(COUNTDOWN - SECOND) == []
    rollout.after(SECOND)
    assert rollout.state.status is Status.ROLLED_BACK
    assert is_off(rollout)


def test_data_that_recover_do_not_unbreach():
    rollout = breached()
    rollout.judge(PASS)
    assert rollout.phase_verdict.state is PhaseState.BREACH
    rollout.after(COUNTDOWN)
    assert rollout.state.status is Status.ROLLED_BACK


def test_a_latched_breach_is_latched_once():
    rollout = breached()
    rollout.judge(BREACH)
    rollout.judge(BREACH)
    assert len(rollout.of(ev.BreachLatched)) == 1


def test_a_breach_in_ready_takes_ready_away():
    rollout = ready()
    rollout.judge(BREACH)
    assert rollout.state.step is Step.BAKING
    seq = rollout.advance()
    rollout.run()
    assert not rollout.answer_to(seq).accepted


def test_a_breach_that_another_process_latched_counts_against_an_older_ready_verdict_in_memory():
    rollout = baking(a_plan(a_phase("five", 5, advance="auto"), a_phase("all", 100), rollback={"on_breach": "hold"}))
    rollout.wait(BAKE)
    rollout.append(ev.BreachLatched(phase="five", criterion="errors", role="guardrail", at=rollout.now, why="too many"))
    assert rollout.phase_verdict.state is PhaseState.READY
    seq = rollout.advance()
    rollout.run()
    assert not rollout.answer_to(seq).accepted
    assert rollout.state.step is Step.BAKING
    assert rollout.server.serves == Cohort(percent=5)


def test_confirming_rolls_back_before_the_countdown_ends():
    rollout = breached()
    rollout.ask(ev.RollbackRequested(why="yes"), "ben")
    rollout.run()
    assert rollout.state.status is Status.ROLLED_BACK
    assert rollout.state.rollback_by == "ben"


def test_the_countdown_may_be_postponed_twice_and_no_more():
    rollout = breached()
    fires = rollout.state.countdown.fires_at
    for _ in range(3):
        rollout.ask(ev.CountdownPostponed(why="looking"))
    assert rollout.state.countdown.fires_at == fires + 2 * COUNTDOWN
    rollout.after(3 * COUNTDOWN - SECOND)
    assert rollout.state.status is Status.ACTIVE
    rollout.after(SECOND)
    assert rollout.state.status is Status.ROLLED_BACK


def test_postponing_without_a_countdown_changes_nothing():
    rollout = baking()
    before = rollout.state
    rollout.ask(ev.CountdownPostponed(why="looking"))
    assert rollout.state.countdown is None
    assert rollout.state.requests == before.requests


def test_a_hold_during_the_countdown_disarms_it():
    rollout = breached()
    rollout.ask(ev.HoldRequested(why="I look first"))
    rollout.run()
    assert rollout.state.countdown is None
    rollout.after(10 * COUNTDOWN)
    assert rollout.state.status is Status.ACTIVE
    assert rollout.state.hold_by(HoldKind.PERSON) is not None


def test_a_hold_at_the_last_second_counts():
    rollout = breached()
    rollout.wait(COUNTDOWN)
    rollout.ask(ev.HoldRequested(why="wait"))
    rollout.run()
    assert rollout.state.status is Status.ACTIVE


def test_a_hold_by_a_viewer_at_the_last_second_does_not():
    from policy.plans import a_config

    rollout = baking(ASK, config=a_config(ana="operator", eve="viewer"))
    rollout.judge(BREACH)
    rollout.run()
    rollout.wait(COUNTDOWN)
    seq = rollout.ask(ev.HoldRequested(why="wait"), "eve")
    rollout.run()
    assert not rollout.answer_to(seq).accepted
    assert rollout.state.status is Status.ROLLED_BACK


def test_resume_after_such_a_hold_starts_the_countdown_again():
    rollout = breached()
    rollout.ask(ev.HoldRequested())
    rollout.run()
    rollout.ask(ev.ResumeRequested())
    rollout.run()
    assert rollout.state.countdown.fires_at == rollout.now + COUNTDOWN


def test_a_hold_set_long_before_a_breach_does_not_disarm_it():
    rollout = baking()
    rollout.ask(ev.HoldRequested(why="lunch"))
    rollout.run()
    rollout.wait(timedelta(minutes=5))
    rollout.judge(BREACH)
    rollout.run()
    assert rollout.state.countdown is not None
    rollout.after(COUNTDOWN)
    assert rollout.state.status is Status.ROLLED_BACK


def test_holding_again_after_the_breach_disarms_it():
    rollout = baking()
    rollout.ask(ev.HoldRequested(why="lunch"))
    rollout.run()
    rollout.judge(BREACH)
    rollout.run()
    rollout.ask(ev.HoldRequested(why="I have seen it"))
    rollout.run()
    rollout.after(COUNTDOWN)
    assert rollout.state.status is Status.ACTIVE


def test_another_guardrail_that_breaches_after_the_hold_counts_down_again():
    rollout = breached()
    rollout.ask(ev.HoldRequested())
    rollout.run()
    rollout.wait(SECOND)
    rollout.judge(BREACH, verdict(State.BREACH, "latency", breach_at=2.0))
    rollout.run()
    assert rollout.state.countdown is not None


# --- a driver that takes over finds an expired countdown --------------------------------------------------------


def unattended(*verdicts):
    rollout = breached(ASK, STILL)
    rollout.wait(5 * COUNTDOWN)
    rollout.take_over()
    assert rollout.run() == [], "it judges first"
    rollout.judge(*verdicts)
    rollout.run()
    return rollout


def test_still_a_breach_rolls_back():
    assert unattended(STILL).state.status is Status.ROLLED_BACK


@pytest.mark.parametrize(
    "now",
    [
        verdict(State.SOURCE_DOWN, breach_at=1.0),
        verdict(State.BREACH, breach_at=1.0),
        verdict(State.BREACH, breach_at=1.0, evidence=cell(beyond=False, value=None)),
        verdict(State.STALE, breach_at=1.0, evidence=cell(beyond=False)),
        verdict(criterion="latency"),
    ],
    ids=["source down", "no cells", "a cell without a value", "stale", "not judged any more"],
)
def test_cannot_judge_rolls_back(now):
    assert unattended(now).state.status is Status.ROLLED_BACK


def test_a_driver_that_gets_no_verdict_at_all_cannot_judge_and_rolls_back():
    rollout = breached(ASK, STILL)
    rollout.wait(5 * COUNTDOWN)
    rollout.take_over()
    rollout.after(timedelta(seconds=59))
    assert rollout.state.status is Status.ACTIVE
    rollout.after(SECOND)
    assert rollout.state.status is Status.ROLLED_BACK


def test_recovered_asks_a_person():
    rollout = unattended(RECOVERED)
    assert rollout.state.status is Status.ACTIVE
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "recovered"
    assert rollout.state.countdown is None
    rollout.after(timedelta(hours=1))
    rollout.take_over()
    rollout.judge(RECOVERED)
    rollout.after(timedelta(hours=1))
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "recovered"
    seq = rollout.ask(ev.ResumeRequested())
    rollout.run()
    assert "step back, roll back or abort" in rollout.answer_to(seq).reasons[0]


def test_recovered_of_one_while_another_is_still_in_breach_rolls_back():
    rollout = baking()
    rollout.judge(STILL, verdict(State.BREACH, "latency", breach_at=1.0))
    rollout.run()
    rollout.wait(5 * COUNTDOWN)
    rollout.take_over()
    rollout.judge(RECOVERED, verdict(State.BREACH, "latency", breach_at=1.0, evidence=cell(beyond=True)))
    rollout.run()
    assert rollout.state.status is Status.ROLLED_BACK


def test_a_step_back_after_recovered_begins_anew():
    rollout = unattended(RECOVERED)
    rollout.ask(ev.BackRequested(to="five"))
    settle(rollout)
    assert not rollout.state.held
    assert rollout.state.run.breaches == ()


def test_a_countdown_that_a_driver_takes_over_in_time_simply_goes_on():
    rollout = breached(ASK, STILL)
    rollout.wait(COUNTDOWN / 2)
    rollout.take_over()
    rollout.judge(RECOVERED)
    rollout.after(COUNTDOWN / 2)
    assert rollout.state.status is Status.ROLLED_BACK


# --- hold instead of rollback ---------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [HOLD, IRREVERSIBLE], ids=["on_breach = hold", "irreversible"])
def test_a_breach_holds_and_only_a_person_may_roll_back(plan):
    rollout = breached(plan)
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "breach"
    rollout.judge(PASS)
    rollout.after(timedelta(hours=5))
    assert rollout.state.status is Status.ACTIVE
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "breach"
    for body in (ev.ResumeRequested(), ev.AdvanceRequested(to="thirty")):
        seq = rollout.ask(body)
        rollout.run()
        assert not rollout.answer_to(seq).accepted
    rollout.ask(ev.RollbackRequested())
    rollout.run()
    assert rollout.state.status is Status.ROLLED_BACK


def test_irreversible_says_why_it_holds():
    rollout = breached(IRREVERSIBLE)
    assert "the schema was migrated" in rollout.state.hold_by(HoldKind.AUTOMATIC).reason


def test_a_signal_in_breach_holds_and_never_rolls_back():
    rollout = breached(AUTO, PASS, verdict(State.BREACH, "drift", breach_at=1.0))
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "evidence"
    rollout.judge(PASS, verdict(criterion="drift"))
    rollout.after(timedelta(hours=1))
    assert rollout.state.status is Status.ACTIVE
    assert rollout.state.held, "the breach of a signal is latched as well"


def test_info_in_breach_decides_nothing_and_takes_no_ready_away():
    rollout = ready(AUTO)
    rollout.judge(PASS, verdict(State.BREACH, "cost", breach_at=1.0))
    assert rollout.run() == []
    assert rollout.state.step is Step.READY


# --- a breach while a step is under way ------------------------------------------------------------------------


def in_flight(plan, answer=Answers.LOSES_REQUEST):
    """READY at five, the step to thirty was sent and its outcome is unknown."""
    rollout = ready(plan)
    rollout.server.script.append(answer)
    rollout.advance()
    rollout.run()
    assert rollout.state.step is Step.APPLYING
    return rollout


def test_auto_rolls_back_at_once_while_a_step_is_in_flight():
    rollout = in_flight(AUTO)
    rollout.server.readable = False
    rollout.judge(BREACH)
    rollout.run()
    assert rollout.state.status is Status.ROLLED_BACK
    assert is_off(rollout)


def test_the_countdown_runs_out_while_the_flag_server_cannot_be_read():
    rollout = in_flight(ASK)
    rollout.server.readable = False
    rollout.judge(BREACH)
    rollout.run()
    rollout.ask(ev.ResumeRequested(), "ben")
    rollout.after(COUNTDOWN)
    assert rollout.state.status is Status.ROLLED_BACK


@pytest.mark.parametrize("plan", [ASK, HOLD, IRREVERSIBLE], ids=["ask", "hold", "irreversible"])
def test_a_step_that_has_not_happened_is_not_sent_again_after_a_breach(plan):
    rollout = in_flight(plan)
    rollout.judge(BREACH)
    rollout.after(timedelta(seconds=15))
    assert rollout.server.serves == Cohort(percent=5)
    assert rollout.state.open_intent is None
    assert rollout.state.step is Step.BAKING
    assert len(rollout.of(ev.FlagFailed)) == 1


@pytest.mark.parametrize("plan", [ASK, HOLD, IRREVERSIBLE], ids=["ask", "hold", "irreversible"])
def test_a_step_that_landed_does_not_shake_off_the_breach_of_the_phase_before(plan):
    rollout = in_flight(plan, Answers.LOSES_ANSWER)
    rollout.judge(BREACH)
    rollout.after(timedelta(seconds=15))
    assert rollout.state.step is Step.SETTLING
    rollout.after(timedelta(seconds=16))
    assert rollout.state.step is Step.SETTLING, "no new clock while the breach stands"
    if plan is ASK:
        assert rollout.state.countdown is not None
        rollout.after(COUNTDOWN)
        assert rollout.state.status is Status.ROLLED_BACK
    else:
        assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "breach"
        rollout.ask(ev.BackRequested(to="five"))
        settle(rollout)
        assert rollout.server.serves == Cohort(percent=5)


def test_a_step_that_failed_after_a_breach_does_not_come_back_to_ready():
    rollout = in_flight(HOLD)
    rollout.judge(BREACH)
    rollout.server.somebody(rollout.server.other)
    rollout.after(timedelta(seconds=15))
    assert rollout.of(ev.FlagReconciled)[0].body.found == "foreign"
    assert rollout.state.step is Step.BAKING


def test_a_breach_between_the_decision_and_the_step_withdraws_the_step():
    rollout = ready()
    rollout.advance()
    decided = rollout.step()
    assert decided.accepted
    rollout.judge(BREACH)
    rollout.run()
    assert rollout.server.serves == Cohort(percent=5)
    assert rollout.state.accepted is None
    assert rollout.state.countdown is not None
    withdrawn = [body for body in rollout.decisions() if body.request == 0 and not body.accepted]
    assert [body.action for body in withdrawn] == [Action.ADVANCE]


def test_a_breach_between_the_decision_to_finish_and_the_end_withdraws_it():
    rollout = ready(a_plan(a_phase("all", 100)))
    rollout.advance()
    assert rollout.step().accepted
    rollout.judge(BREACH)
    rollout.run()
    assert rollout.state.status is Status.ACTIVE
    assert rollout.state.countdown is not None


def test_a_hold_is_heard_while_a_step_is_in_flight_and_stops_it_from_being_sent_again():
    rollout = in_flight(ASK)
    rollout.ask(ev.HoldRequested(why="stop"), "ben")
    rollout.run()
    assert rollout.state.hold_by(HoldKind.PERSON).actor == "ben"
    rollout.after(timedelta(seconds=15))
    assert rollout.server.serves == Cohort(percent=5)
    assert "ben holds it" in rollout.of(ev.FlagFailed)[0].body.why


def test_stepping_back_during_the_countdown_lowers_exposure_and_ends_it():
    rollout = ready()
    rollout.advance()
    settle(rollout)
    rollout.judge(BREACH)
    rollout.run()
    rollout.ask(ev.BackRequested(to="five"), "ben")
    rollout.run()
    assert rollout.state.countdown is None
    assert rollout.server.serves == Cohort(percent=5)
    assert rollout.of(ev.FlagIntent)[-1].body.purpose is Purpose.BACK


def test_a_step_back_that_is_refused_by_the_flag_server_arms_the_countdown_again():
    rollout = breached()
    rollout.server.script.append(Answers.REJECTS)
    rollout.ask(ev.BackRequested(to="five"))
    rollout.run()
    assert rollout.state.countdown is not None


def test_a_latched_breach_speaks_against_every_step_forward():
    rollout = breached()
    against = [reason for reason in conditions(rollout.plan, rollout.state, rollout.facts, "ana") if not reason.ok]
    assert "BREACH of errors" in against[0].text
