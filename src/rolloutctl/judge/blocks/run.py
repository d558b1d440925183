"""One choice of hosts, judged: what is known after each block."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from rolloutctl.judge.blocks.evidence import Limits, evidence_of
from rolloutctl.judge.blocks.inputs import Bools, Floats, Ints, Scale, Settings
from rolloutctl.judge.blocks.means import Arm, Compared, compare
from rolloutctl.judge.blocks.noise import Prior, noise_of
from rolloutctl.judge.blocks.spread import between_hosts, lot_quantile

_FLOOR = 1e-6
"""Standard deviation, relative to the values, below which noise counts as rounding."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for every choice of hosts."""

    settings: Settings
    prior: Prior
    history: Floats | None
    """The baseline's (a level's: unused), as `usable_history` gives it; columns as the baseline's hosts."""
    horizon: int
    """Blocks up to the deadline."""
    first: int
    """The first block whose evidence is wanted."""


@dataclass(frozen=True, slots=True)
class Run:
    """One entry per block; sums and evidence are over the blocks compared so far."""

    log_e: Floats
    log_p: Floats
    n: Floats
    total: Floats
    variance: Floats
    df: Floats
    spread: Floats
    alarm_from: Floats
    pass_below: Floats
    onset: Ints
    """Block of the start that speaks most for a breach."""
    worse: Floats
    """The difference in this very block; NaN where nothing could be compared."""
    judged: Bools
    """Whether evidence was asked for here."""

    def taken_where(self, here: Bools, other: Run) -> Run:
        """`self`, but `other` in the blocks marked."""
        return Run(*(np.where(here, getattr(other, f.name), getattr(self, f.name)) for f in fields(Run)))


def run_of(canary: Arm, baseline: Arm | None, history: Floats | None, context: Context) -> Run:
    """`history` holds the columns of the hosts in `baseline`."""
    settings = context.settings
    compared = compare(canary, baseline, settings)
    blocks = len(canary.mean)
    done = np.searchsorted(compared.block, np.arange(blocks), side="right")
    share = _share(compared)
    level = settings.scale is Scale.LEVEL
    apart = np.zeros(blocks + 1) if level or baseline is None else between_hosts(history, baseline.hosts, settings.scale)
    spread = np.concatenate((apart[:1], apart[1:][compared.block])) * np.sqrt(share)
    lot = _like_first(lot_quantile(compared.baseline_hosts), 1.0)
    prior = context.prior.shared[None, :] + context.prior.private[None, :] * share[:, None]
    noise = noise_of(compared.worse, prior, context.prior.weight, _floor(compared, settings))
    limits = Limits(
        alarm_from=np.zeros(len(share)) if level else np.maximum(settings.tolerate, lot * spread),
        tolerate=0.0 if level else settings.tolerate,
        pass_below=np.zeros(len(share)) if level else settings.reject - spread,
    )
    judged = np.arange(blocks) >= context.first
    first = int(done[judged].min()) if judged.any() else len(share)
    found = evidence_of(compared.worse, limits, noise, context.horizon, first)
    sums = np.concatenate(([0.0], np.cumsum(compared.worse)))
    worse = np.full(blocks, np.nan)
    worse[compared.block] = compared.worse
    starts = np.concatenate((compared.block, [blocks]))[np.minimum(found.onset, len(compared.block))]
    per_n = (
        found.log_e,
        found.log_p,
        np.arange(len(share), dtype=np.float64),
        sums,
        noise.variance,
        noise.df,
        spread,
        limits.alarm_from,
        limits.pass_below,
    )
    log_e, log_p, n, total, variance, df, spread, alarm_from, pass_below = (values[done] for values in per_n)
    return Run(
        log_e, log_p, n, total, variance, df, spread, alarm_from, pass_below, np.where(done > 0, starts[done], -1), worse, judged
    )


def _share(compared: Compared) -> Floats:
    """1 / canary hosts + 1 / baseline hosts, after n = 0 … N blocks."""
    return _like_first(1.0 / compared.canary_hosts + 1.0 / compared.baseline_hosts, 1.0)


def _like_first(values: Floats, otherwise: float) -> Floats:
    """N values after N blocks; before the first block as after it, without any `otherwise`."""
    return np.concatenate((values[:1] if len(values) else np.array([otherwise]), values))


def _floor(compared: Compared, settings: Settings) -> Floats:
    if settings.scale is Scale.RATIO:
        return np.full(len(compared.worse) + 1, _FLOOR**2)
    declared = max(abs(settings.tolerate), abs(settings.bound or 0.0))
    return np.maximum((_FLOOR * np.maximum(_like_first(compared.size, 0.0), declared)) ** 2, 1e-300)
