"""Plans out of the journal: the one that an amendment proposes, and the one that is in force since the newest of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from rolloutctl.errors import JournalCorrupt, RolloutctlError
from rolloutctl.model.events import AmendRequested, Event, PlanAmended, RollbackRequested

if TYPE_CHECKING:  # turning a flag off commits events, and loads no plan
    from rolloutctl.engine.world.record import RolloutRecord
    from rolloutctl.engine.world.world import World
    from rolloutctl.plan.model import Plan
    from rolloutctl.ports import Journal

# ruff: noqa: PLC0415 - see above


def plan_in(journal: Journal, body: AmendRequested | PlanAmended) -> Plan:
    """Raises JournalCorrupt where the blob is missing, no plan, or not the plan that the digest says."""
    from rolloutctl.plan.canonical import plan_digest
    from rolloutctl.plan.read import read_plan

    text = journal.get_blob(body.plan_blob).decode(errors="replace")
    plan = read_plan(text, "amended plan")
    if plan_digest(plan) != body.plan_digest:
        raise JournalCorrupt("the text of the amended plan is not the plan that its digest names.")
    return plan


def newest_plan(journal: Journal, events: Iterable[Event]) -> Plan | None:
    """The plan in force after `events`, where they amend it; else None. Raises RolloutctlError."""
    amended = [event.body for event in events if isinstance(event.body, PlanAmended)]
    return plan_in(journal, amended[-1]) if amended else None


async def read_proposed(world: World, rollout: RolloutRecord) -> None:
    """Read the plan of every pending amendment, once; not while a rollback is asked for, which waits for nothing."""
    if any(isinstance(request.body, RollbackRequested) for request in rollout.state.requests):
        return
    for request in rollout.state.requests:
        if isinstance(request.body, AmendRequested) and request.seq not in rollout.proposed:
            rollout.proposed[request.seq] = await world.journal.call(partial(_read, body=request.body))


def _read(journal: Journal, body: AmendRequested) -> Plan | str:
    try:
        return plan_in(journal, body)
    except RolloutctlError as error:
        return f"the plan cannot be read: {error}"
