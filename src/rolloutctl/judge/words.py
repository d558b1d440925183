"""Numbers and times inside a verdict's sentence, with their units."""

from __future__ import annotations

from collections.abc import Callable

from rolloutctl.plan.model import AnyCriterion, RatioCriterion
from rolloutctl.units import show_clock

Show = Callable[[float], str]


def show_of(criterion: AnyCriterion) -> Show:
    """How values of this criterion are written: ratios in percent, others with the declared unit."""
    if isinstance(criterion, RatioCriterion):
        return percent
    unit = f" {criterion.unit}" if criterion.unit else ""
    return lambda value: f"{number(value)}{unit}"


def percent(share: float) -> str:
    return f"{number(share * 100)} %"


def number(value: float) -> str:
    """About four digits, without exponents where a person would write none."""
    if value == 0 or 1e-4 <= abs(value) < 1e4:
        return f"{value:.4g}"
    return f"{value:,.0f}" if 1 <= abs(value) < 1e12 else f"{value:.4g}"


def count(events: float, what: str = "") -> str:
    return f"{round(events):,}{' ' + what if what else ''}"


def rate(per_second: float) -> str:
    """Requests and the like: per second, or per minute or hour where that reads better."""
    for seconds, unit in ((1, "second"), (60, "minute")):
        if per_second * seconds >= 0.95:
            return f"{number(float(f'{per_second * seconds:.3g}'))} per {unit}"
    return f"{number(float(f'{per_second * 3600:.3g}'))} per hour"


def span(seconds: float) -> str:
    return show_clock(seconds)


def span_long(seconds: float) -> str:
    """A duration that may be very long: `3h10m`, or in days."""
    return span(seconds) if seconds < 172_800 else f"{seconds / 86_400:,.0f} days"
