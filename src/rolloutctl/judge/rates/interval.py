"""95 % confidence sequence of the ratio: what the data have not excluded, true at all times together.

For every candidate ratio on a grid: the likelihood averaged over the grid, against the candidate's own. A candidate is
excluded once that exceeds 20 (Ville's inequality), with phi as for the tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rolloutctl.judge.rates.counts import Strata

_POINTS = 121
_CANDIDATES = np.exp(np.linspace(math.log(0.02), math.log(200.0), _POINTS))
_CONFIDENCE = math.log(1 / 0.05)
_HALVINGS = 20
_ROWS = 400
"""More cells than this are taken together in groups: as valid, and not slower for an old phase."""


def interval(strata: Strata, phi: float) -> tuple[float, float]:
    """(low, high); 0 and infinity where the grid's ends are not excluded. Wide while there is little to go by."""
    starts = np.arange(0, strata.cells, max(1, math.ceil(strata.cells / _ROWS)))
    n, m, x, y = (np.add.reduceat(part, starts) if len(starts) else part for part in (strata.n, strata.m, strata.x, strata.y))
    both = (n > 0) & (m > 0)
    n, m, x, y = n[both], m[both], x[both], y[both]
    if not (x.sum() + y.sum()):
        return 0.0, math.inf
    has = (x + y) > 0
    n, m, x, y = n[has], m[has], x[has], y[has]
    events, total = x + y, float(x.sum())

    def level(ratio: float) -> float:
        return (total * math.log(ratio) - float(events @ np.log(ratio * n + m))) / phi

    levels = np.array([level(ratio) for ratio in _CANDIDATES])
    least = float(np.logaddexp.reduce(levels)) - math.log(_POINTS) - _CONFIDENCE
    inside = np.flatnonzero(levels > least)
    first, last = int(inside[0]), int(inside[-1])
    low = 0.0 if first == 0 else _crossing(level, least, _CANDIDATES[first - 1], _CANDIDATES[first])
    high = math.inf if last == _POINTS - 1 else _crossing(level, least, _CANDIDATES[last + 1], _CANDIDATES[last])
    return low, high


def _crossing(level: Callable[[float], float], least: float, outside: float, inside: float) -> float:
    """Where the level reaches `least` between an excluded and an included ratio."""
    for _ in range(_HALVINGS):
        middle = math.sqrt(outside * inside)
        outside, inside = (outside, middle) if level(middle) > least else (middle, inside)
    return float(outside)
