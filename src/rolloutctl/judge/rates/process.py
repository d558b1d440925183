"""The two e-processes on cell counts, in the log domain.

Breach: under "canary at most `rho` worse" the canary's share of a cell's bad events is at most `pi`; the likelihood ratio of
larger shares is a martingale, whatever drift or burst the arms share. It is mixed over alternatives and over the cell at
which a regression begins. Pass: the same with the question reversed. Dividing by phi allows for events that come together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.rates.counts import Floats, Strata
from rolloutctl.judge.rates.settings import FIRST_MOST_PER_S, LATE_MOST_PER_S, PHI_GRID

_NO_CASH = 1e-12


@dataclass(frozen=True, slots=True)
class Mixture:
    """The breach process as of the last cell seen: for every phi of the grid and every alternative."""

    first: Floats
    """Sum of log likelihood ratios divided by phi, of a regression that began with the phase: (phis, alternatives)."""
    level: Floats
    """The same sum, of one that began later: each cell counts less at most."""
    onsets: Floats
    """Log of the sum over later onsets of weight / exp(level before the onset): (phis, alternatives)."""
    cells: int = 0

    @staticmethod
    def fresh(alternatives: int) -> Mixture:
        shape = (len(PHI_GRID), alternatives)
        return Mixture(np.zeros(shape), np.zeros(shape), np.full(shape, -np.inf))


def compared(strata: Strata, against: Floats, alternatives: Floats) -> Floats:
    """Log likelihood ratios per cell and alternative: ratio `alternatives[cell, k]` against ratio `against[cell]`.

    Segments without events of one of the arms in a cell say nothing there.
    """
    both = (strata.n > 0) & (strata.m > 0)
    n, m = np.where(both, strata.n, 1.0), np.where(both, strata.m, 1.0)
    x, y = np.where(both, strata.x, 0.0), np.where(both, strata.y, 0.0)
    # In log domain: x log(q / pi) + y log((1 - q) / (1 - pi)) = x log(a / rho) - (x + y) log((a n + m) / (rho n + m)).
    per_cell = np.log(alternatives / against[:, None])
    below = against[:, None] * n + m
    found: Floats = np.empty(alternatives.shape)
    events, ours = x + y, x.sum(axis=1)
    for k in range(alternatives.shape[1]):
        growth = np.log((alternatives[:, k : k + 1] * n + m) / below)
        found[:, k] = ours * per_cell[:, k] - np.einsum("cs,cs->c", events, growth)
    return found


def onset_weights(first: int, cells: int, horizon: int, onset: float) -> Floats:
    """Prior weight of a regression that begins with cell `first`, `first + 1`, …; they sum to one over the horizon."""
    index = np.arange(first, first + cells)
    weights: Floats = np.where(index == 0, 1.0 - onset, onset / max(1, horizon - 1))
    weights[index >= horizon] = 0.0
    return weights


def log_evidence(evidence: Floats, phi: Floats, horizon: int, onset: float, cell_s: float = math.inf) -> Floats:
    """Log E per cell at that cell's phi, from the first cell on. `evidence` is (cells, alternatives).

    `cell_s` bounds what one cell may add; infinite: nothing does.
    """
    low, _ = grid_place(phi)
    visited = range(int(low.min()), int(low.max()) + 2) if len(phi) else range(0)
    found, _ = _process(evidence, phi, horizon, onset, cell_s, Mixture.fresh(evidence.shape[1]), visited)
    return found


def breach_process(
    evidence: Floats, phi: Floats, horizon: int, onset: float, cell_s: float, start: Mixture
) -> tuple[Floats, Mixture]:
    """The same from where `start` stands, and where the mixture stands then."""
    return _process(evidence, phi, horizon, onset, cell_s, start, range(len(PHI_GRID)))


def _process(
    evidence: Floats, phi: Floats, horizon: int, onset: float, cell_s: float, start: Mixture, phis: range
) -> tuple[Floats, Mixture]:
    """`phis` are those of the grid that are followed."""
    cells, alternatives = evidence.shape
    if not cells:
        return np.zeros(0), start
    weights = onset_weights(start.cells, cells, horizon, onset)
    if start.cells == 0:
        weights[0] = 0.0
    with np.errstate(divide="ignore"):
        log_weights, log_first = np.log(weights), np.log(1.0 - onset)
    spent = _spent(start.cells + np.arange(1, cells + 1), horizon, onset)
    low, share = grid_place(phi)
    below, above = np.zeros(cells), np.zeros(cells)
    firsts, levels, onsets = start.first.copy(), start.level.copy(), start.onsets.copy()
    for g in phis:
        added = evidence / PHI_GRID[g]
        first = np.cumsum(np.concatenate([start.first[g][None, :], np.minimum(added, FIRST_MOST_PER_S * cell_s)]), axis=0)
        level = np.cumsum(np.concatenate([start.level[g][None, :], np.minimum(added, LATE_MOST_PER_S * cell_s)]), axis=0)
        begun = np.concatenate([start.onsets[g][None, :], log_weights[:, None] - level[:-1]])
        reached = np.logaddexp.accumulate(begun, axis=0)[1:]
        firsts[g], levels[g], onsets[g] = first[-1], level[-1], reached[-1]
        mixed = np.logaddexp(level[1:] + reached, first[1:] + log_first)
        for side, place in ((below, g), (above, g - 1)):
            wanted = low == place
            side[wanted] = np.logaddexp.reduce(mixed[wanted], axis=1) - np.log(alternatives)
    with np.errstate(divide="ignore"):
        cash = np.log(np.where(1.0 - spent > _NO_CASH, 1.0 - spent, 0.0))
    found: Floats = (np.logaddexp(below, cash) * (1.0 - share) + np.logaddexp(above, cash) * share) * beyond_grid(phi)
    return found, Mixture(firsts, levels, onsets, start.cells + cells)


def _spent(cells_seen: np.ndarray, horizon: int, onset: float) -> Floats:
    late = np.minimum(cells_seen, horizon) - 1
    spent: Floats = 1.0 - onset + onset * late / max(1, horizon - 1)
    return spent


def grid_place(phi: Floats) -> tuple[np.ndarray, Floats]:
    """Index of the grid's phi below, and the share of the next one, linear in 1 / phi."""
    inside = np.clip(phi, PHI_GRID[0], PHI_GRID[-1])
    low = np.clip(np.searchsorted(PHI_GRID, inside, side="right") - 1, 0, len(PHI_GRID) - 2)
    a, b = 1.0 / PHI_GRID[low], 1.0 / PHI_GRID[low + 1]
    share: Floats = (1.0 / inside - a) / (b - a)
    return low, share


def beyond_grid(phi: Floats) -> Floats:
    """What is left of the log evidence at the grid's last phi: it goes to nothing as phi grows without end."""
    left: Floats = np.minimum(1.0, PHI_GRID[-1] / phi)
    return left


def mean_of(sums: Floats, phi: Floats) -> Floats:
    """Log of the mean over alternatives of exp(sum / phi), per cell."""
    found: Floats = np.logaddexp.reduce(sums / phi[:, None], axis=1) - np.log(sums.shape[1])
    return found
