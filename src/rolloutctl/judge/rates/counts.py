"""Increments of two counters in both arms, and the sums over hosts that the test is made of.

Axes are always (cells, segments, hosts) or (cells, segments). Counts are whole numbers held as floats, so sums are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]
NOBODY = -1
"""Instead of the index of a host: none."""


@dataclass(frozen=True, slots=True)
class Strata:
    """Per cell and segment: all and bad events of the canary (`n`, `x`) and of the baseline (`m`, `y`)."""

    n: Floats
    x: Floats
    m: Floats
    y: Floats

    @property
    def cells(self) -> int:
        return len(self.n)

    def running(self) -> Strata:
        """Sums from the first cell on."""
        return Strata(*(np.cumsum(part, axis=0) for part in (self.n, self.x, self.m, self.y)))


@dataclass(frozen=True, slots=True)
class Counts:
    """Per cell, segment and host. No value is negative, none is missing: a missed scrape's events come with the next."""

    canary_all: Floats
    canary_bad: Floats
    baseline_all: Floats
    baseline_bad: Floats

    @property
    def cells(self) -> int:
        return len(self.canary_all)

    def strata(self, without_canary: int = NOBODY, without_baseline: int = NOBODY) -> Strata:
        """Sums over hosts, one host of either arm left out where it is named."""
        return Strata(
            _summed(self.canary_all, without_canary),
            _summed(self.canary_bad, without_canary),
            _summed(self.baseline_all, without_baseline),
            _summed(self.baseline_bad, without_baseline),
        )

    def until(self, cell: int) -> Counts:
        """The first `cell` cells."""
        parts = self.canary_all, self.canary_bad, self.baseline_all, self.baseline_bad
        return Counts(*(part[:cell] for part in parts))

    def segment(self, index: int) -> Counts:
        """One segment alone."""
        parts = self.canary_all, self.canary_bad, self.baseline_all, self.baseline_bad
        return Counts(*(part[:, index : index + 1] for part in parts))


def _summed(part: Floats, without: int) -> Floats:
    total: Floats = part.sum(axis=2)
    return total if without == NOBODY else total - part[:, :, without]
