"""Where `looks` goes on after cells that were gone through with `track`: the same standing as if each had been a look."""

from __future__ import annotations

import numpy as np

from rolloutctl.judge.rates.counts import NOBODY, Counts, Floats, Strata
from rolloutctl.judge.rates.dispersion import Blocks, among_hosts, block_lengths, over_share, raw_dispersion, within_arms
from rolloutctl.judge.rates.looks import Standing
from rolloutctl.judge.rates.process import Mixture, breach_process, compared
from rolloutctl.judge.rates.settings import HARM, HARMLESS, SAFE, RateSettings
from rolloutctl.judge.rates.spread import ArmHosts, spread
from rolloutctl.judge.rates.track import RateTrack


def resumed(counts: Counts, settings: RateSettings, track: RateTrack) -> Standing:
    """Of one test, after at least one cell. `track` is that of the same counts, and left out no host."""
    strata, prior = counts.strata(), settings.prior
    blocks, partial = _blocks(counts, strata, settings, track)
    harm = compared(strata, track.tolerated, track.tolerated[:, None] * np.array(HARM))
    fresh = Mixture.fresh(len(HARM))
    _, mixture = breach_process(harm, track.phi, settings.horizon, settings.onset, settings.cell_s, fresh)
    last = slice(counts.cells - 1, counts.cells)
    ours = over_share(counts.canary_all[last], counts.canary_bad[last])
    theirs = over_share(counts.baseline_all[last], counts.baseline_bad[last])
    squares, variances = among_hosts(counts, NOBODY)
    so_far = (_sums(counts.canary_all, counts.canary_bad), _sums(counts.baseline_all, counts.baseline_bad))
    hosts = ArmHosts(so_far[1][..., 0], so_far[1][..., 1])
    return Standing(
        cells=np.array([counts.cells]),
        canary=so_far[0],
        baseline=so_far[1],
        among_last=(*ours, *theirs),
        among=np.array([[_total(squares), _total(variances), float((variances > 0).sum())]]),
        partial=partial,
        last=np.array([[[*(one.last or (0.0, 0.0)), float(one.last is not None)] for one in blocks]]),
        sums=np.array([[[one.squares, one.variances, float(one.pairs)] for one in blocks]]),
        tau=spread(hosts, track.phi[-1:], prior, NOBODY),
        first=mixture.first[None],
        level=mixture.level[None],
        onsets=mixture.onsets[None],
        harmless=_harmless(strata, settings, track)[None],
        safe=_safe(strata, settings)[None],
    )


def _sums(everything: Floats, bad: Floats) -> Floats:
    """(1, segments, hosts, 2)."""
    return np.stack([everything.sum(axis=0), bad.sum(axis=0)], axis=2)[None]


def _total(values: Floats) -> float:
    """In the order in which looks add."""
    return float(np.cumsum(values)[-1])


def _blocks(counts: Counts, strata: Strata, settings: RateSettings, track: RateTrack) -> tuple[tuple[Blocks, ...], Floats]:
    """Where each block length stands, and (1, lengths, 4, segments) of its incomplete block."""
    prior = settings.prior
    fresh = tuple(Blocks(length) for length in block_lengths(settings.cell_s))
    among = within_arms(counts, NOBODY, prior.phi, prior.weight)
    _, blocks = raw_dispersion(strata, track.ratio, fresh, among, prior.weight)
    nothing = np.zeros((4, strata.n.shape[1]))
    partial = [np.stack(one.partial) if one.begun else nothing for one in blocks]
    return blocks, np.stack(partial)[None]


def _harmless(strata: Strata, settings: RateSettings, track: RateTrack) -> Floats:
    rejected = np.maximum(settings.reject * np.exp(-track.spread), 1.0 + 1e-6)
    harmless = np.broadcast_to(np.array(HARMLESS), (strata.cells, len(HARMLESS)))
    gained = np.where(harmless < rejected[:, None], compared(strata, rejected, harmless), 0.0)
    found: Floats = np.cumsum(gained, axis=0)[-1]
    return found


def _safe(strata: Strata, settings: RateSettings) -> Floats:
    shares = np.array(SAFE)
    bad, everything = strata.x.sum(axis=1), strata.n.sum(axis=1)
    found: Floats = np.cumsum(bad[:, None] * np.log(shares) + (everything * settings.slack)[:, None] * (1.0 - shares), axis=0)[-1]
    return found
