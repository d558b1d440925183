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

from rolloutctl.judge.rates.counts import NOBODY, Counts, Flags, Floats, Strata
from rolloutctl.judge.rates.estimate import ratio_so_far
from rolloutctl.judge.rates.interval import interval
from rolloutctl.judge.rates.process import compared
from rolloutctl.judge.rates.settings import HARM, HARMLESS, QUIET, RateSettings
from rolloutctl.judge.rates.single import SingleTrack
from rolloutctl.judge.rates.track import RateTrack, breach_evidence
from rolloutctl.judge.words import count, number, percent, span

_FEW = 6.0
_MANY = 3.0
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

    def _sums(self, cell: int) -> tuple[float, float, float, float]:
        n, x, m, y = self._running[cell].tolist()
        return n, x, m, y

    def _interval(self, cell: int) -> tuple[float, float]:
        strata = self.counts.until(cell + 1).strata(without_baseline=int(self.track.left_out[cell]))
        return interval(strata, float(self.track.phi[cell]))

    def _range(self, cell: int) -> str:
        low, high = self._interval(cell)
        _, x, _, y = self._sums(cell)
        if low <= 0 and math.isinf(high):
            return f"on {count(x + y)} {self.events} so far"
        return _shown(float(self.track.ratio[cell]), low, high)

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
        low, high = interval(late, float(self.track.phi[cell]))
        estimate = float(ratio_so_far(late.running())[-1])
        return _shown(estimate, low, high)

    def host(self, cell: int) -> str:
        at = int(self.track.hold_host[cell])
        return self.hosts[at] if at != NOBODY else ""

    def one_host(self, cell: int) -> str:
        return f"it would be a breach, but host {self.host(cell)} alone explains it: without it the others look clean."

    def stands(self, cell: int) -> str:
        n, x, m, y = self._sums(cell)
        if n <= 0 or m <= 0:
            who = "canary" if n <= 0 else "baseline"
            return (
                f"no traffic of the {who} to compare with" if who == "baseline" else "no canary traffic; check flag and routing"
            )
        if x + y == 0:
            return f"no {self.events} in either arm, in {count(n)} of the canary and {count(m)} of the baseline"
        return f"{self._range(cell)}{self._left_out(cell)}"

    def passes(self, cell: int) -> str:
        """What is excluded: the rejected ratio, or bad events over the slack."""
        stands = self.stands(cell)
        if self.settings.slack > 0 and not self.track.by_ratio[cell]:
            return f"{stands}; under the slack of {percent(self.settings.slack)}"
        return f"{stands}; {number(self.settings.reject)} times is excluded"

    def seconds(self, cell: int, *, hoping: bool) -> tuple[float, float]:
        n, x, m, y = self._sums(cell)
        elapsed = (cell + 1) * self.settings.cell_s
        events = x + y + ((_MANY * math.sqrt(x + y) + _FEW) if hoping else 0.0)
        if n <= 0 or m <= 0:
            return math.inf, math.inf
        rate = events / elapsed
        ratio, phi = float(self.track.ratio[cell]), float(self.track.phi[cell])
        tolerated = float(self.track.tolerated[cell])
        rejected = max(self.settings.reject * math.exp(-float(self.track.spread[cell])), 1.0 + 1e-6)
        missing_e = -math.log(self.settings.alpha) - float(self.track.log_e[cell])
        missing_p = -math.log(self.settings.beta) - float(self.track.log_p[cell])
        worse = max(ratio, self.settings.reject) if hoping else ratio
        better = min(ratio, 1.0) if hoping else ratio
        to_breach = _time(missing_e, phi, rate, _growth(worse, tolerated, [tolerated * a for a in HARM], n, m))
        to_pass = _time(missing_p, phi, rate, _growth(better, rejected, [r for r in HARMLESS if r < rejected], n, m))
        if self.settings.slack > 0:
            share = 0.0 if hoping else (x + 0.5) / (n + 1.0)
            growth = max(share * math.log(c) + self.settings.slack * (1 - c) for c in (0.5, 0.2, 0.05, 0.01))
            to_pass = min(to_pass, _time(missing_p, phi, n / elapsed, growth))
        return to_breach, to_pass

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
        if self.settings.slack > 0:
            return "More traffic of the canary, or a later deadline."
        return "More exposure, a later deadline, or `slack`: the share of bad events under which a difference does not matter."

    def numbers(self, cell: int) -> Numbers:
        low, high = self._interval(cell)
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
        return _time(missing_e, phi, rate, worse), _time(missing_p, phi, rate, better)

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


def _shown(estimate: float, low: float, high: float) -> str:
    if math.isinf(high):
        return f"at least {number(low)} times the baseline's"
    return f"{number(min(max(estimate, low), high))} times the baseline's (95 %: {number(low)} to {number(high)})"


def _sums_of(strata: Strata) -> Floats:
    return np.cumsum(np.stack([part.sum(axis=1) for part in (strata.n, strata.x, strata.m, strata.y)], axis=1), axis=0)


def _growth(true: float, tested: float, alternatives: Sequence[float], n: float, m: float) -> float:
    """Expected log evidence per bad event of the alternative that gains most."""
    p = true * n / (true * n + m)
    q0 = tested * n / (tested * n + m)
    shares = [a * n / (a * n + m) for a in alternatives]
    return max((p * math.log(q / q0) + (1 - p) * math.log((1 - q) / (1 - q0)) for q in shares), default=0.0)


def _time(missing: float, phi: float, rate: float, growth: float) -> float:
    if missing <= 0:
        return 0.0
    return missing * phi / (rate * growth) if growth > 0 and rate > 0 else math.inf


def quiet(part: Part) -> Flags:
    """Cells in which a part that does not vouch finds little against the canary."""
    found: Flags = (part.log_e <= QUIET) & ~part.hold
    return found
