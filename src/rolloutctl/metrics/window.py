"""What is known of earlier fetches, so that only the newest part of a long window is fetched again.

Samples older than `ingest_delay` at the time of a fetch are settled; younger ones may still arrive late and are fetched
again. A new start is a new window: nothing is ever pieced together across one. Failures and partial answers are never
stored. Bounded: the windows used longest ago are forgotten first.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from rolloutctl.model.samples import Labels, Query, QueryKind, Series

INGEST_DELAY_S = 15.0
"""A scrape is stored under the time it began, when it ends: up to the scrape timeout later."""
MAX_SAMPLES = 2_000_000


@dataclass(frozen=True, slots=True)
class _Known:
    series: tuple[Series, ...]
    settled: float
    """Up to here, inclusive, nothing is fetched again."""
    size: int


Key = tuple[QueryKind, str, float, float]


class WindowCache:
    def __init__(self, *, ingest_delay: float = INGEST_DELAY_S, max_samples: int = MAX_SAMPLES) -> None:
        self._ingest_delay = ingest_delay
        self._max_samples = max_samples
        self._known: OrderedDict[Key, _Known] = OrderedDict()
        self._size = 0

    def missing_from(self, query: Query) -> float:
        """First time that has to be fetched; after the query's end: nothing has."""
        known = self._known.get(_key(query))
        if known is None or known.settled < query.start:
            return query.start
        if query.kind is QueryKind.RAW:
            return math.nextafter(known.settled, math.inf)
        return query.start + (math.floor((known.settled - query.start) / query.step + 1e-6) + 1) * query.step

    def merged(self, query: Query, since: float, fresh: Iterable[Series]) -> tuple[Series, ...]:
        """What is known before `since` and `fresh` from then on, within the query; remembered.

        `since` is what `missing_from` said when `fresh` was asked for.
        """
        key = _key(query)
        known = self._known.get(key)
        if known is None and since > query.start:
            raise KeyError(key)
        # Grid times come back rounded to milliseconds, a real sample's time is what it is.
        slack = 0.0 if query.kind is QueryKind.RAW else query.step / 2
        begin, end = query.start - slack, query.end + slack
        parts: dict[Labels, Series] = {}
        for series in known.series if known else ():
            parts[series.labels] = _between(series, begin, min(since - slack, math.nextafter(end, math.inf)), last=False)
        for series in fresh:
            new = _between(series, since - slack, end, last=True)
            old = parts.get(series.labels)
            parts[series.labels] = new if old is None else _joined(old, new)
        found = tuple(series for series in parts.values() if series.times)
        settled = query.end - self._ingest_delay
        if known is None or settled > known.settled:
            self._remember(key, _Known(found, settled, sum(len(series.times) for series in found)))
        else:
            self._known.move_to_end(key)
        return found

    def knows(self, query: Query) -> bool:
        return _key(query) in self._known

    def _remember(self, key: Key, known: _Known) -> None:
        self._forget(key)
        if known.size > self._max_samples:
            return
        self._known[key] = known
        self._size += known.size
        while self._size > self._max_samples:
            self._forget(next(iter(self._known)))

    def _forget(self, key: Key) -> None:
        gone = self._known.pop(key, None)
        self._size -= gone.size if gone else 0


def _key(query: Query) -> Key:
    return query.kind, query.text, query.step, query.start


def _between(series: Series, start: float, end: float, *, last: bool) -> Series:
    """From `start` on to `end`, which belongs to it or not."""
    first = bisect_left(series.times, start)
    stop = bisect_right(series.times, end) if last else bisect_left(series.times, end)
    if first == 0 and stop == len(series.times):
        return series
    return Series(series.labels, series.times[first:stop], series.values[first:stop])


def _joined(old: Series, new: Series) -> Series:
    return Series(old.labels, old.times + new.times, old.values + new.values)
