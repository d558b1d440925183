"""What a criterion on counted events shows per cell: the arms' values over a sliding window, and the bound beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rolloutctl.judge.rates.counts import Counts, Floats


@dataclass(frozen=True, slots=True)
class Curves:
    """One value per cell from the first judged one; NaN where there is none. Events are those of the window."""

    canary: Floats
    baseline: Floats
    bound: Floats
    events_canary: Floats
    events_baseline: Floats


class Drawing(Protocol):
    def curves(self, until: int, tolerated: Floats) -> Curves:
        """Of the first `until` judged cells; `tolerated` is the factor or the bound that was tested, per cell."""
        ...


def sliding(values: Floats, width: int) -> Floats:
    """For every cell the sum over the `width` cells that end there (fewer at the beginning); along the first axis."""
    sums = np.cumsum(np.concatenate([np.zeros((1, *values.shape[1:])), values]), axis=0)
    ends = np.arange(1, len(values) + 1)
    found: Floats = sums[ends] - sums[np.maximum(ends - width, 0)]
    return found


@dataclass(frozen=True, slots=True)
class Shares:
    """Bad events out of all events."""

    counts: Counts
    width: int
    compares: bool

    def curves(self, until: int, tolerated: Floats) -> Curves:
        first = self.counts.until(until)
        parts = (first.canary_all, first.canary_bad, first.baseline_all, first.baseline_bad)
        n, x, m, y = (sliding(part.sum(axis=(1, 2)), self.width) for part in parts)
        theirs = over(y, m)
        return Curves(over(x, n), theirs, theirs * tolerated if self.compares else tolerated, n, m)


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile by interpolation inside its bucket: shown, never tested."""

    edges: Floats
    """Finite upper edges of the buckets, in seconds."""
    canary: Floats
    """(cells, edges and infinity): observations up to the edge, cumulative."""
    baseline: Floats
    quantile: float
    width: int
    bound: float | None
    factor: float

    def curves(self, until: int, tolerated: Floats) -> Curves:  # noqa: ARG002 - what is tested are shares at the edges
        ours, theirs = (sliding(part[:until], self.width) for part in (self.canary, self.baseline))
        p, q = (self._values(part) for part in (ours, theirs))
        bound = q * self.factor if self.bound is None else np.full(until, self.bound)
        return Curves(p, q, bound, ours[:, -1], theirs[:, -1])

    def _values(self, cumulative: Floats) -> Floats:
        rank = cumulative[:, -1] * self.quantile
        at = (cumulative < rank[:, None]).sum(axis=1)
        edges = np.concatenate([[0.0], self.edges, self.edges[-1:]])
        padded = np.concatenate([np.zeros((len(cumulative), 1)), cumulative], axis=1)
        index = np.arange(len(cumulative))
        at = np.minimum(at, cumulative.shape[1] - 1)
        below, above = padded[index, at], padded[index, at + 1]
        share = np.divide(rank - below, above - below, out=np.ones(len(cumulative)), where=above > below)
        found: Floats = edges[at] + (edges[at + 1] - edges[at]) * share
        return np.where(cumulative[:, -1] > 0, found, np.nan)


def over(part: Floats, whole: Floats) -> Floats:
    """NaN where there is no whole."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
