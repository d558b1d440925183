"""Samples in memory for the embedded metrics server: append per scrape, select by label matchers, forget the old.

Times are milliseconds since the epoch. A series that disappears from its target is marked stale, as a scraper does:
from then on an instant selector does not see it. Range ends are inclusive on both sides, as in Prometheus 2.
"""

import re
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from rolloutctl.model.samples import Labels

NAME: Final = "__name__"
_TRIM_EVERY: Final = 256


class MatchOp(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label condition; a label that is absent counts as empty. Regular expressions are anchored."""

    name: str
    op: MatchOp
    value: str

    def holds(self, labels: dict[str, str]) -> bool:
        actual = labels.get(self.name, "")
        match self.op:
            case MatchOp.EQUAL:
                return actual == self.value
            case MatchOp.NOT_EQUAL:
                return actual != self.value
            case MatchOp.REGEX:
                return re.fullmatch(self.value, actual, re.DOTALL) is not None
            case MatchOp.NOT_REGEX:
                return re.fullmatch(self.value, actual, re.DOTALL) is None


@dataclass(frozen=True, slots=True)
class Point:
    """The value of one series at the time of its sample."""

    labels: Labels
    at_ms: int
    value: float


@dataclass(frozen=True, slots=True)
class Window:
    """The samples of one series inside a range, oldest first, never empty."""

    labels: Labels
    times_ms: Sequence[int]
    values: Sequence[float]


@dataclass(slots=True)
class _Series:
    labels: Labels
    times: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    stale_at: set[int] = field(default_factory=set)

    def add(self, at_ms: int, value: float) -> bool:
        """Append, unless time has not moved on since the last sample: those are refused, as a real server does."""
        if self.times and at_ms <= self.times[-1]:
            return False
        self.times.append(at_ms)
        self.values.append(value)
        return True

    def trim(self, before_ms: int) -> None:
        cut = bisect_left(self.times, before_ms)
        if cut >= _TRIM_EVERY:
            self.stale_at.difference_update(self.times[:cut])
            del self.times[:cut]
            del self.values[:cut]


class Tsdb:
    """Thread-safe. Keeps `retention_ms` of every series."""

    def __init__(self, retention_ms: int) -> None:
        self._retention_ms = retention_ms
        self._lock = threading.Lock()
        self._by_name: dict[str, dict[Labels, _Series]] = {}

    def append(self, at_ms: int, samples: Iterable[tuple[Labels, float]], stale: Iterable[Labels] = ()) -> None:
        """Add one scrape; `stale` are series that were in the target's scrape before and are not in this one."""
        with self._lock:
            for labels, value in samples:
                series = self._series(labels)
                if series.add(at_ms, value):
                    series.trim(at_ms - self._retention_ms)
            for labels in stale:
                series = self._series(labels)
                if series.add(at_ms, 0.0):
                    series.stale_at.add(at_ms)

    def instant(self, matchers: Sequence[Matcher], at_ms: int, lookback_ms: int) -> list[Point]:
        """Return the newest sample of each matching series, at most `lookback_ms` old, unless it went stale."""
        found: list[Point] = []
        with self._lock:
            for series in self._matching(matchers):
                place = bisect_right(series.times, at_ms) - 1
                if place < 0:
                    continue
                time = series.times[place]
                if time >= at_ms - lookback_ms and time not in series.stale_at:
                    found.append(Point(series.labels, time, series.values[place]))
        return found

    def windows(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Window]:
        """Return the samples of each matching series from `start_ms` to `end_ms`, both included."""
        found: list[Window] = []
        with self._lock:
            for series in self._matching(matchers):
                low, high = bisect_left(series.times, start_ms), bisect_right(series.times, end_ms)
                times, values = series.times[low:high], series.values[low:high]
                if series.stale_at:
                    live = [n for n, time in enumerate(times) if time not in series.stale_at]
                    times = array("q", [times[n] for n in live])
                    values = array("d", [values[n] for n in live])
                if times:
                    found.append(Window(series.labels, times, values))
        return found

    def labels(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Labels]:
        return [window.labels for window in self.windows(matchers, start_ms, end_ms)]

    def _series(self, labels: Labels) -> _Series:
        named = self._by_name.setdefault(dict(labels)[NAME], {})
        series = named.get(labels)
        if series is None:
            series = named[labels] = _Series(labels)
        return series

    def _matching(self, matchers: Sequence[Matcher]) -> Iterable[_Series]:
        names = [each.value for each in matchers if each.name == NAME and each.op is MatchOp.EQUAL]
        groups = [self._by_name.get(names[0], {})] if names else list(self._by_name.values())
        for group in groups:
            for series in group.values():
                labels = dict(series.labels)
                if all(matcher.holds(labels) for matcher in matchers):
                    yield series
