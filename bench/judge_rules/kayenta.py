"""Kayenta (Spinnaker): a Mann–Whitney interval for the shift between two series of minutes, judged again and again.

Sources: https://spinnaker.io/docs/guides/user/canary/judge/ (how the default judge works) and the judge's classifier,
https://github.com/spinnaker/kayenta/blob/master/kayenta-judge/src/main/scala/com/netflix/kayenta/judge/classifiers/metric/MannWhitneyClassifier.scala
A metric is "High" when the lower end of the 98 % interval of the shift is above a quarter of the Hodges–Lehmann estimate of
the shift, and the canary's mean is not under the baseline's. One metric of that class gives a score of 0, which is below any
marginal score. Normal approximation of the interval without continuity correction; minutes without requests are no numbers and
left out.
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
    """Judged every five minutes over everything since the start, until it is High for the first time."""
    cells = arms.per(MINUTE_S)
    canary = _per_minute(arms.canary_errors, arms.canary_requests, cells)
    baseline = _per_minute(arms.baseline_errors, arms.baseline_requests, cells)
    at = looks(arms, EVERY_S)
    high = np.zeros(len(at), dtype=bool)
    for look, cell in enumerate(at.tolist()):
        if _is_high(canary[: (cell + 1) // cells], baseline[: (cell + 1) // cells]):
            high[look] = True
            break
    return latched(arms, at, high)


def _per_minute(errors: Counts, requests: Counts, cells: int) -> Counts:
    minutes = len(errors) // cells
    bad, total = (counts[: minutes * cells].sum(axis=1).reshape(minutes, cells).sum(axis=1) for counts in (errors, requests))
    ratio: Counts = np.where(total > 0, bad / np.maximum(total, 1.0), np.nan)
    return ratio


def _is_high(canary: Counts, baseline: Counts) -> bool:
    canary, baseline = np.sort(canary[np.isfinite(canary)]), np.sort(baseline[np.isfinite(baseline)])
    if len(canary) == 0 or len(baseline) == 0 or np.array_equal(canary, baseline):
        return False
    if canary.mean() < baseline.mean():
        return False
    pairs = len(canary) * len(baseline)
    below = int(pairs / 2.0 - QUANTILE * np.sqrt(pairs * (len(canary) + len(baseline) + 1) / 12.0))
    # The lower end is the shift of that rank. Where as many shifts are not positive, it is not, and nothing needs sorting.
    if below < 1 or int((len(baseline) - np.searchsorted(baseline, canary, side="left")).sum()) >= below:
        return False
    shifts = np.sort((canary[:, None] - baseline[None, :]).ravel())
    return bool(shifts[below - 1] > SHARE_OF_ESTIMATE * abs(float(np.median(shifts))))
