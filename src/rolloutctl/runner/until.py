"""Looking again and again until something has held for a while, or the time is over: checks and alerts alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from rolloutctl.runner.tools import Tools
from rolloutctl.units import show_clock


@dataclass(frozen=True, slots=True)
class Sight:
    """One look."""

    holds: bool
    why: str
    evidence: Mapping[str, str] = field(default_factory=dict)


async def until_it_holds(
    look: Callable[[], Awaitable[Sight]], step: str, hold: timedelta, every: timedelta, within: timedelta, tools: Tools
) -> Sight | None:
    """The look that made it pass, or the last one; None: this process has to leave before it is decided."""
    began = tools.clock.monotonic()
    ends, held_since = began + within.total_seconds(), None
    while True:
        asked_at = tools.clock.monotonic()
        sight = await look()
        now = tools.clock.monotonic()
        held_since = (held_since if held_since is not None else asked_at) if sight.holds else None
        held_s = now - held_since if held_since is not None else 0.0
        if sight.holds and held_s >= hold.total_seconds():
            return sight
        if now >= ends:
            return Sight(False, sight.why, sight.evidence)
        holding = f", holds for {show_clock(held_s)} of {show_clock(hold.total_seconds())}" if sight.holds else ""
        tools.watcher.note(step, f"{sight.why}{holding}; {show_clock(ends - now)} left")
        rest_s = hold.total_seconds() - held_s if sight.holds else every.total_seconds()
        if not await tools.pause(min(every.total_seconds(), max(rest_s, 0.01), max(ends - now, 0.01))):
            return None
