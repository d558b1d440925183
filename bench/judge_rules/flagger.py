"""Flagger: the canary's success rate against a fixed range, every minute; so many failed checks roll back.

Source: https://docs.flagger.app/usage/how-it-works (interval, threshold) and https://docs.flagger.app/usage/metrics
(request-success-rate, thresholdRange). Failed checks are counted over the whole analysis, and the rollback comes with the
run after the one that reached the threshold.
"""

from __future__ import annotations

import numpy as np

from bench.judge_rules.arms import Arms, Flags, latched, looks, over_window

INTERVAL_S = 60.0
TIMES_USUAL = 2.0
THRESHOLD = 5


def breaches(arms: Arms) -> Flags:
    """`thresholdRange.min` at twice the usual error ratio, `threshold: 5`; a minute without requests is a failed check."""
    cells = arms.per(INTERVAL_S)
    requests, errors = over_window(arms.canary_requests, cells), over_window(arms.canary_errors, cells)
    failed = (requests <= 0) | (errors > TIMES_USUAL * arms.usual_ratio * requests)
    at = looks(arms, INTERVAL_S)
    reached = np.cumsum(failed[at]) >= THRESHOLD
    return latched(arms, at, np.concatenate(([False], reached[:-1])) if len(at) else reached)
