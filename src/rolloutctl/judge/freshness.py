"""Whether an arm was seen at all, and lately: NO_DATA and STALE."""

from __future__ import annotations

from rolloutctl.judge.sightings import NEVER, Sightings
from rolloutctl.judge.threshold import Missing
from rolloutctl.judge.words import span_long
from rolloutctl.model.samples import Arm
from rolloutctl.model.verdict import State


def unseen(what: str, seen: Sightings | None, at: float, max_age: float) -> Missing | None:
    """What is missing now; `what` names arm and segment, `at` is the time to which ages count."""
    return overdue(what, seen.newest if seen is not None else None, at, max_age)


def overdue(what: str, newest: float | None, at: float, max_age: float) -> Missing | None:
    """The same from the newest sample's time alone; None or NEVER: there is none."""
    if newest is None or newest == NEVER:
        return Missing(
            State.NO_DATA,
            f"{what} has no sample: its query returns nothing.",
            f"A first sample of {what}; check its label matchers, and whether it runs and is scraped.",
        )
    age = at - newest
    if age > max_age:
        return Missing(
            State.STALE,
            f"the newest sample of {what} is {span_long(age)} old; {span_long(max_age)} are allowed.",
            f"A new sample of {what}.",
        )
    return None


def was_unseen(seen: Sightings | None, cell: int, end: float, max_age: float) -> bool:
    """The same for an ended cell, as it looked at its end."""
    return seen is None or seen.by_cell[cell] == NEVER or end - seen.by_cell[cell] > max_age


def called(arm: Arm, label: str | None, segment: str) -> str:
    """`the canary`, `the baseline with channel="voice"`."""
    return f'the {arm} with {label}="{segment}"' if segment else f"the {arm}"
