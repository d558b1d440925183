"""One test of a criterion on counted events, and what it says about a cell: the other arm's ratio, or a declared share.

Arrays run over the phase's cells; the tests themselves begin with the first judged one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from rolloutctl.judge.rate_stand import RateStand, decide, time_to, times
from rolloutctl.judge.rates.counts import NOBODY, Counts, Flags, Floats, Strata
from rolloutctl.judge.rates.estimate import ratio_so_far
from rolloutctl.judge.rates.interval import group_of, interval
from rolloutctl.judge.rates.process import compared
from rolloutctl.judge.rates.settings import HARM, QUIET, RateSettings
from rolloutctl.judge.rates.single import SingleTrack
from rolloutctl.judge.rates.track import RateTrack, breach_evidence
from rolloutctl.judge.words import count, number, percent, span

_LITTLE = math.log(10.0)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a part adds to the evidence."""

    estimate: float | None
    """Canary over baseline, or the canary's share."""
    low: float
    high: float
    log_e: float
    log_p: float
    log_e_needed: float
    log_p_needed: float
    phi: float
    tolerated: float
    host: str = ""
    left_out: str = ""


class Part(Protocol):
    """Cells are counted from the first judged one."""

    @property
    def vouches(self) -> bool:
        """A pass needs this part's pass; else only that it finds little against the canary."""
        ...

    @property
    def fail(self) -> Flags: ...

    @property
    def passed(self) -> Flags: ...

    @property
    def hold(self) -> Flags: ...

    @property
    def log_e(self) -> Floats: ...

    def breach(self, cell: int) -> str: ...

    def host(self, cell: int) -> str: ...

    def one_host(self, cell: int) -> str: ...

    def stands(self, cell: int) -> str: ...

    def passes(self, cell: int) -> str: ...

    def seconds(self, cell: int, *, hoping: bool) -> tuple[float, float]:
        """(to a breach, to a pass), at the present rate or at the best that can be hoped for; infinite: never."""
        ...

    def dominated_by(self, cell: int) -> str: ...

    def decide(self) -> str: ...

    def numbers(self, cell: int) -> Numbers: ...


@dataclass(frozen=True)
class Against:
    """The canary's events against the baseline's: test A."""

    counts: Counts
    track: RateTrack
    settings: RateSettings
    hosts: Sequence[str]
    baseline_hosts: Sequence[str]
    events: str
    """What is counted: "bad events", "requests slower than 250 ms"."""
    vouches: bool = True
    segments: Sequence[str] = ()

    @cached_property
    def _running(self) -> Floats:
        """(cells, 4): all and bad events so far of the canary and of the baseline, without a host that was left out by then."""
        sums = _sums_of(self.counts.strata())
        for host in set(self.track.left_out.tolist()) - {NOBODY}:
            rows = self.track.left_out == host
            sums[rows] = _sums_of(self.counts.strata(without_baseline=host))[rows]
        return sums

    @property
    def fail(self) -> Flags:
        return self.track.fail

    @property
    def passed(self) -> Flags:
        return self.track.passed

    @property
    def hold(self) -> Flags:
        found: Flags = self.track.hold_host != NOBODY
        return found

    @property
    def log_e(self) -> Floats:
        return self.track.log_e

    def stand(self, cell: int) -> RateStand:
        n, x, m, y = self._running[cell].tolist()
        track = self.track
        return RateStand(
            n,
            x,
            m,
            y,
            ratio=float(track.ratio[cell]),
            phi=float(track.phi[cell]),
            tolerated=float(track.tolerated[cell]),
            spread=float(track.spread[cell]),
            log_e=float(track.log_e[cell]),
            log_p=float(track.log_p[cell]),
            by_ratio=bool(track.by_ratio[cell]),
            elapsed_s=(cell + 1) * self.settings.cell_s,
        )

    @property
    def _group(self) -> int:
        return group_of(self.settings.horizon)

    @cached_property
    def _intervals(self) -> dict[int, tuple[float, float]]:
        """By cell: the sentence and the numbers of a look show the same one."""
        return {}

    def interval_at(self, cell: int) -> tuple[float, float]:
        if cell not in self._intervals:
            self._intervals[cell] = self._interval(cell)
        return self._intervals[cell]

    def _interval(self, cell: int) -> tuple[float, float]:
        strata = self.counts.until(cell + 1).strata(without_baseline=int(self.track.left_out[cell]))
        return interval(strata, float(self.track.phi[cell]), self._group)

    def _left_out(self, cell: int) -> str:
        host = int(self.track.left_out[cell])
        return f", baseline host {self.baseline_hosts[host]} left out as sick" if host != NOBODY else ""

    def breach(self, cell: int) -> str:
        first = self._onset(cell)
        before = self._running[first - 1] if first else np.zeros(4)
        n, x, m, y = (self._running[cell] - before).tolist()
        tolerated = number(float(self.track.tolerated[cell]))
        since = f" in the last {span((cell + 1 - first) * self.settings.cell_s)}" if first else ""
        alone = "; one host: host and version cannot be told apart" if len(self.hosts) == 1 and self.hosts[0] else ""
        segment = self.dominated_by(cell)
        mostly = f", nearly all of it in {segment}" if segment else ""
        return (
            f"{self.events} are {percent(x / n if n else 0.0)} of the canary's against {percent(y / m if m else 0.0)} of the "
            f"baseline's{since}, {self._times(cell, first)}, where {tolerated} times is tolerated"
            f"{mostly}{self._left_out(cell)}{alone}"
        )

    def _onset(self, cell: int) -> int:
        """From which cell on the evidence is strongest."""
        strata = self.counts.until(cell + 1).strata(without_baseline=int(self.track.left_out[cell]))
        tolerated = self.track.tolerated[: cell + 1]
        level = np.cumsum(compared(strata, tolerated, tolerated[:, None] * np.array(HARM)), axis=0)
        since = level[-1] - np.concatenate([np.zeros((1, len(HARM))), level[:-1]])
        # A later onset has little weight beforehand: it has to be clearly better.
        since[0] += float(self.track.phi[cell]) * math.log(self.settings.horizon / self.settings.onset)
        return int(np.argmax(since.max(axis=1)))

    def _times(self, cell: int, first: int) -> str:
        strata = self.counts.until(cell + 1).strata(without_baseline=int(self.track.left_out[cell]))
        late = Strata(*(part[first:] for part in (strata.n, strata.x, strata.m, strata.y)))
        low, high = interval(late, float(self.track.phi[cell]), self._group)
        estimate = float(ratio_so_far(late.running())[-1])
        return times(estimate, low, high)

    def host(self, cell: int) -> str:
        at = int(self.track.hold_host[cell])
        return self.hosts[at] if at != NOBODY else ""

    def one_host(self, cell: int) -> str:
        return f"it would be a breach, but host {self.host(cell)} alone explains it: without it the others look clean."

    def stands(self, cell: int) -> str:
        stand = self.stand(cell)
        bare = stand.bare(self.events)
        return bare or f"{stand.range(self.events, *self.interval_at(cell))}{self._left_out(cell)}"

    def passes(self, cell: int) -> str:
        return self.stand(cell).passes(self.stands(cell), self.settings)

    def seconds(self, cell: int, *, hoping: bool) -> tuple[float, float]:
        return self.stand(cell).seconds(self.settings, hoping=hoping)

    def dominated_by(self, cell: int) -> str:
        """The segment with the largest surplus, if without it there is little against the others."""
        strata = self.counts.until(cell + 1).strata(without_baseline=int(self.track.left_out[cell]))
        if strata.n.shape[1] < 2 or len(self.segments) != strata.n.shape[1]:
            return ""
        n, x, m, y = (part.sum(axis=0) for part in (strata.n, strata.x, strata.m, strata.y))
        tolerated = float(self.track.tolerated[cell])
        expected = np.divide((x + y) * tolerated * n, tolerated * n + m, out=np.zeros_like(n), where=(n > 0) & (m > 0))
        worst = int(np.argmax(np.where((n > 0) & (m > 0), x - expected, -np.inf)))
        rest = Strata(*(np.delete(part, worst, axis=1) for part in (strata.n, strata.x, strata.m, strata.y)))
        return self.segments[worst] if breach_evidence(rest, self.track, self.settings, cell) < _LITTLE else ""

    def decide(self) -> str:
        return decide(self.settings)

    def numbers(self, cell: int) -> Numbers:
        low, high = self.interval_at(cell)
        track, left = self.track, int(self.track.left_out[cell])
        return Numbers(
            estimate=float(track.ratio[cell]),
            low=low,
            high=high,
            log_e=float(track.log_e[cell]),
            log_p=float(track.log_p[cell]),
            log_e_needed=-math.log(self.settings.alpha),
            log_p_needed=-math.log(self.settings.beta),
            phi=float(track.phi[cell]),
            tolerated=float(track.tolerated[cell]),
            host=self.host(cell),
            left_out=self.baseline_hosts[left] if left != NOBODY else "",
        )


@dataclass(frozen=True)
class Bound:
    """The canary's events against a declared share of all."""

    everything: Floats
    bad: Floats
    """(cells, segments)."""
    track: SingleTrack
    bound: float
    events: str
    cell_s: float
    alpha: float
    beta: float
    vouches: bool = True
    against: str = "the bound"

    @property
    def fail(self) -> Flags:
        return self.track.fail

    @property
    def passed(self) -> Flags:
        return self.track.passed

    @property
    def hold(self) -> Flags:
        return np.zeros(len(self.track.fail), dtype=np.bool_)

    @property
    def log_e(self) -> Floats:
        return self.track.log_e

    @cached_property
    def _running(self) -> tuple[Floats, Floats]:
        return np.cumsum(self.everything.sum(axis=1)), np.cumsum(self.bad.sum(axis=1))

    def _sums(self, cell: int) -> tuple[float, float]:
        n, x = self._running
        return float(n[cell]), float(x[cell])

    def _share(self, cell: int) -> str:
        n, x = self._sums(cell)
        return f"{self.events} are {percent(x / n)} of {count(n)}" if n > 0 else "no canary traffic; check flag and routing"

    def breach(self, cell: int) -> str:
        return f"{self._share(cell)}, over {self.against} of {percent(self.bound)}"

    def host(self, cell: int) -> str:  # noqa: ARG002 - a single arm names no host
        return ""

    def one_host(self, cell: int) -> str:
        return self.stands(cell)

    def stands(self, cell: int) -> str:
        return f"{self._share(cell)}, {self.against} is {percent(self.bound)}"

    def passes(self, cell: int) -> str:
        return f"{self._share(cell)}, certainly under {self.against} of {percent(self.bound)}"

    def seconds(self, cell: int, *, hoping: bool) -> tuple[float, float]:
        n, x = self._sums(cell)
        if n <= 0:
            return math.inf, math.inf
        rate, phi = n / ((cell + 1) * self.cell_s), float(self.track.phi[cell])
        high = max((x + 1.0) / n, 2.0 * self.bound) if hoping else x / n
        low = 0.0 if hoping else x / n
        worse = max(high * math.log(a) - self.bound * (a - 1.0) for a in HARM)
        better = max(low * math.log(c) - self.bound * (c - 1.0) for c in (0.8, 0.5, 0.2, 0.05, 0.01))
        missing_e = -math.log(self.alpha) - float(self.track.log_e[cell])
        missing_p = -math.log(self.beta) - float(self.track.log_p[cell])
        return time_to(missing_e, phi, rate, worse), time_to(missing_p, phi, rate, better)

    def dominated_by(self, cell: int) -> str:  # noqa: ARG002 - a declared share is not judged by segment
        return ""

    def decide(self) -> str:
        return "More traffic of the canary, a later deadline, or a value clearly on one side of the bound."

    def numbers(self, cell: int) -> Numbers:
        n, x = self._sums(cell)
        share = x / n if n > 0 else None
        return Numbers(
            estimate=share,
            low=0.0,
            high=math.inf,
            log_e=float(self.track.log_e[cell]),
            log_p=float(self.track.log_p[cell]),
            log_e_needed=-math.log(self.alpha),
            log_p_needed=-math.log(self.beta),
            phi=float(self.track.phi[cell]),
            tolerated=self.bound,
        )


def _sums_of(strata: Strata) -> Floats:
    return np.cumsum(np.stack([part.sum(axis=1) for part in (strata.n, strata.x, strata.m, strata.y)], axis=1), axis=0)


def quiet(part: Part) -> Flags:
    """Cells in which a part that does not vouch finds little against the canary."""
    found: Flags = (part.log_e <= QUIET) & ~part.hold
    return found
