"""Writing to a rollout as its driver: the event is durable and folded before anything follows from it."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.engine.record import RolloutRecord
from rolloutctl.engine.world import World
from rolloutctl.model.events import Body, Event
from rolloutctl.ports import Journal, Lease


async def commit(world: World, rollout: RolloutRecord, lease: Lease, body: Body) -> Event:
    """Append fenced by the lease's epoch, then fold it and whatever others wrote before it. Raises LeaseLost."""
    after = rollout.state.seq

    def write(journal: Journal) -> tuple[Event, Sequence[Event]]:
        event = journal.append_held(lease, body, world.author)
        return event, journal.read(rollout.stream, after)

    event, events = await world.journal.call(write)
    rollout.absorb(events)
    return event


async def request(world: World, rollout: RolloutRecord, body: Body) -> Event:
    """Append a request or a fact that needs no lease, and fold it."""
    after = rollout.state.seq

    def write(journal: Journal) -> tuple[Event, Sequence[Event]]:
        event = journal.append(rollout.stream, body, world.author)
        return event, journal.read(rollout.stream, after)

    event, events = await world.journal.call(write)
    rollout.absorb(events)
    return event
