"""Which host departs from the others: a baseline host from its own past as well, a canary host from its peers.

Every function answers for each block from the blocks up to it.
"""

from __future__ import annotations

import numpy as np

from rolloutctl.judge.blocks.inputs import Floats, Ints, Scale, Settings
from rolloutctl.judge.blocks.means import Arm
from rolloutctl.judge.blocks.noise import PRIOR_BLOCKS, spans_of
from rolloutctl.judge.blocks.spread import departures

NOBODY = -1
_CLEAR_Z = 6.0
_CLEAR_SIZE = 3.0
_TWICE = np.log(2.0)
_CLEAR_BLOCKS = 4
_WINDOWS = (10, 30)
"""Blocks over which a canary host is compared with its peers, besides all of the phase."""
_RECENT_HANDICAP = 0.5
"""Standard errors that a recent window must be worse by, since there are several windows."""


def left_out_host(history: Floats | None, live: Floats, settings: Settings) -> Ints:
    """After each of N blocks the baseline host that departed from its peers and from its own past, latched; -1 for none.

    Each of four blocks in a row must differ one way by three times the size to be rejected (twice its peers is enough): a
    sick host hides a regression, a drained one feigns it. Fewer than three hosts cannot say who departs.
    """
    blocks, number = live.shape
    if number < 3 or blocks == 0:
        return np.full(blocks, NOBODY)
    apart = departures(live, settings.scale)
    usual = np.zeros(number)
    if history is not None and history.shape[1] == number:
        usual = size_in(departures(history, settings.scale), len(history))[-1]
    size = apart - usual
    least = _CLEAR_SIZE * settings.reject
    if settings.scale is Scale.RATIO:
        least = min(least, _TWICE)
    noise = np.sqrt(host_noise(history, apart, settings.scale))
    far = (np.abs(size) > least) & (np.abs(size) > _CLEAR_Z / np.sqrt(_CLEAR_BLOCKS) * noise)
    signs = np.where(far, np.sign(size), 0.0)
    together = np.cumsum(signs, axis=0)
    together[_CLEAR_BLOCKS:] -= together[:-_CLEAR_BLOCKS].copy()
    gone = np.abs(together) >= _CLEAR_BLOCKS - 0.5
    first = np.flatnonzero(gone.any(axis=1))
    answer = np.full(blocks, NOBODY)
    if len(first):
        worst = np.where(gone[first[0]], np.abs(size[first[0]]), -1.0)
        answer[first[0] :] = int(np.argmax(worst))
    return answer


def size_in(apart: Floats, window: int) -> Floats:
    """Mean of each column over the last `window` rows, up to each row; 0 where nothing is known."""
    there = np.isfinite(apart)
    total, count = np.cumsum(np.where(there, apart, 0.0), axis=0), np.cumsum(there, axis=0).astype(np.float64)
    if window < len(apart):
        total[window:] -= total[:-window].copy()
        count[window:] -= count[:-window].copy()
    return total / np.maximum(count, 1.0)


def host_noise(history: Floats | None, apart: Floats, scale: Scale) -> Floats:
    """Variance of one block of a host against its peers, (N, hosts): median host of history and the phase so far.

    The phase counts by successive differences; the median keeps one unsteady host from hiding itself.
    """
    number = apart.shape[1]
    there = np.isfinite(apart)
    steps = np.diff(np.where(there, apart, 0.0), axis=0, prepend=0.0)
    whole = there & np.concatenate((np.zeros((1, number), dtype=bool), there[:-1]))
    squares = np.cumsum(np.where(whole, steps * steps, 0.0), axis=0) / 2.0
    count = np.cumsum(whole, axis=0).astype(np.float64)
    before, weight = 0.0, 0.0
    if history is not None and history.shape[1] >= 2 and len(history) >= 4:
        past = departures(history, scale)
        past = past[:, np.isfinite(past).all(axis=0)]
        if past.shape[1]:
            before, weight = float(np.median([spans_of(past[:, host]).max() for host in range(past.shape[1])])), PRIOR_BLOCKS
    live = (squares + weight * before) / np.maximum(count + weight, 1.0)
    return np.broadcast_to(np.median(live, axis=1, keepdims=True), apart.shape)


def canary_suspects(arm: Arm, settings: Settings, history: Floats | None) -> tuple[Ints, Floats]:
    """After each block: the canary host that looks worst next to its peers, and by how many standard errors."""
    apart = settings.sign * departures(arm.hosts, settings.scale)
    blocks = len(apart)
    length = np.arange(1, blocks + 1)[:, None]
    scale = np.sqrt(np.maximum(host_noise(history, apart, settings.scale), 1e-300))
    best = size_in(apart, max(blocks, 1)) * np.sqrt(length) / scale
    for window in _WINDOWS:
        recent = size_in(apart, window) * np.sqrt(np.minimum(length, window)) / scale - _RECENT_HANDICAP
        best = np.maximum(best, np.where(length > window, recent, -np.inf))
    best = np.where(np.isfinite(apart).cumsum(axis=0) > 0, best, -np.inf)
    suspect = best.argmax(axis=1)
    return suspect, best[np.arange(blocks), suspect]
