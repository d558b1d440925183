"""What a benchmark says: rows of a table, each with its bar and whether it holds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from statistics import median


class Unit(StrEnum):
    SECONDS = "s"
    PERCENT = "%"
    BYTES_PER_S = "B/s"
    MEBIBYTES = "MiB"
    COUNT = ""
    PER_S = "/s"

    def show(self, value: float) -> str:
        match self:
            case Unit.SECONDS:
                return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms" if value < 0.01 else f"{value * 1000:.0f} ms"
            case Unit.PERCENT:
                return f"{value:.2f} %"
            case Unit.BYTES_PER_S:
                return f"{value / 1000:.2f} kB/s"
            case Unit.MEBIBYTES:
                return f"{value:.0f} MiB"
            case Unit.COUNT:
                return f"{value:,.0f}"
            case Unit.PER_S:
                return f"{value:,.0f}/s"


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    ours: str
    anchor: str
    ratio: str
    bar: str
    holds: bool | None
    """None: there is no bar, the row is for information."""


@dataclass(frozen=True, slots=True)
class Most:
    """At most so much, in the unit of the row or as a multiple of the anchor."""

    value: float | None = None
    times: float | None = None
    over: float | None = None
    """At most so much more than the anchor."""

    def words(self, unit: Unit) -> str:
        parts = [f"≤ {self.times:g}x"] if self.times is not None else []
        parts += [f"≤ {unit.show(self.value)}"] if self.value is not None else []
        parts += [f"≤ {unit.show(self.over)} over it"] if self.over is not None else []
        return " and ".join(parts) or "–"


NO_BAR = Most()


def row(what: str, unit: Unit, ours: Sequence[float], anchor: Sequence[float] = (), bar: Most = NO_BAR) -> Row:
    """The medians of both and the median of the ratios of the pairs (`ours[i]` was measured beside `anchor[i]`)."""
    mine, theirs = median(ours), median(anchor) if anchor else None
    times = _times(ours, anchor)
    tests: list[bool] = []
    if bar.times is not None:
        tests.append(times is not None and times <= bar.times)
    if bar.value is not None:
        tests.append(mine <= bar.value)
    if bar.over is not None:
        tests.append(theirs is not None and median(a - b for a, b in zip(ours, anchor, strict=True)) <= bar.over)
    return Row(
        what,
        unit.show(mine),
        unit.show(theirs) if theirs is not None else "–",
        f"{times:.2f}" if times is not None else "–",
        bar.words(unit),
        all(tests) if tests else None,
    )


def at_least(what: str, unit: Unit, ours: Sequence[float], bar: float, anchor: Sequence[float] = ()) -> Row:
    """As `row`, for what has to be large."""
    mine = median(ours)
    times = _times(ours, anchor)
    return Row(
        what,
        unit.show(mine),
        unit.show(median(anchor)) if anchor else "–",
        f"{times:.2f}" if times is not None else "–",
        f"≥ {unit.show(bar)}",
        mine >= bar,
    )


def _times(ours: Sequence[float], anchor: Sequence[float]) -> float | None:
    pairs = [mine / theirs for mine, theirs in zip(ours, anchor, strict=bool(anchor)) if theirs] if anchor else []
    return median(pairs) if pairs else None


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def pairs(count: int, ours: Callable[[], float], anchor: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Measure both `count` times in turn, the first of a pair changing, so that a drift of the machine hits both."""
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(count):
        if number % 2:
            theirs.append(anchor())
            mine.append(ours())
        else:
            mine.append(ours())
            theirs.append(anchor())
    return mine, theirs
