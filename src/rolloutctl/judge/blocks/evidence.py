"""The evidence of one comparison after each block: for a breach from any start, and for a pass over the whole phase.

A regression may begin with the phase or later, so the breach is a mixture over starts: half the weight on the first block,
the rest spread evenly up to the deadline. Single blocks cannot carry it: each counts up to five standard deviations, and a
start says nothing in its favour before its fourth block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.blocks.inputs import Floats, Ints
from rolloutctl.judge.blocks.mixture import log_evidence
from rolloutctl.judge.blocks.noise import Noise

FEWEST_BLOCKS = 4
"""No breach on fewer, a hard bound apart."""
FEWEST_TO_PASS = 5
_FIRST_START = 0.6
_START_EVERY = 5
_MOST_STARTS = 96
_QUIET_BLOCKS = 10
"""Blocks the canary's own offset is learned from, at least."""
_CLIP = 5.0
LEAST_DF = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """After n blocks, n = 0 … N: what the difference is compared with."""

    alarm_from: Floats
    """A breach says that the difference is above this."""
    tolerate: float
    pass_below: Floats
    """A pass says that the difference is below this."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """After n blocks, n = 0 … N."""

    log_e: Floats
    log_p: Floats
    onset: Ints
    """The block (counted among those compared) from which on the evidence for a breach is strongest."""
    total: Floats
    """Sum of the differences, each bounded to what one block may count."""


def evidence_of(worse: Floats, limits: Limits, noise: Noise, horizon: int, first: int) -> Evidence:
    """`worse`: N differences, upwards is worse; `horizon`: blocks planned up to the deadline; no evidence before `first`."""
    n = np.arange(len(worse) + 1, dtype=np.float64)
    total = np.concatenate(([0.0], np.cumsum(_bounded(worse, limits, noise))))
    df = np.maximum(noise.df, LEAST_DF)
    log_e, onset, log_p = np.zeros(len(n)), np.zeros(len(n), dtype=np.int64), np.zeros(len(n))
    wanted = slice(first, len(n))
    if first < len(n):
        log_e[wanted], onset[wanted] = _mixed_over_starts(total, limits, noise.variance, df, horizon, first)
    missed = n * limits.pass_below - total
    t = missed / np.sqrt(np.maximum(n, 1.0) * noise.variance)
    some = slice(max(first, 1), len(n))
    log_p[some] = log_evidence(t[some], n[some], df[some])
    return Evidence(log_e, log_p, onset, total)


def _bounded(worse: Floats, limits: Limits, noise: Noise) -> Floats:
    """Each block within five standard deviations, as known before it, of what was usual or of the limit."""
    known = noise.df[:-1] > 1.0
    reach = np.where(known, _CLIP * np.sqrt(noise.variance[:-1]), np.inf)
    before = np.concatenate(([0.0], np.cumsum(worse)[:-1])) / np.maximum(np.arange(len(worse)), 1.0)
    return np.clip(worse, np.minimum(before, limits.tolerate) - reach, np.maximum(before, limits.alarm_from[:-1]) + reach)


def starts_of(horizon: int) -> tuple[Ints, Floats]:
    """Blocks before which a regression may begin, and the weight of each; depends on nothing but the plan."""
    every = max(_START_EVERY, -(-horizon // _MOST_STARTS))
    starts = np.arange(0, max(horizon, 2), every)
    weights = np.full(len(starts), (1.0 - _FIRST_START) / max(len(starts) - 1, 1))
    weights[0] = _FIRST_START if len(starts) > 1 else 1.0
    return starts, weights


def _mixed_over_starts(
    total: Floats, limits: Limits, variance: Floats, df: Floats, horizon: int, first: int
) -> tuple[Floats, Ints]:
    """Of the looks from `first` on; always over all starts, so that sums are added in the same order at every look."""
    starts, weights = starts_of(horizon)
    until = total[np.minimum(starts, len(total) - 1)]
    looks = _Looks(
        length=np.arange(first, len(total))[:, None] - starts[None, :],
        rise=total[first:, None] - until[None, :],
        starts=starts,
        own=until / np.maximum(starts, 1),
        alarm_from=limits.alarm_from[first:],
        tolerate=limits.tolerate,
        variance=variance[first:],
        df=df[first:],
    )
    begun = looks.length >= 1
    terms = _with_own_offset(_next_to_baseline(looks), looks)
    terms = np.where(begun, terms + np.log(weights)[None, :], -np.inf)
    unspent = np.maximum(1.0 - np.where(begun, weights[None, :], 0.0).sum(axis=1), 0.0)
    peak = np.maximum(terms.max(axis=1), 0.0)
    summed = np.exp(terms - peak[:, None]).sum(axis=1) + unspent * np.exp(-peak)
    return peak + np.log(np.maximum(summed, 1e-300)), starts[terms.argmax(axis=1)]


@dataclass(frozen=True, slots=True)
class _Looks:
    """By look and start: blocks since the start, and the sum of their differences; the rest by look or by start."""

    length: Ints
    rise: Floats
    starts: Ints
    own: Floats
    """The canary's mean difference before the start."""
    alarm_from: Floats
    tolerate: float
    variance: Floats
    df: Floats


def _next_to_baseline(looks: _Looks) -> Floats:
    """Later starts with nothing in their favour count nothing, which is less than they are worth and saves their cost."""
    excess = looks.rise - looks.length * looks.alarm_from[:, None]
    counted = (looks.length >= 1) & ((excess > 0) | (looks.starts == 0)[None, :])
    rows = np.nonzero(counted)[0]
    k = looks.length[counted].astype(np.float64)
    terms = np.full(counted.shape, -np.inf)
    terms[counted] = log_evidence(excess[counted] / np.sqrt(k * looks.variance[rows]), k, looks.df[rows])
    return np.where(looks.length < FEWEST_BLOCKS, np.minimum(terms, 0.0), terms)


def _with_own_offset(terms: Floats, looks: _Looks) -> Floats:
    """Where unequal hosts raise the limit, half of each later start asks whether the canary rose above its own past.

    Its offset until then is an estimate, which makes k blocks worth k s / (k + s) after a start at block s. It must be above
    what is tolerated next to the baseline, too: a canary that was better at first may become as good as the baseline.
    """
    raised = (looks.alarm_from > looks.tolerate * (1.0 + 1e-9))[:, None] & (looks.starts >= _QUIET_BLOCKS)[None, :]
    raised = raised & (looks.length >= FEWEST_BLOCKS)
    excess = looks.rise - looks.length * (np.maximum(looks.own, 0.0) + looks.tolerate)[None, :]
    counted = raised & (excess > 0)
    rows, columns = np.nonzero(counted)
    k, before = looks.length[counted].astype(np.float64), looks.starts[columns]
    worth = k * before / (k + before)
    found = np.full(terms.shape, -np.inf)
    found[counted] = log_evidence(excess[counted] / k * np.sqrt(worth / looks.variance[rows]), worth, looks.df[rows])
    return np.where(raised, np.logaddexp(terms, found) + np.log(0.5), terms)
