"""What a criterion judges as people read it: with its unit, shares of requests in percent."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_never

from rolloutctl.plan.model import (
    AlertCriterion,
    AnyCriterion,
    HttpCriterion,
    LatencyCriterion,
    MeasuredCriterion,
    RatioCriterion,
    ValueCriterion,
)
from rolloutctl.tui.draw.digits import NOTHING, digits
from rolloutctl.units import Margin, show_duration

Judged = AnyCriterion


def unit_of(criterion: Judged | None) -> str:
    if counts(criterion):
        return "%"
    if isinstance(criterion, LatencyCriterion):
        return "ms"
    return criterion.unit if criterion is not None else ""


def scale_of(criterion: Judged | None) -> float:
    """From the criterion's number to the shown one: shares of requests in percent, seconds of a latency in milliseconds."""
    if isinstance(criterion, LatencyCriterion):
        return 1000.0
    return 100.0 if counts(criterion) else 1.0


def counts(criterion: Judged | None) -> bool:
    """It judges shares of counted requests."""
    return isinstance(criterion, RatioCriterion)


def amount(value: float | None, criterion: Judged | None) -> str:
    if value is None:
        return NOTHING
    if isinstance(criterion, AlertCriterion):
        return f"{value:.0f} firing" if value else "quiet"
    unit = unit_of(criterion)
    return digits(value * scale_of(criterion)) + (f" {unit}" if unit else "")


def bounds(criterion: Judged | None) -> str:
    """`≤ 800 ms`, `≤ +20 % of baseline` without the words: `≤ +20 %`, `0.1 … 0.9`."""
    if criterion is None:
        return NOTHING
    match criterion:
        case AlertCriterion():
            return "not firing"
        case LatencyCriterion():
            parts = [f"p{digits(float(quantile) * 100)} ≤ {show_duration(limit)}" for quantile, limit in criterion.limits]
        case RatioCriterion() | ValueCriterion() | HttpCriterion():
            parts = _limits(criterion)
        case _:
            assert_never(criterion)
    if criterion.tolerate is not None or criterion.compares:
        parts.append(_tolerated(criterion.margins[0], criterion))
    return ", ".join(parts)


def _limits(criterion: RatioCriterion | ValueCriterion | HttpCriterion) -> list[str]:
    if criterion.max is not None and criterion.min is not None:
        return [f"{_exact(criterion.min, criterion)} … {amount(float(criterion.max), criterion)}"]
    if criterion.max is not None:
        return [f"≤ {amount(float(criterion.max), criterion)}"]
    if criterion.min is not None:
        return [f"≥ {amount(float(criterion.min), criterion)}"]
    return []


def _exact(value: Decimal, criterion: Judged) -> str:
    return digits(float(value) * scale_of(criterion))


def _tolerated(margin: Margin, criterion: MeasuredCriterion) -> str:
    sign, relation = ("+", "≤") if criterion.better == "lower" else ("−", "≥")
    if margin.relative:
        return f"{relation} {sign}{digits(float(margin.amount * 100))} %"
    if counts(criterion):
        return f"{relation} {sign}{digits(float(margin.amount * 100))} points"
    return f"{relation} {sign}{digits(float(margin.amount))}" + (f" {criterion.unit}" if criterion.unit else "")
