"""Argo Rollouts: a PromQL result against a condition, at an interval; more failed measurements than allowed fail it.

Source: https://argo-rollouts.readthedocs.io/en/stable/features/analysis/ (failureCondition, failureLimit). Failed
measurements are counted over the whole run, not in a row, and the run fails when there are more than `failureLimit`.
"""

from __future__ import annotations

import numpy as np

from bench.judge_rules.arms import Arms, Flags, latched, looks, over_window

INTERVAL_S = 60.0
WINDOW_S = 300.0
MOST_RATIO = 1.5
FAILURE_LIMIT = 3


def breaches(arms: Arms) -> Flags:
    """`failureCondition: canary's error ratio / baseline's > 1.5` over five minutes, every minute, `failureLimit: 3`.

    As in PromQL something over nothing is infinite and fails, nothing over nothing is no number and does not.
    """
    cells = arms.per(WINDOW_S)
    with np.errstate(divide="ignore", invalid="ignore"):
        canary = over_window(arms.canary_errors, cells) / over_window(arms.canary_requests, cells)
        baseline = over_window(arms.baseline_errors, cells) / over_window(arms.baseline_requests, cells)
        failed = canary / baseline > MOST_RATIO
    at = looks(arms, INTERVAL_S)
    return latched(arms, at, np.cumsum(failed[at]) > FAILURE_LIMIT)
