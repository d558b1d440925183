"""Amounts as people read them: three digits that mean something, always with the unit."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import assert_never

from rolloutctl.plan.model import AnyCriterion, LatencyCriterion, RatioCriterion, ValueCriterion
from rolloutctl.units import Margin, show_duration

Judged = AnyCriterion
NOTHING = "—"


def digits(value: float) -> str:
    """`1,204`, `612`, `4.91`, `0.41`, `0.0032`, `2.1e-06`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e9 or size < 1e-4:
        shown = f"{value:.1e}"
    elif size >= 1000:
        shown = f"{value:,.0f}"
    elif size >= 0.1:
        places = 0 if size >= 100 else 1 if size >= 10 else 2
        shown = _short(f"{value:.{places}f}")
    else:
        shown = _short(f"{value:.{1 - math.floor(math.log10(size))}f}")
    return shown.replace("-", "−")


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    return f"{digits(share * 100)} %"


def count(number: int) -> str:
    """`950`, `1.9k`, `61k`, `2.4M`."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.1f}{letter}" if scaled < 10 else f"{scaled:.0f}{letter}"
    return str(number)


def unit_of(criterion: Judged | None) -> str:
    if counts(criterion):
        return "%"
    return criterion.unit if criterion is not None else ""


def scale_of(criterion: Judged | None) -> float:
    """From the criterion's number to the shown one: shares of requests are shown in percent."""
    return 100.0 if counts(criterion) else 1.0


def counts(criterion: Judged | None) -> bool:
    """It judges shares of counted requests."""
    return isinstance(criterion, RatioCriterion | LatencyCriterion)


def amount(value: float | None, criterion: Judged | None) -> str:
    if value is None:
        return NOTHING
    unit = unit_of(criterion)
    return digits(value * scale_of(criterion)) + (f" {unit}" if unit else "")


def bounds(criterion: Judged | None) -> str:
    """`≤ 800 ms`, `≤ +20 % of baseline` without the words: `≤ +20 %`, `0.1 … 0.9`."""
    if criterion is None:
        return NOTHING
    match criterion:
        case LatencyCriterion():
            parts = [f"p{digits(float(quantile) * 100)} ≤ {show_duration(limit)}" for quantile, limit in criterion.limits]
        case RatioCriterion() | ValueCriterion():
            parts = _limits(criterion)
        case _:
            assert_never(criterion)
    if criterion.tolerate is not None or criterion.compares:
        parts.append(_tolerated(criterion.margins[0], criterion))
    return ", ".join(parts)


def _limits(criterion: RatioCriterion | ValueCriterion) -> list[str]:
    if criterion.max is not None and criterion.min is not None:
        return [f"{_exact(criterion.min, criterion)} … {amount(float(criterion.max), criterion)}"]
    if criterion.max is not None:
        return [f"≤ {amount(float(criterion.max), criterion)}"]
    if criterion.min is not None:
        return [f"≥ {amount(float(criterion.min), criterion)}"]
    return []


def _exact(value: Decimal, criterion: Judged) -> str:
    return digits(float(value) * scale_of(criterion))


def _tolerated(margin: Margin, criterion: Judged) -> str:
    sign, relation = ("+", "≤") if criterion.better == "lower" else ("−", "≥")
    if margin.relative:
        return f"{relation} {sign}{digits(float(margin.amount * 100))} %"
    if counts(criterion):
        return f"{relation} {sign}{digits(float(margin.amount * 100))} points"
    return f"{relation} {sign}{digits(float(margin.amount))}" + (f" {criterion.unit}" if criterion.unit else "")


def share(value: Fraction) -> str:
    return f"{digits(float(value))} %"
