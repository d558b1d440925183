"""What the hosts' history says before the phase starts: how noisy a comparison is, and how unequal the hosts are.

An A/A comparison: the hosts are split into two pseudo-arms in a few ways, and the noise between those is what is expected
between canary and baseline until the phase itself knows better.
"""

from __future__ import annotations

import numpy as np

from rolloutctl.judge.blocks.inputs import BLOCK_S, Floats, Scale
from rolloutctl.judge.blocks.means import on_scale
from rolloutctl.judge.blocks.noise import PRIOR_BLOCKS, SPANS, Prior, spans_of

_FEWEST_BLOCKS = 4
_SPLITS = 4

NOTHING_KNOWN = Prior(np.zeros(len(SPANS)), np.zeros(len(SPANS)), 0.0)


def usable_history(history: Floats | None, block_s: float) -> Floats | None:
    """History in the judge's block length, without the blocks in which any host is missing; None if too little is left.

    A host that is missing in over half of history is left out altogether (its column is NaN).
    """
    if history is None or history.ndim != 2 or history.shape[1] == 0:
        return None
    per_block = max(1, round(block_s / BLOCK_S))
    blocks = len(history) // per_block
    means: Floats = history[: blocks * per_block].reshape(blocks, per_block, history.shape[1]).mean(axis=1)
    finite = np.isfinite(means)
    kept = finite.mean(axis=0) > 0.5 if blocks else np.zeros(history.shape[1], dtype=bool)
    rows = finite[:, kept].all(axis=1)
    if not kept.any() or rows.sum() < _FEWEST_BLOCKS:
        return None
    means[:, ~kept] = np.nan
    return means[rows]


def prior_of(history: Floats | None, scale: Scale, canary_hosts: int, block_s: float) -> Prior:
    """`history` as `usable_history` gives it."""
    if history is None:
        return NOTHING_KNOWN
    hosts = history[:, np.isfinite(history).all(axis=0)]
    longer = max(1, round(block_s / BLOCK_S)) * BLOCK_S / block_s
    weight = min(PRIOR_BLOCKS, len(hosts) / 3.0)
    if scale is Scale.LEVEL:
        return _of_one_arm(hosts, longer, weight)
    if hosts.shape[1] == 1:
        usual = np.full(len(hosts), max(float(hosts.mean()), 0.0) if scale is Scale.RATIO else 0.0)
        alone = on_scale(hosts[:, 0], usual, scale)
        return Prior(np.zeros(len(SPANS)), spans_of(alone) * longer, weight)
    return Prior(np.zeros(len(SPANS)), _between_splits(hosts, scale, canary_hosts) * longer, weight)


def _between_splits(hosts: Floats, scale: Scale, canary_hosts: int) -> Floats:
    number = hosts.shape[1]
    size = max(1, min(number // 2, canary_hosts))
    found = np.zeros(len(SPANS))
    splits = min(number, _SPLITS)
    for first in range(splits):
        chosen = np.zeros(number, dtype=bool)
        chosen[(first + np.arange(size)) % number] = True
        found += spans_of(on_scale(hosts[:, chosen].mean(axis=1), hosts[:, ~chosen].mean(axis=1), scale))
    return np.asarray(found / splits / (1.0 / size + 1.0 / (number - size)))


def _of_one_arm(hosts: Floats, longer: float, weight: float) -> Prior:
    number = hosts.shape[1]
    mean = hosts.mean(axis=1)
    together = spans_of(mean) * longer
    if number == 1:
        return Prior(together, np.zeros(len(SPANS)), weight)
    apart = np.mean([spans_of(hosts[:, host] - mean) for host in range(number)], axis=0) * longer * number / (number - 1)
    return Prior(np.maximum(together - apart / number, 0.0), apart, weight)
