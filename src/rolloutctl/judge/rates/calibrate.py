"""phi before the start: the baseline's hosts split into pseudo-arms and compared with each other, where nothing differs."""

from __future__ import annotations

import numpy as np

from rolloutctl.judge.rates.counts import Floats, Strata
from rolloutctl.judge.rates.dispersion import Blocks, raw_dispersion
from rolloutctl.judge.rates.estimate import ratio_so_far
from rolloutctl.judge.rates.settings import Prior

LEAST_PHI = 1.5
WEIGHT = 10.0
_FEWEST_EVENTS = 10.0
_MOST_SPLITS = 4
_LENGTHS = (1, 2, 10)
_PSEUDO_PHI = 1.2
_PSEUDO_WEIGHT = 6.0


def calibrated(history_all: Floats, history_bad: Floats, canary_hosts: int) -> Prior:
    """From increments per minute and baseline host, (minutes, hosts); without enough of them the usual phi."""
    hosts_all, hosts_bad = history_all.sum(axis=0), history_bad.sum(axis=0)
    hosts = history_all.shape[1]
    phi = LEAST_PHI
    if hosts >= 2 and hosts_bad.sum() >= _FEWEST_EVENTS:
        size = max(1, min(hosts // 2, canary_hosts))
        found = [_split(history_all, history_bad, first, size) for first in range(min(hosts, _MOST_SPLITS))]
        phi = max(LEAST_PHI, float(np.mean(found)))
    return Prior(phi, WEIGHT, hosts_all, hosts_bad)


def _split(history_all: Floats, history_bad: Floats, first: int, size: int) -> float:
    hosts = history_all.shape[1]
    chosen = np.zeros(hosts, dtype=np.bool_)
    chosen[[(first + i) % hosts for i in range(size)]] = True
    parts = (history_all[:, chosen], history_bad[:, chosen], history_all[:, ~chosen], history_bad[:, ~chosen])
    strata = Strata(*(part.sum(axis=1, keepdims=True) for part in parts))
    ratio = ratio_so_far(strata.running())
    prior = np.full(strata.cells, _PSEUDO_PHI)
    phi, _ = raw_dispersion(strata, ratio, tuple(Blocks(length) for length in _LENGTHS), prior, _PSEUDO_WEIGHT)
    return float(phi[-1]) if len(phi) else LEAST_PHI
