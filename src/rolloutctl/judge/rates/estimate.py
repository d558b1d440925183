"""The ratio of canary to baseline as it is known so far, weighted over segments (Mantel and Haenszel), never pooled."""

from __future__ import annotations

import numpy as np

from rolloutctl.judge.rates.counts import Floats, Strata

HALF = 0.5
"""Events added to each arm, spread over segments, so that nothing is divided by zero."""
LOWEST, HIGHEST = 0.05, 50.0


def ratio_so_far(running: Strata) -> Floats:
    """Per cell, from running sums; within LOWEST and HIGHEST, 1 where there is no traffic."""
    segments = running.n.shape[1]
    both = running.n + running.m
    seen = both > 0
    half = HALF / segments
    with np.errstate(divide="ignore", invalid="ignore"):
        ours = np.where(seen, (running.x + half) * running.m / both, 0.0).sum(axis=1)
        fair = half * running.m / np.maximum(running.n, 1.0)
        theirs = np.where(seen, (running.y + fair) * running.n / both, 0.0).sum(axis=1)
        ratio = np.where(theirs > 0, ours / theirs, 1.0)
    inside: Floats = np.clip(ratio, LOWEST, HIGHEST)
    return inside
