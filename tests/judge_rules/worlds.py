"""Arms whose counts are written down, not drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bench.judge_rules.arms import Arms

CELL_S = 15.0
PER_MINUTE = 4


def arms(
    canary: Sequence[tuple[float, float]], baseline: Sequence[tuple[float, float]] | None = None, *, usual: float = 0.01
) -> Arms:
    """One entry per minute: requests and errors of one host in each of its four cells. Without a baseline: 1 % of 100."""
    theirs = baseline or [(100.0, 1.0)] * len(canary)
    n, x, m, y = (
        np.repeat([pair[index] for pair in pairs], PER_MINUTE).astype(float)[:, None]
        for pairs in (canary, theirs)
        for index in (0, 1)
    )
    past = np.full((60, 1), 400.0)
    return Arms(n, x, m, y, CELL_S, usual, past, past * usual)


def first(breached: np.ndarray) -> float | None:
    """Minutes after the start at which it would roll back."""
    cells = np.flatnonzero(breached)
    return (float(cells[0]) + 1.0) / PER_MINUTE if len(cells) else None
