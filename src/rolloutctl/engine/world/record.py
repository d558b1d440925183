"""A rollout as the engine holds it: the sealed plan, the fold, the lease if it is ours, what was observed.

Owned by the engine's loop; nothing else touches it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from rolloutctl.engine.evidence.kept import Kept
from rolloutctl.engine.world.observations import Observations
from rolloutctl.engine.world.way_back import WayBack
from rolloutctl.model.events import DecisionMade, Event
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import Kind
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.model import Plan
from rolloutctl.policy.rollback import watched_until
from rolloutctl.ports import Lease


@dataclass(slots=True)
class RolloutRecord:
    plan: Plan
    state: RolloutState
    stream: str
    observed: Observations = field(default_factory=Observations)
    kept: Kept = field(default_factory=Kept)
    """What is known of the checkpoints of the present phase attempt."""
    held: Lease | None = None
    """Our lease; None: this process may not cause effects."""
    driving_since: datetime | None = None
    lease_seen: Lease | None = None
    """Whoever holds it, when last looked."""
    unattended_since: datetime | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    rollback_asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a rollback request arrives: an effect in flight is not waited for."""
    answers: dict[int, DecisionMade] = field(default_factory=dict)
    """Decisions by the request they answer, since this process watches."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Replaced after every change; whoever waits for an answer waits on the present one."""
    way_back: WayBack | None = None
    """The sealed runbook and its rehearsals; None: the plan names none."""
    checked: dict[int, str] = field(default_factory=dict)
    """Why the signature on a request does not verify, by its seq; empty: it does."""
    proposed: dict[int, Plan | str] = field(default_factory=dict)
    """The plan that an amendment asks for, by the request's seq, or why it cannot be read."""
    trouble: str = ""
    """Why the driver cannot go on just now."""

    @property
    def id(self) -> str:
        return self.state.id

    def watched(self, now: datetime) -> bool:
        """It was rolled back, and exposure is still watched."""
        until = watched_until(self.plan, self.state)
        return until is not None and now <= until

    def absorb(self, events: Iterable[Event], plan: Plan | None = None) -> bool:
        """Fold events that are new to us, in order; tells whether there were any. `plan`: in force since an amendment in them."""
        fresh = [event for event in events if event.seq > self.state.seq]
        if not fresh:
            return False
        folded = fold(fresh, self.state)
        if folded is not None:
            self.state = folded
        if plan is not None and any(event.kind is Kind.PLAN_AMENDED for event in fresh):
            # What was judged or planned by the plan before says nothing about this one.
            self.plan = plan
            self.observed = replace(self.observed, judgement=None, next_requests=(), next_problem="")
        if any(event.kind is Kind.ROLLBACK_REQUESTED for event in fresh):
            self.rollback_asked.set()
        for event in fresh:
            if isinstance(event.body, DecisionMade) and event.body.request:
                self.answers[event.body.request] = event.body
        self.wake.set()
        self.changed.set()
        self.changed = asyncio.Event()
        return True
