"""Writing to a rollout as its driver: the event is durable and folded before anything follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.model.events import Action, Body, DecisionMade, Event, FlagIntent, Purpose, RollbackRequested
from rolloutctl.ports import Journal, Lease

AT_ONCE_S = 0.25
"""How long a rollback waits for another writer of the journal; without a journal it goes on all the same."""


async def commit(world: World, rollout: RolloutRecord, lease: Lease, body: Body) -> Event:
    """Append fenced by the lease's epoch, then fold it and whatever others wrote before it. Raises LeaseLost."""
    after = rollout.state.seq

    def write(journal: Journal) -> tuple[Event, Sequence[Event]]:
        with _patience(journal, body):
            event = journal.append_held(lease, body, world.author)
        return event, journal.read(rollout.stream, after)

    event, events = await world.journal.call(write)
    rollout.absorb(events)
    return event


async def request(world: World, rollout: RolloutRecord, body: Body) -> Event:
    """Append a request or a fact that needs no lease, and fold it."""
    after = rollout.state.seq

    def write(journal: Journal) -> tuple[Event, Sequence[Event]]:
        with _patience(journal, body):
            event = journal.append(rollout.stream, body, world.author)
        return event, journal.read(rollout.stream, after)

    event, events = await world.journal.call(write)
    rollout.absorb(events)
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
