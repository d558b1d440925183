"""What a rule sees: counts by cell and host of the two arms, and what the service was like before the start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Arms:
    """Counts have shape (cells, hosts) and hold what came in that cell; errors never exceed requests."""

    canary_requests: Counts
    canary_errors: Counts
    baseline_requests: Counts
    baseline_errors: Counts
    cell_s: float
    usual_ratio: float
    """Errors per request of the service before the start."""
    past_requests: Counts
    """(minutes, baseline hosts) of the hour before the start."""
    past_errors: Counts

    def per(self, seconds: float) -> int:
        """Cells in so many seconds, at least one."""
        return max(1, round(seconds / self.cell_s))


def over_window(counts: Counts, cells: int) -> Counts:
    """(cells, hosts) to (cells,): the sum over hosts and over the last `cells` cells, up to each cell."""
    total = np.concatenate(([0.0], np.cumsum(counts.sum(axis=1))))
    end = np.arange(1, len(total))
    window: Counts = total[end] - total[np.maximum(end - cells, 0)]
    return window


def looks(arms: Arms, every_s: float) -> NDArray[np.int64]:
    """The cells at whose end a rule looks."""
    every = arms.per(every_s)
    return np.arange(every - 1, len(arms.canary_requests), every)


def latched(arms: Arms, at: NDArray[np.int64], breached: Flags) -> Flags:
    """From the first look at which it would roll back, for good."""
    answer = np.zeros(len(arms.canary_requests), dtype=bool)
    first = np.flatnonzero(breached)
    if len(first):
        answer[at[first[0]] :] = True
    return answer
