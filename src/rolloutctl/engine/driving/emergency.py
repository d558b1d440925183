"""Turning a flag off with nothing but the flag server: no journal, no lease, no plan needed.

At 03:00 the person on call must not need somebody else's laptop. What was done goes to a local record that a journal can take
in later as one event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, RolloutctlError
from rolloutctl.model import events as ev
from rolloutctl.model import outcome as out
from rolloutctl.model.cohort import OFF, Target
from rolloutctl.model.kinds import Purpose

_LOOKS = 10
_BETWEEN_LOOKS_S = 0.5


@dataclass(frozen=True, slots=True)
class Emergency:
    """What came of it: `code` as a command would exit."""

    code: ExitCode
    sentence: str
    record: str
    """Path of the local record; empty where not even that could be written (the sentence says so)."""


async def emergency_off(world: World, target: Target, why: str) -> Emergency:
    """Off, read back, verified; every step recorded locally before and after."""
    record, trouble = _record(world, ev.FlagIntent(purpose=Purpose.ROLLBACK, want=OFF, before="not read", why=f"{target}: {why}"))
    provider = world.provider(target.provider)
    began = world.clock.monotonic()
    outcome = await provider.off(target, f"emergency-{int(world.clock.now().timestamp())}", why)
    world.log(
        target.provider, f"{target.key} in {target.environment} → off", type(outcome).__name__, world.clock.monotonic() - began
    )
    at = world.clock.now()
    told = _told(target, outcome, at)
    _record(world, told)
    match outcome:
        case out.Applied() | out.Unchanged():
            code, how = await _verified(world, target)
            done = "is off" if isinstance(outcome, out.Applied) else "was off already"
            return Emergency(code, f"{target} {done}; {how}.{trouble}", record)
        case out.Unknown(reason):
            said = f"It is unknown whether {target} is off: {reason}. Look at the flag server, or try again."
            return Emergency(ExitCode.UNKNOWN, f"{said}{trouble}", record)
        case out.Unavailable(reason):
            return Emergency(ExitCode.UNREACHABLE, f"{target} was not changed: {reason}{trouble}", record)
        case out.Conflict(actual, reason):
            return Emergency(ExitCode.FAILED, f"{target} is {actual}: {reason}{trouble}", record)
        case out.NeedsApproval(url, reason):
            return Emergency(ExitCode.REFUSED, f"{target} needs an approval at {url}: {reason}{trouble}", record)
        case out.Rejected(reason):
            return Emergency(ExitCode.FAILED, f"{target} was not changed: {reason}{trouble}", record)
        case out.RateLimited(wait, reason):
            said = f"{target} was not changed: {reason}; again in {wait:.0f} s."
            return Emergency(ExitCode.NOT_YET, f"{said}{trouble}", record)


def _told(target: Target, outcome: out.Outcome, at: datetime) -> ev.Body:
    """The outcome as an event for the local record; it names the flag, because the record belongs to no rollout."""
    match outcome:
        case out.Applied(state):
            return ev.FlagApplied(intent=0, why=str(target), state=state, at=at, settle_until=at)
        case out.Unchanged(state):
            return ev.FlagUnchanged(intent=0, why=str(target), state=state, at=at, settle_until=at)
        case out.Conflict(actual, why):
            return ev.FlagConflict(intent=0, why=f"{target}: {why}", state=actual, at=at)
        case out.NeedsApproval(url, why):
            return ev.FlagNeedsApproval(intent=0, why=f"{target}: {why}", url=url, at=at)
        case out.Rejected(why):
            return ev.FlagRejected(intent=0, why=f"{target}: {why}", at=at)
        case out.Unknown(why):
            return ev.FlagUnknown(intent=0, why=f"{target}: {why}", at=at, look_at=at)
        case out.Unavailable(why) | out.RateLimited(_, why):
            return ev.FlagFailed(intent=0, why=f"{target}: {why}", at=at)


def _record(world: World, body: ev.Body) -> tuple[str, str]:
    """(path, trouble): a record that cannot be written never stops a rollback."""
    try:
        return str(world.fallback(body)), ""
    except (RolloutctlError, OSError) as error:
        return "", f" No local record could be written: {error}"


async def _verified(world: World, target: Target) -> tuple[ExitCode, str]:
    how = ""
    for _ in range(_LOOKS):
        try:
            seen = await world.provider(target.provider).verify(target, OFF)
        except RolloutctlError as error:
            return ExitCode.OK, f"the flag server says so; what clients are served could not be looked at: {error}"
        if seen.seen:
            return ExitCode.OK, f"verified: {seen.how}"
        how = seen.how
        await world.clock.sleep(_BETWEEN_LOOKS_S)
    return ExitCode.UNKNOWN, f"the flag server says so, and clients have not followed yet: {how}"
