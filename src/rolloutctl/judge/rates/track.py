"""Test A over the cells of a phase: for every cell, whether there was a breach, a pass, or one host that explains it.

Values of a cell depend on that cell and earlier ones only. When a baseline host turns out sick, everything from that cell on
is computed as if the host had never been there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.rates.attribution import Z_OUTLIER, outlier
from rolloutctl.judge.rates.counts import NOBODY, Counts, Flags, Floats, Strata, Whole
from rolloutctl.judge.rates.dispersion import Blocks, block_lengths, dispersion, within_arms
from rolloutctl.judge.rates.estimate import ratio_so_far
from rolloutctl.judge.rates.process import compared, log_evidence, mean_of
from rolloutctl.judge.rates.settings import HARM, HARMLESS, QUIET, SAFE, Z_SPREAD, RateSettings, early_caution
from rolloutctl.judge.rates.spread import ArmHosts, share_of_spread, sick_host, spread

_CLEAN = np.log(10.0)
"""Evidence against the other hosts over which they never look clean."""
_SHARED = 0.5


@dataclass(frozen=True, slots=True)
class RateTrack:
    """One value per cell."""

    log_e: Floats
    log_p: Floats
    fail: Flags
    """The evidence for a breach is over the threshold, and no one host explains it."""
    hold_host: Whole
    """Index of the canary host that explains it; -1: none."""
    left_out: Whole
    """Index of the baseline host that is sick; -1: none."""
    passed: Flags
    """The evidence excludes a regression of `reject` size (or the slack holds), and there is little against it."""
    by_ratio: Flags
    """The ratio alone would pass; else it is the slack that does."""
    ratio: Floats
    """Canary to baseline, as estimated so far."""
    phi: Floats
    tolerated: Floats
    """The ratio tested: `tolerate`, or more where hosts differ."""
    spread: Floats
    """Standard deviation that the hosts' differences give the log ratio."""

    def until(self, cell: int) -> RateTrack:
        """The first `cell` cells."""
        return RateTrack(*(getattr(self, name)[:cell] for name in self.__slots__))

    def joined(self, other: RateTrack, cell: int) -> RateTrack:
        """This one before `cell`, the other from it on."""
        before = np.arange(len(self.log_e)) < cell
        mine = [getattr(self, name) for name in self.__slots__]
        theirs = [getattr(other, name) for name in self.__slots__]
        return RateTrack(*(np.where(before, a, b) for a, b in zip(mine, theirs, strict=True)))


def track(counts: Counts, settings: RateSettings) -> RateTrack:
    return track_together(((counts, settings),))[0]


def track_together(asked: Sequence[tuple[Counts, RateSettings]]) -> tuple[RateTrack, ...]:
    """Several tests of one question on the same cells: edges of a histogram, or a whole and its segments.

    Their evidence is added, each weighted by its own alpha: a weighted mean of e-processes is one, with the sum of the alphas,
    and finds sooner what several of them see a little of. The first breach is told by the test that has most of it; from the
    next cell on also by every other whose own evidence is enough.
    """
    running = [_Running(counts, settings) for counts, settings in asked]
    excess = np.stack([one.log_e + np.log(one.settings.alpha) for one in running])
    leader = np.argmax(excess, axis=0)
    total = np.logaddexp.reduce(excess, axis=0)
    caution = early_caution(len(total), asked[0][1].cell_s)
    breach = total >= caution
    known = np.append(False, np.logical_or.accumulate(breach)[:-1])[: len(breach)]
    enough = known & (excess >= caution)
    return tuple(one.track(breach & (leader == place) | enough[place]) for place, one in enumerate(running))


class _Running:
    """One test, before and after a baseline host turned out sick."""

    def __init__(self, counts: Counts, settings: RateSettings) -> None:
        self.settings = settings
        self.first = _Pass(counts, settings, NOBODY)
        host, self.cell = sick_host(self.first.baseline, self.first.phi)
        self.then = self.first if host == NOBODY else _Pass(counts, settings, host)
        before = np.arange(counts.cells) < self.cell
        self.log_e: Floats = np.where(before, self.first.log_e, self.then.log_e)

    def track(self, fail: Flags) -> RateTrack:
        if self.then is self.first:
            return self.first.track(fail)
        return self.first.track(fail).joined(self.then.track(fail), self.cell)


def breach_evidence(strata: Strata, track_: RateTrack, settings: RateSettings, cell: int) -> float:
    """Log E at a cell of other strata (a part of those that were tracked), at the ratio and phi of the track."""
    first = track_.tolerated[: cell + 1]
    evidence = compared(strata, first, first[:, None] * np.array(HARM))
    return float(log_evidence(evidence, track_.phi[: cell + 1], settings.horizon, settings.onset, settings.cell_s)[-1])


class _Pass:
    """One way through the cells, with at most one baseline host left out."""

    def __init__(self, counts: Counts, settings: RateSettings, left_out: int) -> None:
        self.counts, self.settings, self.left_out = counts, settings, left_out
        self.canary = ArmHosts(np.cumsum(counts.canary_all, axis=0), np.cumsum(counts.canary_bad, axis=0))
        self.baseline = ArmHosts(np.cumsum(counts.baseline_all, axis=0), np.cumsum(counts.baseline_bad, axis=0))
        self.strata = counts.strata(without_baseline=left_out)
        self.ratio = ratio_so_far(self.strata.running())
        blocks = tuple(Blocks(length) for length in block_lengths(settings.cell_s))
        prior = settings.prior
        among = within_arms(counts, left_out, prior.phi, prior.weight)
        self.phi, _ = dispersion(self.strata, self.ratio, blocks, among, prior.weight)
        self.spread = self._spread()
        self.tolerated = np.maximum(settings.tolerate, np.exp(Z_SPREAD * self.spread))
        self.log_e = self._breach(self.strata)

    def _spread(self) -> Floats:
        """As it was known before each cell, so that no cell sets the bar it is measured by."""
        tau = spread(self.baseline, self.phi, self.settings.prior, self.left_out)
        known = np.append(self._spread_before(), tau[:-1])[: len(tau)]
        theirs = self.baseline.all if self.left_out == NOBODY else np.delete(self.baseline.all, self.left_out, axis=2)
        found: Floats = known * np.sqrt(share_of_spread(self.canary.all) + share_of_spread(theirs))
        return found

    def _spread_before(self) -> float:
        nothing = np.zeros((1, *self.baseline.all.shape[1:]))
        return float(
            spread(ArmHosts(nothing, nothing), np.array([self.settings.prior.phi]), self.settings.prior, self.left_out)[0]
        )

    def track(self, fail: Flags) -> RateTrack:
        """`fail`: cells with enough evidence for a breach, whoever explains it."""
        cells, settings, log_e = self.counts.cells, self.settings, self.log_e
        by_ratio = self._pass()
        log_p = np.maximum(by_ratio, self._slack()) if settings.slack > 0 else by_ratio
        hold = self._one_host(fail, log_e)
        sure = log_p >= -np.log(settings.beta)
        return RateTrack(
            log_e=log_e,
            log_p=log_p,
            fail=fail & (hold == NOBODY),
            hold_host=hold,
            left_out=np.full(cells, self.left_out),
            by_ratio=by_ratio >= -np.log(settings.beta),
            passed=sure & (log_e < QUIET) & (hold == NOBODY),
            ratio=self.ratio,
            phi=self.phi,
            tolerated=self.tolerated,
            spread=self.spread,
        )

    def _breach(self, strata: Strata) -> Floats:
        settings = self.settings
        harm = self.tolerated[:, None] * np.array(HARM)
        evidence = compared(strata, self.tolerated, harm)
        return log_evidence(evidence, self.phi, settings.horizon, settings.onset, settings.cell_s)

    def _pass(self) -> Floats:
        settings, cells = self.settings, self.counts.cells
        rejected = np.maximum(settings.reject * np.exp(-self.spread), 1.0 + 1e-6)
        harmless = np.broadcast_to(np.array(HARMLESS), (cells, len(HARMLESS)))
        evidence = np.where(harmless < rejected[:, None], compared(self.strata, rejected, harmless), 0.0)
        return mean_of(np.cumsum(evidence, axis=0), self.phi)

    def _slack(self) -> Floats:
        """Evidence that the canary's own share of bad events is under the slack."""
        safe = np.array(SAFE)
        bad, everything = self.strata.x.sum(axis=1), self.strata.n.sum(axis=1)
        per_cell = bad[:, None] * np.log(safe) + (everything * self.settings.slack)[:, None] * (1.0 - safe)
        return mean_of(np.cumsum(per_cell, axis=0), self.phi)

    def _one_host(self, fail: Flags, log_e: Floats) -> Whole:
        """Where a breach would be, the host that stands out and without which there is little left of it.

        "Little" is measured against what the other hosts would show if they shared the regression: their part of the traffic
        of the evidence. Half of that, and they do not look clean.
        """
        hold = np.full(len(fail), NOBODY)
        if not fail.any() or self.counts.canary_all.shape[2] < 2:
            return hold
        host, z = outlier(self.canary, self.phi, self.settings.cell_s)
        stands_out = fail & (z > Z_OUTLIER)
        traffic = self.canary.all.sum(axis=1)
        for one in sorted(set(host[stands_out].tolist())):
            others = self._breach(self.counts.strata(one, self.left_out))
            share = 1.0 - traffic[:, one] / np.maximum(traffic.sum(axis=1), 1.0)
            clean = np.minimum(_CLEAN, _SHARED * share * log_e)
            hold = np.where(stands_out & (host == one) & (others < clean), one, hold)
        return hold
