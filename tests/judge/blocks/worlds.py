"""Arms to judge, made from a seed; and the plan's side of a criterion."""

from __future__ import annotations

import math

import numpy as np

from rolloutctl.judge.blocks import Better, BlockInputs, Scale, Settings

CELL_S = 15.0
PER_BLOCK = 4
TOLERATE, REJECT = math.log(1.05), math.log(1.25)


def settings(
    scale=Scale.RATIO,
    better=Better.LOWER,
    tolerate=TOLERATE,
    reject=REJECT,
    alpha=0.01,
    beta=0.05,
    horizon=240,
    **more,
):
    if scale is Scale.LEVEL:
        tolerate = reject = 0.0
    return Settings(scale, better, alpha, beta, tolerate, reject, horizon_cells=horizon, **more)


def hosts(seed, blocks, number, noise=0.05, spread=0.0, level=1.0):
    """(cells, hosts) above zero: independent noise of that size per block and host."""
    rng = np.random.default_rng(seed)
    values = np.exp(noise * math.sqrt(PER_BLOCK) * rng.standard_normal((blocks * PER_BLOCK, number)))
    return level * values * np.exp(spread * rng.standard_normal(number))


def arms(seed, minutes=60, canary=2, baseline=4, factor=1.0, onset=0, noise=0.05, spread=0.0, level=1.0, past=60):
    """Canary, baseline and the baseline's history; the canary is `factor` times worse from minute `onset` on."""
    everything = hosts(seed, past + minutes, canary + baseline, noise, spread, level)
    live = everything[past * PER_BLOCK :].copy()
    live[onset * PER_BLOCK :, :canary] *= factor
    before = everything[: past * PER_BLOCK, canary:].reshape(past, PER_BLOCK, baseline).mean(axis=1)
    return live[:, :canary], live[:, canary:], before


def inputs(canary, baseline, history, given=None, cell_s=CELL_S):
    return BlockInputs(canary, baseline, cell_s, history, given or settings(horizon=len(canary)))


def first(flags):
    """The first cell that is set; None if none is."""
    found = np.flatnonzero(flags)
    return int(found[0]) if len(found) else None
