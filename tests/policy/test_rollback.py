"""Rolling back from anywhere until the flag server and the clients say so, and watching afterwards (`states.md`)."""

from datetime import timedelta
from itertools import pairwise

import pytest

from policy.flag_server import Answers, FlagServer, state_of
from policy.harness import SETTLE, run_through
from policy.plans import BREACH, a_config, a_phase, a_plan, baking, last_ready, ready, rolled_back, settle, started
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import OFF, Cohort
from rolloutctl.model.kinds import Purpose
from rolloutctl.model.state import Status, Step

SECOND = timedelta(seconds=1)


def ask(rollout, actor="ben", why="errors"):
    seq = rollout.ask(ev.RollbackRequested(why=why), actor)
    run_through(rollout)
    return seq


def waiting_for_a_gate():
    return ready(a_plan(a_phase("five", 5, advance="auto"), a_phase("all", 100, approvals=1)))


def settling():
    rollout = started()
    rollout.advance()
    rollout.run()
    assert rollout.state.step is Step.SETTLING
    return rollout


def counting_down():
    rollout = baking()
    rollout.judge(BREACH)
    rollout.run()
    return rollout


def held():
    rollout = baking()
    rollout.ask(ev.HoldRequested())
    rollout.run()
    return rollout


def in_flight(answer):
    def begin():
        rollout = ready()
        rollout.server.script.append(answer)
        rollout.advance()
        rollout.run()
        return rollout

    return begin


BEGINNINGS = {
    "sealed": started,
    "settling": settling,
    "baking": baking,
    "ready": ready,
    "waiting": waiting_for_a_gate,
    "last": last_ready,
    "stabilising": lambda: baking(a_plan(a_phase("all", 100, stabilise=True))),
    "countdown": counting_down,
    "held": held,
    "in flight, request lost": in_flight(Answers.LOSES_REQUEST),
    "in flight, answer lost": in_flight(Answers.LOSES_ANSWER),
}


@pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)
def test_rollback_from_everywhere(begin):
    rollout = begin()
    seq = ask(rollout)
    assert rollout.answer_to(seq).accepted
    assert rollout.state.status is Status.ROLLED_BACK
    assert rollout.server.serves == OFF
    assert (rollout.state.rollback_by, rollout.state.countdown, rollout.state.holds) == ("ben", None, ())


@pytest.mark.parametrize("crash", [Answers.CRASH_BEFORE, Answers.CRASH_AFTER])
@pytest.mark.parametrize("begin", [baking, in_flight(Answers.LOSES_REQUEST)], ids=["baking", "in flight"])
def test_a_driver_that_dies_while_it_rolls_back_is_finished_by_the_next(begin, crash):
    rollout = begin()
    rollout.server.script.append(crash)
    ask(rollout)
    assert rollout.state.status is Status.ROLLED_BACK
    assert rollout.server.serves == OFF


def test_rollback_overtakes_every_other_request_and_those_are_refused():
    rollout = ready()
    others = [rollout.advance(), rollout.ask(ev.HoldRequested()), rollout.ask(ev.BackRequested(to="five"))]
    ask(rollout)
    assert [rollout.answer_to(seq).accepted for seq in others] == [False] * 3
    assert rollout.server.serves == OFF


def test_rollback_needs_no_reading_of_the_flag():
    rollout = baking()
    rollout.server.readable = False
    rollout.read_flag()
    ask(rollout)
    assert rollout.state.status is Status.ROLLED_BACK


def failing(answer, count, plan=None):
    rollout = baking(plan)
    rollout.server.script.extend([answer] * count)
    seq = ask(rollout)
    assert rollout.answer_to(seq).accepted
    assert rollout.state.status is Status.ROLLING_BACK
    return rollout


@pytest.mark.parametrize("answer", [Answers.REJECTS, Answers.UNAVAILABLE, Answers.RATE_LIMITED, Answers.CONFLICT])
def test_a_rollback_that_fails_is_tried_again_with_pauses(answer):
    rollout = failing(answer, 2)
    assert len(rollout.of(ev.FlagIntent)) == 2
    assert rollout.after(SECOND / 2) == []
    rollout.after(SECOND / 2)
    assert len(rollout.of(ev.FlagIntent)) == 3
    rollout.after(SECOND)
    assert len(rollout.of(ev.FlagIntent)) == 3, "the second pause is longer"
    rollout.after(SECOND)
    assert rollout.state.status is Status.ROLLED_BACK


def test_after_three_tries_a_person_must_look_and_the_tries_go_on():
    rollout = failing(Answers.REJECTS, 6)
    for _ in range(5):
        rollout.after(SECOND)
    assert rollout.state.status is Status.ROLLBACK_UNKNOWN
    assert "422" in rollout.state.ended_why
    for _ in range(60):
        rollout.after(SECOND)
    assert rollout.state.status is Status.ROLLED_BACK
    assert rollout.server.serves == OFF
    assert [event.body.status for event in rollout.of(ev.RolloutEnded)] == ["ROLLBACK_UNKNOWN", "ROLLED_BACK"]


def test_pauses_never_grow_beyond_half_a_minute():
    rollout = failing(Answers.REJECTS, 40)
    rollout.after(timedelta(minutes=1))
    for _ in range(30):
        rollout.after(timedelta(seconds=30))
    tried = [event.at for event in rollout.of(ev.FlagRejected)]
    assert max(late - early for early, late in pairwise(tried)) <= timedelta(seconds=60)
    assert len(tried) > 25


@pytest.mark.parametrize("answer", [Answers.LOSES_REQUEST, Answers.LOSES_ANSWER])
def test_an_unknown_rollback_is_read_back_and_sent_again_under_its_own_key(answer):
    rollout = failing(answer, 1)
    rollout.after(SECOND)
    assert rollout.state.status is Status.ROLLED_BACK
    assert rollout.server.serves == OFF
    assert len([event for event in rollout.of(ev.FlagIntent) if event.body.purpose is Purpose.ROLLBACK]) == 1


def test_a_rollback_that_can_neither_write_nor_read_says_so_and_goes_on():
    rollout = baking()
    rollout.server.readable = False
    rollout.server.script.extend([Answers.LOSES_REQUEST] * 3)
    ask(rollout)
    for _ in range(12):
        rollout.after(SECOND)
    assert rollout.state.status is Status.ROLLBACK_UNKNOWN
    rollout.server.readable = True
    rollout.server.script.clear()
    for _ in range(60):
        rollout.after(SECOND)
    assert rollout.state.status is Status.ROLLED_BACK
    assert rollout.server.serves == OFF


def test_it_is_rolled_back_only_when_clients_follow():
    rollout = baking()
    rollout.clients_follow = False
    ask(rollout)
    assert rollout.state.rollback_settled
    rollout.after(timedelta(seconds=30))
    assert rollout.state.status is Status.ROLLING_BACK
    rollout.clients_follow = True
    rollout.after(timedelta(seconds=2))
    assert rollout.state.status is Status.ROLLED_BACK


def test_clients_that_never_follow_need_a_person_and_are_looked_at_all_the_same():
    rollout = baking()
    rollout.clients_follow = False
    ask(rollout)
    for _ in range(60):
        rollout.after(timedelta(seconds=2))
    assert rollout.state.status is Status.ROLLBACK_UNKNOWN
    assert "clients do not follow" in rollout.state.ended_why
    assert len(rollout.of(ev.RolloutEnded)) == 1
    rollout.clients_follow = True
    rollout.after(timedelta(seconds=2))
    assert rollout.state.status is Status.ROLLED_BACK


def test_exposure_that_comes_back_before_it_is_verified_is_turned_off_again():
    """A write of before the rollback may land after it."""
    rollout = in_flight(Answers.LANDS_LATE)()
    rollout.clients_follow = False
    ask(rollout)
    rollout.server.land()
    assert rollout.server.serves == Cohort(percent=30)
    rollout.wait(SECOND)
    rollout.read_flag()
    rollout.run()
    assert rollout.server.serves == OFF
    assert [event.body.actual for event in rollout.of(ev.FlagDrifted)] == ["30 %"]
    rollout.clients_follow = True
    rollout.after(timedelta(seconds=2))
    assert rollout.state.status is Status.ROLLED_BACK


# --- joining, and a person who looks --------------------------------------------------------------------------


def test_a_second_request_joins_and_the_first_stays_the_reason():
    rollout = failing(Answers.REJECTS, 1)
    seq = ask(rollout, "cleo", "me too")
    assert rollout.answer_to(seq).accepted
    assert "joins" in rollout.answer_to(seq).reasons[0]
    assert (rollout.state.rollback_by, rollout.state.rollback_why) == ("ben", "ben asked: errors")
    assert len(rollout.of(ev.FlagIntent)) == 2
    rollout.after(SECOND)
    assert rollout.state.status is Status.ROLLED_BACK


def unknown(plan=None):
    rollout = failing(Answers.REJECTS, 30, plan)
    for _ in range(5):
        rollout.after(SECOND)
    assert rollout.state.status is Status.ROLLBACK_UNKNOWN
    return rollout


def test_joining_an_unknown_rollback_does_not_hide_that_it_is_unknown():
    rollout = unknown()
    ask(rollout, "cleo")
    assert rollout.state.status is Status.ROLLBACK_UNKNOWN
    assert len(rollout.of(ev.RolloutEnded)) == 1


@pytest.mark.parametrize(
    "body", [ev.AdvanceRequested(to="thirty"), ev.HoldRequested(), ev.ResumeRequested(), ev.AbortRequested(why="x")]
)
def test_an_unknown_rollback_offers_nothing_else(body):
    rollout = unknown()
    seq = rollout.ask(body)
    rollout.run()
    assert not rollout.answer_to(seq).accepted
    assert rollout.state.status is Status.ROLLBACK_UNKNOWN


def test_a_person_has_checked():
    rollout = unknown()
    rollout.server.somebody(state_of(False, OFF))
    seq = rollout.ask(ev.RollbackChecked(why="it is off, I looked in Unleash"), "ben")
    rollout.run()
    assert rollout.answer_to(seq).accepted
    assert rollout.state.status is Status.ROLLED_BACK
    assert rollout.state.ended_why == "ben has checked: it is off, I looked in Unleash"


def test_a_viewer_has_not_checked_anything():
    rollout = unknown()
    rollout.config = a_config(ana="operator", eve="viewer")
    seq = rollout.ask(ev.RollbackChecked(why="x"), "eve")
    rollout.run()
    assert not rollout.answer_to(seq).accepted
    assert rollout.state.status is Status.ROLLBACK_UNKNOWN


def test_nothing_is_to_be_checked_while_it_rolls_back():
    rollout = failing(Answers.REJECTS, 1)
    seq = rollout.ask(ev.RollbackChecked(why="x"))
    rollout.run()
    assert not rollout.answer_to(seq).accepted


def test_a_person_who_was_wrong_is_put_right_by_the_watch_afterwards():
    rollout = unknown()
    rollout.server.script.clear()
    rollout.ask(ev.RollbackChecked(why="looks fine"))
    rollout.run()
    assert rollout.server.serves == Cohort(percent=5)
    rollout.wait(timedelta(seconds=30))
    rollout.read_flag()
    rollout.run()
    assert rollout.server.serves == OFF


# --- the snapshot ---------------------------------------------------------------------------------------------


def adopted(cohort, to="snapshot"):
    server = FlagServer(state=state_of(True, cohort, note="as it was"))
    return baking(a_plan(rollback={"to": to}), server=server)


def test_to_snapshot_restores_the_state_read_before_the_start():
    rollout = adopted(Cohort(percent=2))
    snapshot = rollout.state.snapshot
    assert rollout.server.state.native != snapshot.native
    ask(rollout)
    assert rollout.state.status is Status.ROLLED_BACK
    assert rollout.server.state.native == snapshot.native
    rollout.read_flag()
    assert rollout.after(SECOND) == [], "the snapshot is no drift"


def test_to_off_turns_off_what_was_adopted():
    rollout = adopted(Cohort(percent=2), to="off")
    ask(rollout)
    assert rollout.server.serves == OFF
    rollout.server.somebody(rollout.state.snapshot)
    rollout.read_flag()
    rollout.run()
    assert rollout.server.serves == OFF


# --- watching afterwards --------------------------------------------------------------------------------------


TWENTY = Cohort(percent=20)


def exposed(rollout, cohort=TWENTY):
    rollout.server.somebody(state_of(True, cohort))
    rollout.read_flag()
    return rollout.run()


def test_exposure_found_afterwards_is_turned_off_again_and_journalled_as_drift():
    rollout = rolled_back()
    rollout.wait(timedelta(minutes=9))
    exposed(rollout)
    assert rollout.server.serves == OFF
    assert [event.body.actual for event in rollout.of(ev.FlagDrifted)] == ["20 %"]
    assert rollout.of(ev.FlagIntent)[-1].body.purpose is Purpose.RESTORE_OFF
    assert rollout.state.status is Status.ROLLED_BACK
    exposed(rollout)
    assert len(rollout.of(ev.FlagDrifted)) == 2, "every time"
    assert rollout.server.serves == OFF


def test_not_after_the_window():
    rollout = rolled_back()
    rollout.wait(timedelta(minutes=10, seconds=1))
    assert exposed(rollout) == []
    assert rollout.server.serves == Cohort(percent=20)


def test_the_window_is_declared():
    rollout = rolled_back(a_plan(rollback={"watch_after": "1h"}))
    rollout.wait(timedelta(minutes=59))
    exposed(rollout)
    assert rollout.server.serves == OFF


@pytest.mark.parametrize("cohort", [Cohort(audiences=("employees",)), None], ids=["an audience", "foreign rules"])
def test_exposure_of_any_kind_is_above_off(cohort):
    rollout = rolled_back()
    exposed(rollout, cohort)
    assert rollout.server.serves == OFF


def test_a_flag_that_was_edited_and_stays_off_is_left_alone():
    rollout = rolled_back()
    rollout.server.somebody(state_of(False, Cohort(percent=50), note="prepared for next week"))
    rollout.read_flag()
    assert rollout.run() == []


@pytest.mark.parametrize("answer", [Answers.REJECTS, Answers.LOSES_REQUEST, Answers.LOSES_ANSWER, Answers.UNAVAILABLE])
def test_turning_it_off_again_is_tried_again_too(answer):
    rollout = rolled_back()
    rollout.server.script.append(answer)
    exposed(rollout)
    for _ in range(20):
        rollout.wait(SECOND)
        rollout.read_flag()
        rollout.run()
    assert rollout.server.serves == OFF
    assert rollout.state.open_intent is None
    assert rollout.state.status is Status.ROLLED_BACK


def test_what_is_asked_after_a_rollback_changes_nothing():
    rollout = rolled_back()
    for body in (ev.AdvanceRequested(to="thirty"), ev.BackRequested(to="five"), ev.ResumeRequested(), ev.HoldRequested()):
        rollout.ask(body)
    assert rollout.run() == []
    assert rollout.state.status is Status.ROLLED_BACK


def test_a_rollback_after_a_second_attempt_names_its_own_reason():
    rollout = ready()
    rollout.ask(ev.BackRequested(to="five"))
    settle(rollout)
    ask(rollout, "cleo", "cost")
    assert rollout.state.rollback_why == "cleo asked: cost"
    assert rollout.now - rollout.state.rollback_at < SETTLE
