"""Backtests of one phase at many times: slid over weeks that were quiet, and over incidents that are known.

A quiet stretch asks whether the plan is calm: a breach in it is a false alarm. An incident asks whether it would have been
caught, and how fast. Each is judged exactly as a backtest of it alone.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median_low

from rolloutctl.engine.once.backtesting import Backtest, backtest
from rolloutctl.engine.once.history import History
from rolloutctl.engine.world.world import World
from rolloutctl.errors import InvalidInput
from rolloutctl.judge.needs import needs
from rolloutctl.plan.model import Plan
from rolloutctl.units import show_duration

MOST = 5000
"""Stretches of one backtest."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when the phase would have run."""

    start: datetime
    end: datetime
    incident: bool = False


@dataclass(frozen=True, slots=True)
class Slid:
    stretch: Stretch
    found: Backtest

    @property
    def caught(self) -> bool:
        """There was a breach."""
        return self.found.first_breach is not None


@dataclass(frozen=True, slots=True)
class Summary:
    """Of whatever was judged so far."""

    quiet: int
    breaches: int
    """Quiet stretches with a breach: false alarms."""
    ready: int
    holds: int
    """Quiet stretches with a hold, of one host or for want of evidence."""
    ready_after_s: float | None
    """Median over the quiet stretches that became READY."""
    incidents: int
    caught: int
    caught_after_s: float | None
    """Median over the incidents that were caught."""


def summary(slid: Sequence[Slid]) -> Summary:
    quiet = [each for each in slid if not each.stretch.incident]
    bad = [each for each in slid if each.stretch.incident]
    ready = [each.found.first_ready_after_s for each in quiet if each.found.first_ready_after_s is not None]
    caught = [each.found.first_breach.after_s for each in bad if each.found.first_breach is not None]
    return Summary(
        quiet=len(quiet),
        breaches=sum(each.caught for each in quiet),
        ready=len(ready),
        holds=sum(bool(each.found.holds) for each in quiet),
        ready_after_s=median_low(ready) if ready else None,
        incidents=len(bad),
        caught=len(caught),
        caught_after_s=median_low(caught) if caught else None,
    )


def quiet_stretches(plan: Plan, index: int, now: datetime, since: timedelta, every: timedelta) -> tuple[Stretch, ...]:
    """All that are over by `now`, from `since` before it on, oldest first; each as long as the phase's deadline.

    Starts are whole steps of `every` since 1970, so that a second call asks for the same stretches. Raises InvalidInput.
    """
    step, length = plan.metrics.step, plan.phases[index].deadline_or_default
    if every < step or every % step:
        raise InvalidInput(
            f"--every {show_duration(every)} is no multiple of the plan's step of {show_duration(step)}.",
            remedy="Name one, such as 6h.",
        )
    each = every.total_seconds()
    first = math.ceil((now - since).timestamp() / each) * each
    number = math.floor((now.timestamp() - length.total_seconds() - first) / each) + 1
    if number < 1:
        raise InvalidInput(
            f"between {show_duration(since)} ago and now the phase, {show_duration(length)} long, has no room.",
            remedy="Name a longer --since.",
        )
    if number > MOST:
        raise InvalidInput(f"these are {number:,} stretches; {MOST:,} are the most.", remedy="Name a longer --every.")
    starts = (datetime.fromtimestamp(first + turn * each, UTC) for turn in range(number))
    return tuple(Stretch(start, start + length) for start in starts)


def incident(plan: Plan, start: datetime, end: datetime, now: datetime) -> Stretch:
    """Raises InvalidInput where the plan could not look at it even once."""
    last = min(end, now)
    if last - start < plan.metrics.step:
        raise InvalidInput(
            f"the incident of {start.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC is shorter than a step of the plan, or not over.",
            remedy="Write it like 2026-01-05T10:00Z..2026-01-05T11:30Z.",
        )
    return Stretch(start, last, incident=True)


async def slide(
    world: World, plan: Plan, index: int, stretches: Sequence[Stretch], done: list[Slid], progress: Callable[[], None]
) -> None:
    """Appends to `done` in order of time, so that whoever is interrupted has what there is. Raises SourceUnreachable."""
    history = History(world.source(plan.metrics.source))
    for stretch in sorted(stretches, key=lambda each: (each.start, each.end)):
        queries = needs(plan, index, stretch.start.timestamp(), stretch.end.timestamp())
        answers = await history.answers(queries, stretch.start.timestamp())
        found = await asyncio.to_thread(backtest, plan, index, stretch.start, stretch.end, answers)
        done.append(Slid(stretch, found))
        progress()
