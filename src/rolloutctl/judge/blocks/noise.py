"""How noisy a block is: the long-run variance, from history at first and from the phase itself before long.

Measured by steps between successive means of 1, 2, 5, 10, 30 and 60 blocks, so that a level does not count as noise but slow
wandering does; the largest counts. Longer means are few, so each estimate leans on the next shorter one, and the shortest
on history, worth four blocks: hosts behind one load balancer are calmer in history than two arms are later. Noise falls as
much as it rises, a regression only rises: rises count for at most one and a half times the falls (and twice what was
expected), or a regression would pass for noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.blocks.inputs import Floats

SPANS = (1, 2, 5, 10, 30, 60)
"""Lengths, in blocks, over which noise is measured."""
PRIOR_BLOCKS = 4.0
"""How many blocks of the phase weigh as much as all of history."""
_DIFFERENCES_DF = 2.0 / 3.0
"""Degrees of freedom per squared successive difference (von Neumann, Annals of Mathematical Statistics 12, 1941)."""
_MOST_SHAPE = 10.0
_FEWEST_STEPS = 3
_FEWEST_TO_BOUND = 6
"""Single steps before rises are bounded by falls: the first few may all be rises by chance."""
_LEAN = 8.0
"""Steps that the next shorter span weighs as much as."""
_RISE_OVER_FALL = 1.5
_RISE_OVER_EXPECTED = 2.0


@dataclass(frozen=True, slots=True)
class Prior:
    """Long-run variances of one block by span (as in SPANS): of what all hosts share, and of one host alone."""

    shared: Floats
    private: Floats
    weight: float
    """Blocks it is worth; 0 without history."""


@dataclass(frozen=True, slots=True)
class Noise:
    """After n blocks, n = 0 … N: variance of one block in the long run, and the degrees of freedom it rests on."""

    variance: Floats
    df: Floats


def spans_of(series: Floats) -> Floats:
    """Long-run variance by span of a series without gaps; each leans on the shorter one. At least two values."""
    found: list[float] = []
    for span in SPANS:
        count = len(series) // span
        steps = np.diff(series[: count * span].reshape(count, span).mean(axis=1))
        squares = float(np.sum(steps * steps)) * span / 2.0
        if not found:
            found.append(squares / max(len(steps), 1))
        else:
            weigh = len(steps) if len(steps) >= _FEWEST_STEPS else 0
            found.append((_LEAN * found[-1] + squares * (weigh > 0)) / (_LEAN + weigh))
    return np.array(found)


def noise_of(series: Floats, prior: Floats, weight: float, floor: Floats) -> Noise:
    """The noise known after each block of `series` (N values, upwards is worse).

    `prior` has shape (N + 1, spans): history's variances for as many hosts as were seen by then. `floor` (N + 1) keeps
    constant values judgeable. The largest of several estimates is too large more often than too small, so its degrees of
    freedom are taken as the geometric mean of its own and those of the shortest span.
    """
    size = len(series) + 1
    best, best_df = np.zeros(size), np.zeros(size)
    here, shape, lean = prior[:, 0], np.ones(size), weight
    df = shortest = np.full(size, weight)
    for index, span in enumerate(SPANS):
        if index:
            shape = prior[:, index] / np.where(prior[:, index - 1] > 0, prior[:, index - 1], 1.0)
            lean = _LEAN
        before = here * np.clip(shape, 1.0, _MOST_SHAPE)
        squares, count = _steps(series, span, 2.0 * before / span)
        weights = np.maximum(lean + count, 1e-9)
        here = (lean * before + squares) / weights
        df = weights * weights / np.maximum(lean * lean / np.maximum(df, 1e-9) + count / _DIFFERENCES_DF, 1e-9)
        larger = (here > best) | (index == 0)
        best, best_df = np.where(larger, here, best), np.where(larger, df, best_df)
        shortest = df if index == 0 else shortest
    return Noise(np.maximum(best, floor), np.sqrt(shortest * best_df))


def _steps(series: Floats, span: int, expected: Floats) -> tuple[Floats, Floats]:
    """Sum of squared steps (scaled to one block's variance) and their number, after each of 0 … N values.

    `expected` is the square of one step as shorter spans have it. Fewer than three steps say nothing yet.
    """
    size = len(series) + 1
    means = len(series) // span
    done = np.clip(np.arange(size) // span - 1, 0, max(means - 1, 0))
    done[done < _FEWEST_STEPS if span > 1 else done < 1] = 0
    if not done.any():
        return np.zeros(size), np.zeros(size)
    steps = np.diff(series[: means * span].reshape(means, span).mean(axis=1))
    up = np.concatenate(([0.0], np.cumsum(np.where(steps > 0, steps * steps, 0.0))))[done]
    down = np.concatenate(([0.0], np.cumsum(np.where(steps > 0, 0.0, steps * steps))))[done]
    most = _RISE_OVER_FALL * down + _RISE_OVER_EXPECTED * expected
    few = (done < _FEWEST_TO_BOUND) & (span == 1)
    total = down + np.where(few, up, np.minimum(up, most))
    return np.where(done > 0, total, 0.0) * span / 2.0, done.astype(np.float64)
