"""What is known of earlier fetches, so that only the newest part of a long window is fetched again.

Samples older than `ingest_delay` at the time of a fetch are settled; younger ones may still arrive late and are fetched
again. A new start is a new window: nothing is ever pieced together across one. Failures and partial answers are never
stored. Bounded: the windows used longest ago are forgotten first. Whoever uses a cache or its windows holds its lock.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from weakref import WeakValueDictionary

import numpy as np

from rolloutctl.metrics.grown import Buffer, Floats, Grown
from rolloutctl.metrics.selector import selector_of
from rolloutctl.metrics.track import Track
from rolloutctl.model.histogram import Histogram
from rolloutctl.model.samples import Labels, Query, QueryKind, Series

INGEST_DELAY_S = 15.0
"""A scrape is stored under the time it began, when it ends: up to the scrape timeout later."""
EXPRESSION_DELAY_S = 45.0
"""VictoriaMetrics repeats an older value for the last 30 s of an expression (its `-search.latencyOffset`)."""
MAX_SAMPLES = 32_000_000
"""Over all windows. A sample takes 8 bytes, and 8 for its time; series of one host share their times."""
_EMPTY = np.empty(0)

Key = tuple[str, float, float, bool]


Shared = WeakValueDictionary[Labels, Track]


class Window:
    """The samples of one query from its start on; `until` is the end of the newest fetch, `settled` what is final of it."""

    def __init__(self, query: Query, ingest_delay: float, shared: Shared, axes: WeakValueDictionary[bytes, Buffer]) -> None:
        self._start, self._step, self._kind = query.start, query.step, query.kind
        # Grid times come back rounded to milliseconds, a real sample's time is what it is.
        self._slack = 0.0 if query.kind is QueryKind.RAW else query.step / 2
        self._delay = ingest_delay if query.kind is QueryKind.RAW else max(ingest_delay, EXPRESSION_DELAY_S)
        self._shared = shared
        self._axes = axes
        self._tracks: dict[Labels, Track] = {}
        self.settled = -math.inf
        self.until = -math.inf
        self.size = 0
        """Samples that are here and were not in another window before."""

    def missing_from(self) -> float:
        """First time that has to be fetched."""
        if self.settled < self._start:
            return self._start
        if self._kind is QueryKind.RAW:
            return math.nextafter(self.settled, math.inf)
        return self._start + (math.floor((self.settled - self._start) / self._step + 1e-6) + 1) * self._step

    def add(self, since: float, until: float, fresh: Sequence[Series], end: float) -> None:
        """What the source has from `since` to `until`, both inclusive, at the time `end`.

        `since` is at most what `missing_from` says now. What is known further than `until` already stays as it is.
        """
        if until < self.until or since > self.missing_from():
            return
        first = since - self._slack
        seen = 0
        for one in fresh:
            track = self._tracks.get(one.labels)
            if track is not None:
                seen += 1
                if track.until < until:
                    self._extend(track, first, until, one)
            else:
                self._begin(one, first, until)
                seen += one.labels in self._tracks
        if seen < len(self._tracks):
            present = {one.labels for one in fresh}
            for labels, track in self._tracks.items():
                if labels not in present and track.until < until:
                    self._extend(track, first, until, None)
        self.until, self.settled = until, max(self.settled, min(until, end - self._delay))

    def series(self, until: float) -> tuple[Series, ...]:
        """What is known up to `until`, inclusive; series without a sample are left out."""
        last = until + self._slack
        found = [track.series(labels, last) for labels, track in self._tracks.items()]
        return tuple([one for one in found if one is not None])

    def with_partial(self, since: float, fresh: Iterable[Series]) -> tuple[Series, ...]:
        """What is known before `since` and `fresh` from then on; nothing is remembered."""
        parts = {one.labels: [one] for one in self.series(math.nextafter(since - 2 * self._slack, -math.inf))}
        for one in fresh:
            parts.setdefault(one.labels, []).append(one)
        return tuple(_joined(labels, pieces) for labels, pieces in parts.items())

    def _extend(self, track: Track, first: float, until: float, fresh: Series | None) -> None:
        self.size -= track.size
        track.replace(first, until, *(self._inside(fresh, first, until) if fresh is not None else (_EMPTY, _EMPTY, ())))
        self.size += track.size

    def _begin(self, fresh: Series, first: float, until: float) -> None:
        named = any(name == "__name__" for name, _ in fresh.labels)
        known = self._shared.get(fresh.labels) if named else None
        if known is not None:
            self._tracks[fresh.labels] = known
            if known.until < until:
                known.replace(first, until, *self._inside(fresh, first, until))
            return
        times, values, histograms = self._inside(fresh, first, until)
        if len(times) or histograms:
            self._tracks[fresh.labels] = track = Track(self._axis(times), Grown.of(values), histograms, until)
            if named:
                self._shared[fresh.labels] = track
            self.size += track.size

    def _inside(self, fresh: Series, first: float, until: float) -> tuple[Floats, Floats, tuple[Histogram, ...]]:
        last = until + self._slack
        times, values = fresh.arrays()
        if len(times) and (times[0] < first or times[-1] > last):
            inside = slice(np.searchsorted(times, first), np.searchsorted(times, last, side="right"))
            times, values = times[inside], values[inside]
        return times, values, tuple(h for h in fresh.histograms if first <= h.time <= last) if fresh.histograms else ()

    def _axis(self, times: Floats) -> Grown:
        """Scrapes of one host have the same times: they are kept once."""
        digest = blake2b(times.tobytes(), digest_size=16).digest()
        known = self._axes.get(digest)
        if known is None:
            self._axes[digest] = known = Buffer(times)
        return Grown(known, len(times))


class WindowCache:
    def __init__(self, *, ingest_delay: float = INGEST_DELAY_S, max_samples: int = MAX_SAMPLES) -> None:
        self.lock = threading.Lock()
        self._ingest_delay = ingest_delay
        self._max_samples = max_samples
        self._known: OrderedDict[Key, Window] = OrderedDict()
        self._sizes: dict[Key, int] = {}
        self._size = 0
        self._axes: WeakValueDictionary[bytes, Buffer] = WeakValueDictionary()
        self._shared: WeakValueDictionary[float, Shared] = WeakValueDictionary()
        """By beginning: only raw samples, whose labels alone say which series they are of."""

    def window(self, query: Query) -> Window:
        """The query's window; a new and empty one where none is known, which `keep` remembers."""
        key = _key(query)
        if (known := self._known.get(key)) is None:
            return Window(query, self._ingest_delay, self._tracks(query), self._axes)
        self._known.move_to_end(key)
        return known

    def _tracks(self, query: Query) -> Shared:
        if query.kind is not QueryKind.RAW or not selector_of(query.text):
            return WeakValueDictionary()
        shared = self._shared.get(query.start)
        if shared is None:
            self._shared[query.start] = shared = WeakValueDictionary()
        return shared

    def keep(self, query: Query, window: Window) -> None:
        """After something was added to the window."""
        key = _key(query)
        known = self._known.get(key)
        if known is not window:
            if known is not None and known.until > window.until:
                return
            self._forget(key)
            self._known[key] = window
        self._size += window.size - self._sizes.get(key, 0)
        self._sizes[key] = window.size
        if window.size > self._max_samples:
            self._forget(key)
        while self._size > self._max_samples:
            self._forget(next(iter(self._known)))

    def _forget(self, key: Key) -> None:
        if self._known.pop(key, None) is not None:
            self._size -= self._sizes.pop(key)


def _joined(labels: Labels, pieces: Sequence[Series]) -> Series:
    times, values = (np.concatenate([piece.arrays()[which] for piece in pieces]) for which in (0, 1))
    return Series.of_arrays(labels, times, values, tuple(h for piece in pieces for h in piece.histograms))


def _key(query: Query) -> Key:
    # Raw samples have no step. Enum members are slow to hash, and this is done thousands of times at every poll.
    return query.text, query.start, query.step, query.kind is QueryKind.TIMESTAMP
