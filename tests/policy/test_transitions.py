"""One walk for every transition of a rollout and of a phase (`states.md`), named after it."""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise

import pytest

from policy.flag_server import Answers, state_of
from policy.harness import Rollout
from policy.plans import BAKE, BREACH, a_config, a_phase, a_plan, baking, last_ready, ready, settle, started
from policy.transitions import STATUS, STEP
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import OFF
from rolloutctl.model.fold import fold
from rolloutctl.model.state import Status, Step

A_MINUTE = timedelta(minutes=1)


def stabilising() -> Rollout:
    return last_ready(a_plan(a_phase("five", 5), a_phase("all", 100, stabilise=True)))


def single() -> Rollout:
    return last_ready(a_plan(a_phase("all", 100)))


def applying() -> Rollout:
    """The answer to the change of the flag is on its way."""
    rollout = ready()
    rollout.server.script.append(Answers.LANDS_LATE)
    rollout.advance()
    rollout.run()
    return rollout


def settling() -> Rollout:
    rollout = ready()
    rollout.advance()
    rollout.run()
    return rollout


def rolling_back(rollout: Rollout) -> Rollout:
    """Asked for; the first try at turning it off fails."""
    rollout.server.script.append(Answers.REJECTS)
    return asked(rollout, ev.RollbackRequested(why="errors"))


def rollback_unknown() -> Rollout:
    rollout = baking()
    rollout.server.script.extend([Answers.REJECTS] * 30)
    asked(rollout, ev.RollbackRequested(why="errors"))
    for _ in range(6):
        rollout.after(A_MINUTE)
    return rollout


def asked(rollout: Rollout, body: ev.Body) -> Rollout:
    seq = rollout.ask(body, "ben")
    rollout.run()
    assert rollout.answer_to(seq).accepted
    return rollout


def advanced(rollout: Rollout) -> Rollout:
    rollout.advance()
    rollout.run()
    return rollout


def aborted(rollout: Rollout) -> Rollout:
    return asked(rollout, ev.AbortRequested(why="enough"))


def checked(rollout: Rollout) -> Rollout:
    rollout.server.somebody(state_of(False, OFF))
    return asked(rollout, ev.RollbackChecked(why="it is off"))


def in_time(rollout: Rollout, span: timedelta = A_MINUTE) -> Rollout:
    rollout.after(span)
    return rollout


def in_breach(rollout: Rollout) -> Rollout:
    rollout.judge(BREACH)
    return rollout


def to_the_next(rollout: Rollout) -> Rollout:
    advanced(rollout)
    return settle(rollout)


def repeatedly(rollout: Rollout, times: int) -> Rollout:
    for _ in range(times):
        rollout.after(A_MINUTE)
    return rollout


def failing_for_good(rollout: Rollout) -> Rollout:
    rollout.server.script.extend([Answers.REJECTS] * 30)
    return asked(rollout, ev.RollbackRequested(why="errors"))


def unanswered(rollout: Rollout) -> Rollout:
    rollout.server.script.append(Answers.LANDS_LATE)
    return advanced(rollout)


def landed(rollout: Rollout) -> Rollout:
    rollout.server.land()
    return in_time(rollout)


def lost(rollout: Rollout, body: ev.Body | None = None) -> Rollout:
    """Asked, sent, and no answer came: nothing has changed at the server."""
    rollout.server.script.extend([Answers.LOSES_REQUEST] * 9)
    return advanced(rollout) if body is None else asked(rollout, body)


def given_up(rollout: Rollout) -> Rollout:
    return repeatedly(rollout, 6)


def before_the_bake_is_over() -> Rollout:
    plan = a_plan(a_phase("five", 5, advance="auto"), a_phase("thirty", 30, approvals=1))
    return baking(plan, config=a_config(ana="approver", ben="approver"))


Walk = tuple[Callable[[], Rollout], Callable[[Rollout], Rollout]]
"""How to get to where it begins, and what happens then."""

STATUS_WALKS: dict[tuple[Status, Status], Walk] = {
    (Status.SEALED, Status.ACTIVE): (started, advanced),
    (Status.SEALED, Status.ABORTED): (started, aborted),
    (Status.SEALED, Status.ROLLING_BACK): (started, rolling_back),
    (Status.ACTIVE, Status.STABILISING): (
        lambda: ready(a_plan(a_phase("five", 5), a_phase("all", 100, stabilise=True))),
        to_the_next,
    ),
    (Status.ACTIVE, Status.DONE): (single, advanced),
    (Status.ACTIVE, Status.ROLLING_BACK): (baking, rolling_back),
    (Status.ACTIVE, Status.ABORTED): (baking, aborted),
    (Status.STABILISING, Status.ACTIVE): (stabilising, lambda rollout: asked(rollout, ev.BackRequested(to="five"))),
    (Status.STABILISING, Status.DONE): (stabilising, advanced),
    (Status.STABILISING, Status.ROLLING_BACK): (stabilising, rolling_back),
    (Status.STABILISING, Status.ABORTED): (stabilising, aborted),
    (Status.ROLLING_BACK, Status.ROLLED_BACK): (lambda: rolling_back(baking()), in_time),
    (Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN): (
        lambda: failing_for_good(baking()),
        lambda rollout: repeatedly(rollout, 6),
    ),
    (Status.ROLLBACK_UNKNOWN, Status.ROLLED_BACK): (rollback_unknown, checked),
    (Status.DONE, Status.ROLLING_BACK): (lambda: advanced(single()), rolling_back),
    (Status.ABORTED, Status.ROLLING_BACK): (lambda: aborted(baking()), rolling_back),
}

STEP_WALKS: dict[tuple[Step, Step], Walk] = {
    (Step.WAITING, Step.APPLYING): (started, unanswered),
    (Step.APPLYING, Step.SETTLING): (applying, landed),
    (Step.APPLYING, Step.WAITING): (lambda: lost(started()), given_up),
    (Step.APPLYING, Step.BAKING): (
        lambda: lost(to_the_next(ready()), ev.BackRequested(to="five")),
        given_up,
    ),
    (Step.APPLYING, Step.READY): (lambda: lost(ready()), given_up),
    (Step.SETTLING, Step.BAKING): (settling, in_time),
    (Step.SETTLING, Step.APPLYING): (settling, lambda rollout: lost(rollout, ev.BackRequested(to="five"))),
    (Step.BAKING, Step.READY): (baking, lambda rollout: in_time(rollout, BAKE)),
    (Step.BAKING, Step.APPLYING): (baking, lambda rollout: lost(rollout, ev.BackRequested(to="five"))),
    (Step.READY, Step.WAITING): (before_the_bake_is_over, lambda rollout: in_time(rollout, BAKE)),
    (Step.READY, Step.APPLYING): (ready, lost),
    (Step.READY, Step.BAKING): (ready, in_breach),
}


def moves(rollout: Rollout) -> list[tuple[Status, Step]]:
    """Where it was after every event, once each in a row."""
    seen: list[tuple[Status, Step]] = []
    state = None
    for event in rollout.events:
        state = fold([event], state)
        if not seen or seen[-1] != (state.status, state.step):
            seen.append((state.status, state.step))
    return seen


def pairs(seen: list[StrEnum]) -> list[tuple[StrEnum, StrEnum]]:
    return list(pairwise(seen))


def named(move: tuple[str, str]) -> str:
    return f"{move[0]}-to-{move[1]}"


@pytest.mark.parametrize("move", sorted(STATUS), ids=named)
def test_status(move):
    begin, happens = STATUS_WALKS[move]
    rollout = begin()
    assert rollout.state.status is move[0]
    before = len(moves(rollout))
    happens(rollout)
    assert move in pairs([status for status, _ in moves(rollout)][before - 1 :])


@pytest.mark.parametrize("move", sorted(STEP), ids=named)
def test_step(move):
    begin, happens = STEP_WALKS[move]
    rollout = begin()
    before = len(moves(rollout))
    happens(rollout)
    assert move in pairs([step for _, step in moves(rollout)][before - 1 :])


def test_every_transition_has_its_walk():
    assert set(STATUS_WALKS) == STATUS
    assert set(STEP_WALKS) == STEP
