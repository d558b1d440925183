"""How much longer until a verdict, and whether a pass is possible at all."""

from __future__ import annotations

import numpy as np

from rolloutctl.judge.blocks.evidence import FEWEST_BLOCKS, FEWEST_TO_PASS, LEAST_DF
from rolloutctl.judge.blocks.inputs import BlockInputs, Floats, Scale, Settings
from rolloutctl.judge.blocks.mixture import log_evidence
from rolloutctl.judge.blocks.run import Context, Run
from rolloutctl.judge.blocks.spread import between_hosts

_AHEAD = np.concatenate((np.arange(0.0, 6.0), np.geomspace(6.5, 50_000.0, 26)))
_DF_PER_BLOCK = 2.0 / 3.0


def blocks_until(n: Floats, total: Floats, limit: Floats, variance: Floats, df: Floats, needed: float, fewest: int) -> Floats:
    """More blocks until the evidence that the mean is above `limit` reaches `needed`, if the mean and the noise stay.

    All of shape (looks,), for n >= 0 blocks so far with sum `total`; infinite where the mean is not above the limit.
    """
    answer = np.full(len(n), np.inf)
    excess = np.where(n > 0, total / np.maximum(n, 1.0), 0.0) - limit
    rows = np.flatnonzero(excess > 0)
    length = n[rows, None] + _AHEAD
    t = excess[rows, None] * np.sqrt(length / variance[rows, None])
    later = np.maximum(df[rows, None] + _DF_PER_BLOCK * _AHEAD, LEAST_DF)
    found = log_evidence(t, np.maximum(length, 1.0), later)
    enough = (found >= needed) & (length >= fewest)
    first = enough.argmax(axis=1)
    before, at = found[np.arange(len(rows)), np.maximum(first - 1, 0)], found[np.arange(len(rows)), first]
    part = np.where(before < needed, (needed - before) / np.maximum(at - before, 1e-9), 1.0)
    between = _AHEAD[np.maximum(first - 1, 0)] * (1.0 - part) + _AHEAD[first] * part
    ahead = np.ceil(np.maximum(np.where(first > 0, between, 0.0), fewest - n[rows]))
    answer[rows] = np.where(enough.any(axis=1), np.maximum(ahead, 0.0), np.inf)
    return answer


def blocks_to_verdict(run: Run, settings: Settings) -> Floats:
    """The nearer of breach and pass at the present rate, for each block."""
    answer = np.full(len(run.n), np.inf)
    rows = np.flatnonzero(run.judged & (run.n > 0))
    n, variance, df, total = run.n[rows], run.variance[rows], run.df[rows], run.total[rows]
    breach = blocks_until(n, total, run.alarm_from[rows], variance, df, np.log(2.0 / settings.alpha), FEWEST_BLOCKS)
    passing = blocks_until(n, -total, -run.pass_below[rows], variance, df, np.log(1.0 / settings.beta), FEWEST_TO_PASS)
    answer[rows] = np.minimum(breach, passing)
    return answer


def why_no_pass(history: Floats | None, context: Context, inputs: BlockInputs, block_s: float) -> str | None:
    """What keeps a canary as good as the baseline from passing, as far as history tells; None if nothing is known to."""
    settings = context.settings
    if context.horizon < FEWEST_TO_PASS:
        return f"the phase is too short: a pass needs {FEWEST_TO_PASS} blocks of {block_s:g} s"
    if settings.scale is Scale.LEVEL or inputs.baseline is None or inputs.canary.shape[1] * inputs.baseline.shape[1] == 0:
        return None
    if settings.scale is Scale.RATIO and history is not None and bool(np.any(np.nanmean(history, axis=1) <= 0)):
        return "values at or below zero have no ratio: declare tolerate and reject as numbers, not as percentages"
    share = 1.0 / inputs.canary.shape[1] + 1.0 / inputs.baseline.shape[1]
    empty = np.empty((0, inputs.baseline.shape[1]))
    spread = float(between_hosts(history, empty, settings.scale)[0]) * share**0.5
    if spread >= settings.reject:
        return (
            f"equal hosts differ so much that two arms of one version lie {_amount(spread, settings)} apart: "
            f"{_amount(settings.reject, settings)} worse can never be excluded; more hosts or a larger reject are needed"
        )
    if context.prior.weight == 0:
        return None
    one = np.ones(1)
    variance = one * max(float((context.prior.shared + context.prior.private * share).max()), 1e-300)
    limit = -one * (settings.reject - spread)
    needed = np.log(1.0 / settings.beta)
    blocks = float(blocks_until(0.0 * one, 0.0 * one, limit, variance, one * context.prior.weight, needed, FEWEST_TO_PASS)[0])
    if blocks > context.horizon:
        return (
            f"at the noise of the history a pass needs {blocks * block_s / 60.0:.0f} minutes and the phase has "
            f"{context.horizon * block_s / 60.0:.0f}: a longer phase, more hosts or a larger reject are needed"
        )
    return None


def _amount(size: float, settings: Settings) -> str:
    return f"{100.0 * np.expm1(size):.0f} %" if settings.scale is Scale.RATIO else f"{size:.3g}"
