"""Writing to a rollout as its driver: the event is durable and folded before anything follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from rolloutctl.engine.world.amended import newest_plan
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.model.events import Body, DecisionMade, Event, FlagIntent, RollbackRequested
from rolloutctl.model.kinds import Action, Purpose
from rolloutctl.ports import Journal, Lease

if TYPE_CHECKING:  # turning a flag off needs no plan
    from rolloutctl.plan.model import Plan

AT_ONCE_S = 0.25
"""How long a rollback waits for another writer of the journal; without a journal it goes on all the same."""


async def commit(world: World, rollout: RolloutRecord, lease: Lease, body: Body, contents: Sequence[bytes] = ()) -> Event:
    """Append fenced by the lease's epoch, then fold it and whatever others wrote before it. Raises LeaseLost.

    `contents` are blobs that the body names.
    """
    after = rollout.state.seq

    def write(journal: Journal) -> tuple[Event, Sequence[Event], Plan | None]:
        with _patience(journal, body):
            event = journal.append_held(lease, body, world.author, contents)
        events = journal.read(rollout.stream, after)
        return event, events, newest_plan(journal, events)

    event, events, plan = await world.journal.call(write)
    rollout.absorb(events, plan)
    return event


async def request(world: World, rollout: RolloutRecord, body: Body) -> Event:
    """Append a request or a fact that needs no lease, and fold it."""
    after = rollout.state.seq

    def write(journal: Journal) -> tuple[Event, Sequence[Event], Plan | None]:
        with _patience(journal, body):
            event = journal.append(rollout.stream, body, world.author)
        events = journal.read(rollout.stream, after)
        return event, events, newest_plan(journal, events)

    event, events, plan = await world.journal.call(write)
    rollout.absorb(events, plan)
    return event


def _patience(journal: Journal, body: Body) -> AbstractContextManager[object]:
    """Short for whatever leads to turning the flag off, and the journal's own else."""
    match body:
        case RollbackRequested() | FlagIntent(purpose=Purpose.ROLLBACK | Purpose.RESTORE_OFF):
            return journal.patience(AT_ONCE_S)
        case DecisionMade(action=Action.ROLLBACK, accepted=True):
            return journal.patience(AT_ONCE_S)
        case _:
            return nullcontext()
