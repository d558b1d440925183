"""Sparklines and bars inside cells and lines."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rolloutctl.tui.draw.ink import Ink, Line, Span

_BLOCKS = "▁▂▃▄▅▆▇█"
GAP = "·"


def spark(values: Sequence[float | None], cells: int) -> str:
    """The newest `cells` values from their lowest to their highest; `·` where there was none. A flat line is low."""
    newest = values[-cells:]
    usable = [value for value in newest if value is not None and math.isfinite(value)]
    if not usable:
        return GAP * len(newest)
    low, high = min(usable), max(usable)
    span = high - low
    # A wobble of a few percent must not look like a mountain range.
    span = max(span, abs(high) * 0.25)
    return "".join(GAP if value is None or not math.isfinite(value) else _BLOCKS[_step(value - low, span)] for value in newest)


def _step(above: float, span: float) -> int:
    return 0 if span <= 0 else min(len(_BLOCKS) - 1, int(above / span * len(_BLOCKS)))


def trend(values: Sequence[float | None], beyond: Sequence[bool], cells: int) -> Line:
    """All values squeezed into a sparkline, red where one was beyond the bound, and `!` behind it when the newest was."""
    groups = _groups(len(values), max(1, cells - 1))
    shown = spark([_mean(values[part]) for part in groups], len(groups))
    flags = tuple(any(beyond[part]) for part in groups)
    spans = [
        Span(char, Ink.BAD if flag else Ink.DIM if char == GAP else Ink.PLAIN) for char, flag in zip(shown, flags, strict=True)
    ]
    merged: list[Span] = []
    for part in spans:
        if merged and merged[-1].ink is part.ink:
            merged[-1] = Span(merged[-1].text + part.text, part.ink)
        else:
            merged.append(part)
    return (*merged, Span("!", Ink.BAD)) if beyond and beyond[-1] else tuple(merged)


def _groups(count: int, most: int) -> list[slice]:
    """`count` values as at most `most` neighbouring groups of nearly equal size."""
    groups = min(count, most)
    return [slice(index * count // groups, (index + 1) * count // groups) for index in range(groups)]


def _mean(values: Sequence[float | None]) -> float | None:
    usable = [value for value in values if value is not None and math.isfinite(value)]
    return sum(usable) / len(usable) if usable else None


def bar(share: float, cells: int) -> str:
    """`▰▰▰▱▱`; full only when all of it is there."""
    bounded = min(1.0, max(0.0, share))
    full = math.floor(bounded * cells + 1e-9)
    return "▰" * full + "▱" * (cells - full)
