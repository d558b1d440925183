"""Native histograms as a source hands them out, and as cumulative counts at bucket edges.

A native histogram's bucket borders depend on its schema, which a service may make coarser at any time. `Edges` holds counts
only at borders that every sample has, so that samples of two schemas are compared at the coarser one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Histogram:
    """One sample: observations since the counter began. Empty buckets are absent."""

    time: float
    """Unix s."""
    count: float
    """All observations."""
    sum: float
    buckets: tuple[tuple[float, float, float], ...]
    """(lower border, upper border, observations), not cumulative, in order; an observation on a border counts for the
    bucket below it (as `le` does), save for negative ones."""


@dataclass(frozen=True, slots=True)
class Edges:
    """A series of native histograms, read like the `le` counters of a classic one."""

    times: Floats
    """(n,) Unix s."""
    edges: Floats
    """(k,) upper borders, finite and ascending: the `le` of each column."""
    below: Floats
    """(n, k) observations at or below each edge."""
    count: Floats
    """(n,) all observations: the column for `le="+Inf"`."""


def edges_of(samples: Sequence[Histogram], among: Floats | None = None) -> Edges:
    """`samples` in order of time. `among`: only these edges (of another series, so that both have the same columns).

    An edge that lies inside a bucket of any sample is left out: how many observations of that bucket are below it is unknown.
    """
    # Loaded where samples are computed with, never at start-up.
    import numpy as np  # noqa: PLC0415

    borders = {upper for one in samples for _, upper, _ in one.buckets}
    edges = np.array(sorted(border for border in borders if np.isfinite(border)), dtype=np.float64)
    if among is not None:
        edges = np.asarray(among, dtype=np.float64)
    below = np.zeros((len(samples), len(edges)))
    shared = np.ones(len(edges), dtype=bool)
    for row, one in enumerate(samples):
        if not one.buckets:
            continue
        lower, upper, count = np.array(one.buckets, dtype=np.float64).T
        whole = np.searchsorted(upper, edges, side="right")
        below[row] = np.concatenate(([0.0], np.cumsum(count)))[whole]
        nexts = np.append(lower, np.inf)[whole]
        shared &= edges <= nexts
    times = np.array([one.time for one in samples], dtype=np.float64)
    counts = np.array([one.count for one in samples], dtype=np.float64)
    return Edges(times, edges[shared], below[:, shared], counts)
