"""Our own judge: the test of error ratios by evidence, with the defaults of a plan of one phase and one criterion.

The same entry points as for counters from a metrics source, on arrays. A breach that one canary host explains is a hold, not
a rollback, so it is no breach here; `host_holds` tells them.
"""

from __future__ import annotations

import numpy as np

from bench.judge_rules.arms import Arms, Flags, latched
from rolloutctl.judge.rates.calibrate import calibrated
from rolloutctl.judge.rates.counts import NOBODY, Counts
from rolloutctl.judge.rates.settings import RateSettings
from rolloutctl.judge.rates.track import RateTrack, track

ALPHA = 0.02
BETA = 0.05


def breaches(arms: Arms) -> Flags:
    """Looked at in every cell; the deadline is the end of what `arms` holds."""
    return latched(arms, np.arange(len(arms.canary_requests)), _track(arms).fail)


def host_holds(arms: Arms) -> Flags:
    """Cells in which one canary host explains what would be a breach."""
    holds: Flags = _track(arms).hold_host != NOBODY
    return holds


def _track(arms: Arms) -> RateTrack:
    parts = arms.canary_requests, arms.canary_errors, arms.baseline_requests, arms.baseline_errors
    prior = calibrated(arms.past_requests, arms.past_errors, arms.canary_requests.shape[1])
    horizon = len(arms.canary_requests)
    settings = RateSettings(cell_s=arms.cell_s, horizon=horizon, alpha=ALPHA, beta=BETA, prior=prior)
    return track(Counts(*(part[:, None, :] for part in parts)), settings)
