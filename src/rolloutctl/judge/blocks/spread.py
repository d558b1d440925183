"""How unequal hosts are that should be equal.

Hosts differ (age, placement, neighbours), and the canary got some of them by lot. The spread between the baseline's hosts,
in history and in the phase, says how far two arms of the same version may lie apart for ever: no amount of time averages
that away, only more hosts do.
"""

from __future__ import annotations

import numpy as np

from rolloutctl.judge.blocks.inputs import Floats, Scale
from rolloutctl.judge.blocks.means import LEAST_RATIO
from rolloutctl.judge.blocks.noise import spans_of


def departures(hosts: Floats, scale: Scale) -> Floats:
    """(blocks, hosts): each host against the mean of the other hosts in the same block; NaN where either is missing."""
    there = np.isfinite(hosts)
    values = np.where(there, hosts, 0.0)
    others = there.sum(axis=1, keepdims=True) - there
    rest = (values.sum(axis=1, keepdims=True) - values) / np.maximum(others, 1)
    usable = there & (others > 0)
    if scale is not Scale.RATIO:
        return np.where(usable, values - rest, np.nan)
    usable &= (rest > 0) | (values > 0)
    top = np.maximum(np.maximum(values, rest), 1e-300)
    return np.where(usable, np.log(np.maximum(values / top, LEAST_RATIO)) - np.log(np.maximum(rest / top, LEAST_RATIO)), np.nan)


def lot_quantile(hosts: Floats) -> Floats:
    """How many standard deviations `between_hosts` one lot of hosts in a hundred exceeds, for a deviation from few hosts.

    Student's t (Cornish–Fisher expansion), with three degrees of freedom granted to the expectation that hosts are alike.
    """
    z, df = 2.3263, hosts + 2.0
    return z + (z**3 + z) / (4 * df) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)


def between_hosts(history: Floats | None, live: Floats, scale: Scale) -> Floats:
    """Standard deviation between equal hosts, known after each of 0 … N blocks of `live` (shape (N, hosts)), on the scale."""
    past = np.empty((0, live.shape[1])) if history is None else history
    if past.shape[1] != live.shape[1]:
        past = np.empty((0, live.shape[1]))
    apart = departures(np.concatenate((past, live)), scale)
    number = live.shape[1]
    if number < 2:
        return np.zeros(len(live) + 1)
    apart = apart * (number - 1) / number
    there = np.isfinite(apart)
    count = np.cumsum(there, axis=0)
    means = np.cumsum(np.where(there, apart, 0.0), axis=0) / np.maximum(count, 1)
    steps = np.diff(np.where(there, apart, 0.0), axis=0, prepend=0.0)
    whole = there & np.concatenate((np.zeros((1, number), dtype=bool), there[:-1]))
    noise = np.cumsum(np.where(whole, steps * steps, 0.0), axis=0) / np.maximum(np.cumsum(whole, axis=0), 1) / 2.0
    known = count >= 4
    hosts = known.sum(axis=1)
    centre = np.where(known, means, 0.0).sum(axis=1) / np.maximum(hosts, 1)
    scatter = np.where(known, (means - centre[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(hosts - 1, 1)
    by_noise = _wander(apart[: len(past)]) * np.where(known, noise / np.maximum(count, 1), 0.0).sum(axis=1) / np.maximum(hosts, 1)
    deviation = np.where(hosts >= 2, np.sqrt(np.maximum(scatter - by_noise, 0.0)), 0.0)
    return np.concatenate(([0.0], deviation))[len(past) :]


def _wander(apart: Floats) -> float:
    """How many times the noise of single blocks that of long means is: the median host of history, at least once."""
    known = apart[:, np.isfinite(apart).all(axis=0)]
    if len(known) < 4 or known.shape[1] == 0:
        return 1.0
    spans = np.array([spans_of(known[:, host]) for host in range(known.shape[1])])
    return max(1.0, float(np.median(spans.max(axis=1) / np.maximum(spans[:, 0], 1e-300))))
