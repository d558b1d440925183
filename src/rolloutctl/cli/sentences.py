"""Rollouts as one line each, for people. Pure; whoever prints cleans foreign text."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from rolloutctl.engine.cards.making import card_of
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import rollout_of
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.model import Plan
from rolloutctl.telling import sentence


def zone_of(name: str | None) -> tzinfo | None:
    """The zone of the config; None: the system's."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def stamp(at: datetime, zone: tzinfo | None) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def event_line(event: Event, zone: tzinfo | None) -> str:
    """`2026-01-05 11:00:00 CET  checkout#1  phase five: BAKING, attempt 1`."""
    return f"{stamp(event.at, zone)}  {rollout_of(event.stream)}  {sentence(event)}"


def condition(plan: Plan, state: RolloutState, now: datetime) -> str:
    """What it is doing, in a few words."""
    return card_of(plan, state).condition(now)
