"""The bound of a criterion in one cell, and on which side of it a value stands.

A value on the bound is inside. Comparisons allow for rounding, relative to the size of what is compared, so a verdict does
not depend on the unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rolloutctl.plan.model import RatioCriterion, ValueCriterion
from rolloutctl.units import Margin

_ROUNDING = 1e-9


class Standing(IntEnum):
    """Where the canary stands in one cell."""

    UNDECIDED = 0
    """No usable evidence, or evidence that decides neither way."""
    INSIDE = 1
    BEYOND = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """`upper` and `lower` are the declared absolute bounds; `margin` moves with the baseline."""

    upper: float | None
    lower: float | None
    margin: Margin | None
    lower_is_better: bool

    def relative(self, baseline: float) -> float | None:
        """The bound that `tolerate` puts next to this baseline; None where the criterion does not compare."""
        if self.margin is None:
            return None
        amount = float(self.margin.amount) * (abs(baseline) if self.margin.relative else 1.0)
        return baseline + amount if self.lower_is_better else baseline - amount

    def breaks_absolute(self, value: float) -> bool:
        return is_over(value, self.upper) or is_under(value, self.lower)

    def breaks_relative(self, value: float, bound: float) -> bool:
        return is_over(value, bound) if self.lower_is_better else is_under(value, bound)

    def shown(self, value: float | None, relative: float | None) -> float | None:
        """The one bound to show: the strictest in the direction that is bad; the side that is broken where one is."""
        uppers = [b for b in (self.upper, relative if self.lower_is_better else None) if b is not None]
        lowers = [b for b in (self.lower, None if self.lower_is_better else relative) if b is not None]
        upper, lower = min(uppers, default=None), max(lowers, default=None)
        if upper is None or lower is None:
            return lower if upper is None else upper
        if value is not None and is_under(value, lower):
            return lower
        return upper if self.lower_is_better or (value is not None and is_over(value, upper)) else lower


def limits_of(criterion: RatioCriterion | ValueCriterion) -> Limits:
    return Limits(
        upper=None if criterion.max is None else float(criterion.max),
        lower=None if criterion.min is None else float(criterion.min),
        margin=criterion.tolerate,
        lower_is_better=criterion.better == "lower",
    )


def is_over(value: float, bound: float | None) -> bool:
    return bound is not None and value - bound > _ROUNDING * max(abs(value), abs(bound))


def is_under(value: float, bound: float | None) -> bool:
    return bound is not None and bound - value > _ROUNDING * max(abs(value), abs(bound))
