"""Counters of too many series: summed by the source, and made into counters again.

What comes of it are estimates: `rate` extrapolates, and looks over two minutes. So it says so (`Samples.approximate`).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from rolloutctl.model.samples import Answer, Query, QueryKind, Samples, Series

CELL_S = 60.0
"""One sample of the made counters; scrapes have to be at most this far apart."""


def approximated(query: Query) -> Query | None:
    """The expression to ask instead; None where the query does not say by which labels it may be summed, or is too short."""
    cells = math.floor((query.end - query.start) / CELL_S)
    if query.kind is not QueryKind.RAW or query.by is None or cells < 1:
        return None
    text = f"sum by ({', '.join(query.by)}) (rate({query.text}[{2 * CELL_S:.0f}s])) * {CELL_S:.0f}"
    return Query(QueryKind.GRID, text, query.start + CELL_S, query.start + cells * CELL_S, CELL_S)


def counted(answer: Answer) -> Answer:
    """Increments per cell as counters that begin with 0 one cell before the first."""
    if not isinstance(answer, Samples):
        return answer
    return replace(answer, series=tuple(_counter(one) for one in answer.series if len(one)), approximate=True)


def _counter(increments: Series) -> Series:
    times, values = increments.arrays()
    # A cell without a number counts nothing; what is no number must not spoil all cells after it.
    known = np.where(np.isfinite(values), values, 0.0)
    return Series.of_arrays(
        increments.labels,
        np.concatenate((times[:1] - CELL_S, times)),
        np.concatenate(([0.0], np.cumsum(known))),
    )
