"""When samples were scraped, told from the samples themselves.

`timestamp()` over a day of grid times costs a server seconds to minutes, the raw samples of the same day next to nothing. So only
the newest part is asked as an expression; what lies before it is read off raw samples, by the rules of an instant vector: the
newest sample counts until the next one, or, where the next one is missing, until it should have come; never longer than the
lookback.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from rolloutctl.model.samples import Query, QueryKind, Series

LOOKBACK_S = 300.0
"""Prometheus' default: no sample counts longer."""
LONG_S = 1800.0
"""A stretch from which on raw samples are asked."""
RECENT_S = 600.0
"""What is asked as an expression all the same: late samples and the next scrape belong to it."""
_LATE = 1.5
"""Scrape intervals after which the next sample is missing."""


def raw_part(query: Query, since: float) -> tuple[Query, float] | None:
    """What to ask instead of a TIMESTAMP query from `since` on, and the last grid time that it tells; None: it is short."""
    if query.kind is not QueryKind.TIMESTAMP or query.end - since < LONG_S:
        return None
    cut = since + math.floor((query.end - RECENT_S - since) / query.step) * query.step
    return Query(QueryKind.RAW, query.text, since - LOOKBACK_S, query.end), cut


def timestamps(raw: Iterable[Series], query: Query, since: float, cut: float) -> tuple[Series, ...] | None:
    """The answer to the TIMESTAMP query from `since` to `cut`; None where two series would be one without their names."""
    grid = np.asarray(since + np.arange(round((cut - since) / query.step) + 1) * query.step, dtype=np.float64)
    found: dict[tuple[tuple[str, str], ...], Series] = {}
    for one in raw:
        labels = tuple(pair for pair in one.labels if pair[0] != "__name__")
        if labels in found or one.histograms:
            return None
        times, _ = one.arrays()
        if not len(times):
            continue
        newest = np.searchsorted(times, grid, side="right") - 1
        steps = np.diff(times)
        usual = float(np.median(steps)) if len(steps) else LOOKBACK_S
        lasts = np.append(np.where(steps <= _LATE * usual, steps, np.minimum(steps, usual)), LOOKBACK_S)
        age = grid - times[newest]
        known = (newest >= 0) & (age < LOOKBACK_S) & (age <= lasts[newest])
        if known.any():
            found[labels] = Series.of_arrays(labels, grid[known], times[newest[known]])
    return tuple(found.values())
