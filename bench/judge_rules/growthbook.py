"""GrowthBook's sequential test: an asymptotic confidence sequence for the relative lift, looked at in every cell.

Source: https://docs.growthbook.io/statistics/sequential (after Waudby-Smith et al., https://arxiv.org/abs/2103.06476: equation
9 for the half-width, with the variance of one observation, which is that of the lift times all users; 161 for rho), with the
variance of the lift by the delta method: https://docs.growthbook.io/statistics/details. Every request counts as a user. The
least number of conversions that the tool waits for before it shows a result is not modelled.
"""

from __future__ import annotations

import numpy as np

from bench.judge_rules.arms import Arms, Flags, latched, looks

ALPHA = 0.05
TUNED_FOR = 5000.0
"""Users at which the sequence is tightest: the tool's default."""


def breaches(arms: Arms) -> Flags:
    """The two-sided 95 % sequence of the lift of the error ratio lies above zero."""
    n, x = np.cumsum(arms.canary_requests.sum(axis=1)), np.cumsum(arms.canary_errors.sum(axis=1))
    m, y = np.cumsum(arms.baseline_requests.sum(axis=1)), np.cumsum(arms.baseline_errors.sum(axis=1))
    usable = (n > 0) & (m > 0) & (x > 0) & (y > 0)
    n, x, m, y = (np.where(usable, values, 1.0) for values in (n, x, m, y))
    canary, baseline = x / n, y / m
    lift = canary / baseline - 1.0
    variance = canary * (1.0 - canary) / (baseline**2 * n) + baseline * (1.0 - baseline) * canary**2 / (baseline**4 * m)
    rho2 = (-2.0 * np.log(ALPHA) + np.log(-2.0 * np.log(ALPHA) + 1.0)) / TUNED_FOR
    users = n + m
    width = np.sqrt(variance * 2.0 * (users * rho2 + 1.0) / (users * rho2) * np.log(np.sqrt(users * rho2 + 1.0) / ALPHA))
    at = looks(arms, arms.cell_s)
    return latched(arms, at, (usable & (lift - width > 0))[at])
