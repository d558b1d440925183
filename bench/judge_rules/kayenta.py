"""Kayenta (Spinnaker): a Mann–Whitney interval for the shift between two series of minutes, judged again and again.

Source: https://spinnaker.io/docs/guides/user/canary/judge/ (how the default judge works) and the judge's classifier: a
metric is "High" when the lower end of the 98 % interval of the shift is above a quarter of the Hodges–Lehmann estimate of
the shift. One metric of that class gives a score of 0, which is below any marginal score. Normal approximation of the
interval without R's continuity correction; minutes without requests are no numbers and left out.
"""

from __future__ import annotations

import numpy as np

from bench.judge_rules.arms import Arms, Counts, Flags, latched, looks

MINUTE_S = 60.0
EVERY_S = 300.0
QUANTILE = 2.3263
"""Of the normal distribution, for 98 % between two sides."""
SHARE_OF_ESTIMATE = 0.25


def breaches(arms: Arms) -> Flags:
    """Judged every five minutes over everything since the start."""
    cells = arms.per(MINUTE_S)
    canary = _per_minute(arms.canary_errors, arms.canary_requests, cells)
    baseline = _per_minute(arms.baseline_errors, arms.baseline_requests, cells)
    at = looks(arms, EVERY_S)
    high = np.array([_is_high(canary[: (cell + 1) // cells], baseline[: (cell + 1) // cells]) for cell in at], dtype=bool)
    return latched(arms, at, high)


def _per_minute(errors: Counts, requests: Counts, cells: int) -> Counts:
    minutes = len(errors) // cells
    bad, total = (counts[: minutes * cells].sum(axis=1).reshape(minutes, cells).sum(axis=1) for counts in (errors, requests))
    ratio: Counts = np.where(total > 0, bad / np.maximum(total, 1.0), np.nan)
    return ratio


def _is_high(canary: Counts, baseline: Counts) -> bool:
    canary, baseline = canary[np.isfinite(canary)], baseline[np.isfinite(baseline)]
    if len(canary) == 0 or len(baseline) == 0 or np.array_equal(canary, baseline):
        return False
    shifts = np.sort((canary[:, None] - baseline[None, :]).ravel())
    pairs = len(shifts)
    below = pairs / 2.0 - QUANTILE * np.sqrt(pairs * (len(canary) + len(baseline) + 1) / 12.0)
    if below < 1:
        return False
    return bool(shifts[int(below) - 1] > SHARE_OF_ESTIMATE * abs(float(np.median(shifts))))
