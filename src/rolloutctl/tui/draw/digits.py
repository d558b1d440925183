"""Numbers as people read them: three digits that mean something. Knows no criterion, so that a first screen loads no models."""

from __future__ import annotations

import math
from fractions import Fraction

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


def share(value: Fraction) -> str:
    return f"{digits(float(value))} %"
