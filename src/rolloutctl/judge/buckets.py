"""Histograms, classic and native, as counters of observations up to an edge.

Both arms are read at the edges that all of their series have, so that a changed bucket layout or a coarser schema never shifts
a count. Cumulative counts that are out of order (a scrape between two updates) are repaired upwards, as the source does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from rolloutctl.judge.needs import LE
from rolloutctl.judge.rates.counts import Floats
from rolloutctl.model.histogram import edges_of
from rolloutctl.model.samples import Samples, Series

MOST_EDGES = 5
LEAST_SURVIVAL, MOST_SURVIVAL = 0.004, 0.4
"""Edges with fewer slower observations say too little, with more they say nothing about the slow ones."""
_TINY = 1e-9

Buckets = Mapping[float, Sequence[Series]]
"""By upper edge in seconds, infinity included: counters of observations up to it."""


def buckets_of(series: Iterable[Series]) -> dict[float, list[Series]]:
    found: dict[float, list[Series]] = {}
    native: list[Series] = []
    for one in series:
        edge = _edge(one.label(LE))
        if one.histograms:
            native.append(one)
        elif edge is not None:
            found.setdefault(edge, []).append(one)
    return found or _native(native)


def natives(samples: Samples, until: float) -> list[Series]:
    """The series of native histograms, with nothing after `until`."""
    found = []
    for one in sorted((series for series in samples.series if series.histograms), key=lambda series: series.labels):
        kept = tuple(sample for sample in one.histograms if sample.time <= until)
        if kept:
            found.append(Series(one.labels, (), (), kept))
    return found


def _edge(text: str) -> float | None:
    try:
        edge = float(text)
    except ValueError:
        return None
    return None if math.isnan(edge) else edge


def _native(series: Sequence[Series]) -> dict[float, list[Series]]:
    if not series:
        return {}
    everything = [sample for one in series for sample in one.histograms]
    common = edges_of(everything).edges
    found: dict[float, list[Series]] = {}
    for one in series:
        read = edges_of(one.histograms, common)
        for column, edge in enumerate(read.edges):
            found.setdefault(float(edge), []).append(Series.of_arrays(one.labels, read.times, read.below[:, column]))
        found.setdefault(math.inf, []).append(Series.of_arrays(one.labels, read.times, read.count))
    return found


def common_edges(arms: Sequence[Buckets]) -> tuple[float, ...]:
    """Finite edges above zero that every arm has, ascending."""
    shared = set.intersection(*(set(arm) for arm in arms)) if arms else set()
    return tuple(sorted(edge for edge in shared if math.isfinite(edge) and edge > 0))


def repaired(cumulative: Floats) -> tuple[Floats, Floats]:
    """(cells, edges, …) with counts that never fall along the edges, and how many observations were moved per cell."""
    fixed: Floats = np.maximum.accumulate(cumulative, axis=1)
    moved: Floats = (fixed - cumulative).sum(axis=tuple(range(1, cumulative.ndim)))
    return fixed, moved


def survival(cumulative: Floats) -> Floats:
    """Share of observations over each edge, from counts up to each edge and (last) of all."""
    total = cumulative[-1]
    return 1.0 - cumulative[:-1] / total if total > 0 else np.ones(len(cumulative) - 1)


def survival_at(shares: Floats, edges: Floats, value: float) -> float:
    """Share of observations slower than `value`, by interpolation between edges on logarithmic axes."""
    at = int(np.clip(np.searchsorted(edges, value), 1, len(edges) - 1))
    if value > edges[-1]:
        return float(shares[-1])
    a, b = math.log(edges[at - 1]), math.log(edges[at])
    low, high = math.log(max(shares[at - 1], _TINY)), math.log(max(shares[at], _TINY))
    return math.exp(low + (high - low) * (max(math.log(value), a) - a) / (b - a))


def tested_edges(shares: Floats) -> tuple[int, ...]:
    """Indexes of at most MOST_EDGES edges that can tell something about the slow observations."""
    fit = [index for index in range(1, len(shares)) if LEAST_SURVIVAL <= shares[index] <= MOST_SURVIVAL]
    if len(fit) > MOST_EDGES:
        fit = [fit[round(step * (len(fit) - 1) / (MOST_EDGES - 1))] for step in range(MOST_EDGES)]
    return tuple(dict.fromkeys(fit))


def nearest_edge(shares: Floats, among: Sequence[int], quantile: float) -> int:
    """The tested edge whose share of slower observations is nearest to that of a quantile."""
    return min(among, key=lambda index: abs(math.log(shares[index] / (1.0 - quantile))))
