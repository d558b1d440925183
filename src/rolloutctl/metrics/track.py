"""One series as far as it is known, growing at its end."""

from __future__ import annotations

import numpy as np

from rolloutctl.metrics.grown import Floats, Grown
from rolloutctl.model.histogram import Histogram
from rolloutctl.model.samples import Labels, Series

_OF_A_HISTOGRAM = 50
"""Samples that a native histogram takes the place of."""


class Track:
    """Windows of the same beginning that have the same series share its track. Known up to `until`."""

    __slots__ = ("__weakref__", "histograms", "shown", "times", "until", "values")

    def __init__(self, times: Grown, values: Grown, histograms: tuple[Histogram, ...], until: float) -> None:
        self.times = times
        self.values = values
        self.histograms = histograms
        self.until = until
        self.shown: Series | None = None
        """All of it, as it was last handed out."""

    @property
    def size(self) -> int:
        return self.times.size + _OF_A_HISTOGRAM * len(self.histograms)

    def series(self, labels: Labels, last: float) -> Series | None:
        """Up to `last`; None where there is nothing."""
        if self.until <= last:
            if self.shown is None:
                size = self.times.size
                self.shown = Series.of_arrays(labels, self.times.view(0, size), self.values.view(0, size), self.histograms)
            return self.shown if self.times.size or self.histograms else None
        stop = int(np.searchsorted(self.times.view(0, self.times.size), last, side="right"))
        histograms = tuple(h for h in self.histograms if h.time <= last)
        if not stop and not histograms:
            return None
        return Series.of_arrays(labels, self.times.view(0, stop), self.values.view(0, stop), histograms)

    def replace(self, first: float, until: float, times: Floats, values: Floats, histograms: tuple[Histogram, ...]) -> None:
        """What is from `first` on."""
        keep = _before(self.times, first)
        if keep < self.times.size or len(times):
            self.times, self.values = self.times.replaced(keep, times), self.values.replaced(keep, values)
        if self.histograms or histograms:
            self.histograms = (*(h for h in self.histograms if h.time < first), *histograms)
        self.until, self.shown = until, None


def _before(times: Grown, first: float) -> int:
    """How many times are before `first`; looked for from the end, where it nearly always is."""
    numbers, place = times.buffer.numbers, times.size
    for _ in range(4):
        if place == 0 or numbers[place - 1] < first:
            return place
        place -= 1
    return int(np.searchsorted(numbers[:place], first))
