"""When a ratio is beyond its bound, inside it, or decided neither way: the rule for one cell.

How many events a window needs (`min_total`), where the plan does not say: so many that one bad event alone stays inside
`max` (or one good event alone reaches `min`); 100 where there is only `tolerate`, since below that a single event moves a
ratio by more than a percentage point. A baseline needs the plan's number, or 100. Three more rules keep small counts from
deciding a comparison: fewer than 3 bad events are never beyond a bound relative to the baseline; a baseline with no bad
event at all has no ratio to be relative to, so nothing passes on it (declare `max`, which then decides); and while the
baseline itself breaks `max` or `min` (or, without those, has more than half bad), a canary no worse than it is a shared
incident and neither passes nor breaches.
"""

from __future__ import annotations

import math
from enum import Enum, auto

from rolloutctl.judge.bounds import Limits, Standing
from rolloutctl.plan.model import RatioCriterion

FEWEST_TO_COMPARE = 100
FEWEST_BAD_TO_COMPARE = 3
SHARED_INCIDENT = 0.5


class Why(Enum):
    """Why a cell decides nothing."""

    DECIDED = auto()
    FEW_CANARY = auto()
    FEW_BASELINE = auto()
    NO_BAD_IN_BASELINE = auto()
    FEW_BAD = auto()
    SHARED = auto()
    BROKEN = auto()


def fewest_events(criterion: RatioCriterion) -> int:
    """Events a window of the canary needs; see the module's docstring."""
    if criterion.min_total is not None:
        return criterion.min_total
    shares = [float(criterion.max)] if criterion.max else []
    if criterion.min is not None:
        shares += [float(criterion.min), 1 - float(criterion.min)]
    return max((math.ceil(1 / share - 1e-9) for share in shares if 0 < share < 1), default=FEWEST_TO_COMPARE)


def decide(limits: Limits, value: float, bad: float, base: float | None) -> tuple[Standing, Why]:
    """Where a ratio with enough events stands; `base` None: the baseline has too few, or nothing compares."""
    breaks = limits.breaks_absolute(value)
    if limits.margin is None:
        return (Standing.BEYOND if breaks else Standing.INSIDE), Why.DECIDED
    relative = None if base is None else limits.relative(base)
    if base is None or relative is None:
        return (Standing.BEYOND, Why.DECIDED) if breaks else (Standing.UNDECIDED, Why.FEW_BASELINE)
    worse = limits.breaks_relative(value, relative)
    if not worse and _shared(limits, base):
        return Standing.UNDECIDED, Why.SHARED
    if breaks:
        return Standing.BEYOND, Why.DECIDED
    if worse:
        few = bad < FEWEST_BAD_TO_COMPARE
        return (Standing.UNDECIDED, Why.FEW_BAD) if few else (Standing.BEYOND, Why.DECIDED)
    knowable = base > 0 or _absolute(limits) or not limits.margin.relative
    return (Standing.INSIDE, Why.DECIDED) if knowable else (Standing.UNDECIDED, Why.NO_BAD_IN_BASELINE)


def _absolute(limits: Limits) -> bool:
    return limits.upper is not None or limits.lower is not None


def _shared(limits: Limits, base: float) -> bool:
    return limits.breaks_absolute(base) if _absolute(limits) else base > SHARED_INCIDENT
