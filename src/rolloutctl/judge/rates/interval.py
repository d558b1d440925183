"""95 % confidence sequence of the ratio: what the data have not excluded, true at all times together.

For every candidate ratio on a grid: the likelihood averaged over the grid, against the candidate's own. A candidate is
excluded once that exceeds 20 (Ville's inequality), with phi as for the tests. Between two candidates a parabola is read.
Levels are sums over groups of cells, so a later look only adds to them; groups are cut by the plan, not by how much is known.
"""

from __future__ import annotations

import math

import numpy as np

from rolloutctl.judge.rates.counts import Floats, Strata

POINTS = 121
_LOGS = np.linspace(math.log(0.02), math.log(200.0), POINTS)
_CANDIDATES = np.exp(_LOGS)
_STEP = float(_LOGS[1] - _LOGS[0])
_CONFIDENCE = math.log(1 / 0.05)
_ROWS = 400
"""More cells than this are taken together in groups: as valid, and not slower for an old phase."""


def group_of(horizon: int) -> int:
    """How many cells are taken together in a phase of `horizon` cells."""
    return max(1, math.ceil(horizon / _ROWS))


def interval(strata: Strata, phi: float, group: int = 1) -> tuple[float, float]:
    """(low, high); 0 and infinity where the grid's ends are not excluded. Wide while there is little to go by."""
    starts = np.arange(0, strata.cells, group)
    parts = (strata.n, strata.x, strata.m, strata.y)
    n, x, m, y = (np.add.reduceat(part, starts) if len(starts) else part for part in parts)
    levels = levels_of(n, x, m, y).sum(axis=0, keepdims=True)
    events = np.array([events_of(n, x, m, y).sum()])
    low, high = bounds(levels, events, np.array([phi]))
    return float(low[0]), float(high[0])


def levels_of(n: Floats, x: Floats, m: Floats, y: Floats) -> Floats:
    """(rows, candidates): log likelihoods times phi of rows of all and bad events by segment."""
    both = (n > 0) & (m > 0)
    events, ours = np.where(both, x + y, 0.0), np.where(both, x, 0.0).sum(axis=1)
    found: Floats = ours[:, None] * _LOGS
    for segment in range(n.shape[1]):
        rows = np.flatnonzero(events[:, segment] > 0)
        weighted = np.log(_CANDIDATES * n[rows, segment, None] + m[rows, segment, None])
        found[rows] -= events[rows, segment, None] * weighted
    return found


def events_of(n: Floats, x: Floats, m: Floats, y: Floats) -> Floats:
    """(rows,): bad events that say something."""
    found: Floats = np.where((n > 0) & (m > 0), x + y, 0.0).sum(axis=1)
    return found


def bounds(levels: Floats, events: Floats, phi: Floats) -> tuple[Floats, Floats]:
    """(low, high) of each row, from the summed `levels` and `events`."""
    scaled = levels / phi[:, None]
    least = np.logaddexp.reduce(scaled, axis=1) - math.log(POINTS) - _CONFIDENCE
    above = scaled - least[:, None]
    inside = above > 0
    rows = np.arange(len(phi))
    first, last = inside.argmax(axis=1), POINTS - 1 - inside[:, ::-1].argmax(axis=1)
    low = np.where(first == 0, 0.0, _crossing(above, rows, first, -1))
    high = np.where(last == POINTS - 1, np.inf, _crossing(above, rows, last, 1))
    known = events > 0
    return np.where(known, low, 0.0), np.where(known, high, np.inf)


def _crossing(above: Floats, rows: np.ndarray, inside: np.ndarray, towards: int) -> Floats:
    """Where the level falls to nothing between the last included candidate and the next one `towards` the outside."""
    here = above[rows, inside]
    out = above[rows, np.clip(inside + towards, 0, POINTS - 1)]
    back = above[rows, np.clip(inside - towards, 0, POINTS - 1)]
    bend, slope = (back + out) / 2.0 - here, (back - out) / 2.0
    root = slope + np.sqrt(np.maximum(slope * slope - 4.0 * bend * here, 0.0))
    part = np.divide(2.0 * here, root, out=np.ones_like(here), where=root > 0)
    found: Floats = np.exp(_LOGS[inside] + towards * _STEP * np.clip(part, 0.0, 1.0))
    return found
