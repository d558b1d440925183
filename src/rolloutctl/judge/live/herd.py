"""One more cell for many tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rolloutctl.judge.live.flock import Flock, gathered
from rolloutctl.judge.live.row import Row
from rolloutctl.judge.rate_stand import RateStand
from rolloutctl.judge.rates.counts import Floats
from rolloutctl.judge.rates.looks import Cell, Look, advance
from rolloutctl.judge.rates.outlook import Outlook, seconds
from rolloutctl.judge.unsound import CLIPPED_FROM

Counted = Sequence[Sequence[float]]
"""Of a cell, flat by segment and host: all and bad events of the canary, then of the baseline."""
Result = tuple[float, bool, bool]
"""Log evidence over what a breach needs; whether a baseline host may be sick; whether the evidence allows a pass."""


def advance_all(rows: Sequence[tuple[Row, Counted]]) -> list[Result]:
    """Brings every row up to the end of its cell."""
    shapes: dict[tuple[int, int, int, int], list[int]] = {}
    for place, (row, _) in enumerate(rows):
        shapes.setdefault(row.shape, []).append(place)
    found: list[Result] = [(0.0, False, False)] * len(rows)
    for shape, places in shapes.items():
        results = _together(shape, [rows[place] for place in places])
        for place, result in zip(places, results, strict=True):
            found[place] = result
    return found


def _together(shape: tuple[int, int, int, int], rows: Sequence[tuple[Row, Counted]]) -> list[Result]:
    segments, ours, theirs, _ = shape
    parts = [
        np.array([counted[kind] for _, counted in rows]).reshape(len(rows), segments, hosts)
        for kind, hosts in enumerate((ours, ours, theirs, theirs))
    ]
    herd = [row for row, _ in rows]
    for row, clipped in zip(herd, _clip(parts), strict=True):
        row.clipped += clipped
    flock = gathered(herd)
    standing, look = advance(flock.of, flock.standing, Cell(*parts))
    levels, low, high = flock.levels.with_cell(np.stack([part.sum(axis=2) for part in parts], axis=1), look.phi)
    sums = np.stack([part.sum(axis=(1, 2)) for part in parts], axis=1)
    _tell(herd, Flock(flock.of, standing, levels), look, (low, high), sums)
    return list(zip(look.excess.tolist(), look.sick.tolist(), look.passed.tolist(), strict=True))


def _clip(parts: list[Floats]) -> list[bool]:
    """Bad events never outnumber all events; of each test, whether they did."""
    more = np.zeros(len(parts[0]), dtype=np.bool_)
    for everything, bad in ((0, 1), (2, 3)):
        more |= (parts[bad] > parts[everything] * CLIPPED_FROM).any(axis=(1, 2))
        parts[bad] = np.minimum(parts[bad], parts[everything])
    found: list[bool] = more.tolist()
    return found


def _tell(herd: Sequence[Row], flock: Flock, look: Look, ends: tuple[Floats, Floats], sums: Floats) -> None:
    """What each row shows of itself from now on; `sums` are all and bad events of the cell."""
    of, standing = flock.of, flock.standing
    totals = np.concatenate([standing.canary.sum(axis=(1, 2)), standing.baseline.sum(axis=(1, 2))], axis=1)
    known = (look.ratio, look.phi, look.tolerated, look.spread, look.log_e, look.log_p)
    elapsed = standing.cells * of.cell_s
    n, x, m, y = totals.T
    outlook = Outlook(n, x, m, y, *known, elapsed, of.alpha, of.beta, of.reject, of.slack)
    times = [np.minimum(*seconds(outlook, hoping=hoping)) for hoping in (False, True)]
    numbers = np.column_stack([totals, *known, elapsed, *ends, *times]).tolist()
    for place, (row, new, cell, by_ratio) in enumerate(zip(herd, numbers, sums.tolist(), look.by_ratio.tolist(), strict=True)):
        row.flock, row.place = flock, place
        *stand, elapsed_s, low, high, row.needed_s, row.at_best_s = new
        n, x, m, y, ratio, phi, tolerated, spread, log_e, log_p = stand
        row.stand = RateStand(n, x, m, y, ratio, phi, tolerated, spread, log_e, log_p, by_ratio, elapsed_s)
        row.bounds = (low, high)
        row.add((cell[0], cell[1], cell[2], cell[3]))
