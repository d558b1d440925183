"""One arm against a declared share of bad events, above it and below it.

Bad events of a cell are at most binomial with the bound as their share, so the Poisson likelihood ratio errs to the safe side.
Shared bursts do not cancel here, so the dispersion is that of the counts themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.rates.counts import Flags, Floats
from rolloutctl.judge.rates.dispersion import BLOCKS_S, block_lengths
from rolloutctl.judge.rates.process import log_evidence, mean_of
from rolloutctl.judge.rates.settings import HARM, LATE_ONSET, QUIET, SAFE, early_caution

_BELOW = (0.8, *SAFE)
_PRIOR_PHI = 1.5
_PRIOR_WEIGHT = 10.0


@dataclass(frozen=True, slots=True)
class SingleTrack:
    """One value per cell."""

    log_e: Floats
    log_p: Floats
    fail: Flags
    passed: Flags
    phi: Floats


def single(
    everything: Floats,
    bad: Floats,
    bound: float,
    pass_bound: float,
    *,
    cell_s: float,
    horizon: int,
    alpha: float,
    beta: float,
    onset: float = LATE_ONSET,
) -> SingleTrack:
    """`everything` and `bad` are (cells, segments): over `bound` of all is a breach, under `pass_bound` a pass; 0 to 1."""
    n, x = everything.sum(axis=1), bad.sum(axis=1)
    phi = _dispersion(n, x, cell_s)
    above, below = np.array(HARM), np.array(_BELOW)
    worse = x[:, None] * np.log(above) - (n * bound)[:, None] * (above - 1.0)
    log_e = log_evidence(worse, phi, horizon, onset)
    better = x[:, None] * np.log(below) - (n * pass_bound)[:, None] * (below - 1.0)
    log_p = mean_of(np.cumsum(better, axis=0), phi)
    threshold = early_caution(len(n), cell_s) - np.log(alpha)
    return SingleTrack(log_e, log_p, log_e >= threshold, (log_p >= -np.log(beta)) & (log_e < QUIET), phi)


def _dispersion(n: Floats, x: Floats, cell_s: float) -> Floats:
    """Neighbouring blocks' differences against those of independent events, at the share seen so far."""
    cells = len(n)
    total, seen = np.cumsum(n), np.cumsum(x)
    share = np.divide(seen + 0.5, total + 1.0)
    best, towards = np.ones(cells), np.full(cells, _PRIOR_PHI)
    for length in block_lengths(cell_s, BLOCKS_S):
        ends = np.arange(length - 1, cells, length)
        if len(ends) < 2:
            continue
        block_n = np.diff(total[ends], prepend=0.0)
        block_x = np.diff(seen[ends], prepend=0.0)
        surplus = block_x - block_n * share[ends]
        variance = np.maximum(block_n * share[ends] * (1.0 - share[ends]), 1e-9)
        squares = np.cumsum(np.append(0.0, np.diff(surplus) ** 2))
        variances = np.cumsum(np.append(0.0, variance[1:] + variance[:-1]))
        at = np.searchsorted(ends, np.arange(cells), side="right") - 1
        pairs = np.maximum(at, 0)
        s, v = squares[pairs], variances[pairs]
        typical = v / np.maximum(pairs, 1)
        found = np.where(
            pairs > 0, (s + _PRIOR_WEIGHT * towards * typical) / np.maximum(v + _PRIOR_WEIGHT * typical, 1e-9), towards
        )
        best, towards = np.maximum(best, found), np.maximum(found, 1.0)
    powered: Floats = best**1.1
    return powered
