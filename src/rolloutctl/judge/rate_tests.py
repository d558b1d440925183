"""Criteria of type `ratio` judged by evidence: from raw counters of both arms to courses, the whole and its segments.

The whole is stratified by segment, never pooled. A segment too small to be certified by itself passes with the whole, as long
as there is little against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.answers import failed, texts, usable
from rolloutctl.judge.drawing import Shares, sliding
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.freshness import called
from rolloutctl.judge.grid import Grid, cell_length
from rolloutctl.judge.increments import Labels, Span, Tally, ordered, sampling, tally
from rolloutctl.judge.needs import HISTORY_STEP_S, Counters, RatioNeed, queries_of
from rolloutctl.judge.parts import Against, Bound, Part
from rolloutctl.judge.presence import Presence, closing_times, together
from rolloutctl.judge.rate_course import RateTeller, course_of, with_whole
from rolloutctl.judge.rates.calibrate import calibrated
from rolloutctl.judge.rates.counts import Counts, Flags, Floats
from rolloutctl.judge.rates.settings import Prior, RateSettings
from rolloutctl.judge.rates.single import single
from rolloutctl.judge.rates.track import track_together
from rolloutctl.judge.ratio import no_bad_counter, would_be_in
from rolloutctl.judge.ratio_rule import FEWEST_TO_COMPARE, SHARED_INCIDENT
from rolloutctl.judge.ruling import ArmSeen, Course, Flaw
from rolloutctl.judge.sharing import alpha_of, beta_of
from rolloutctl.judge.threshold import Missing
from rolloutctl.judge.unsound import BROKEN_SHARE, CLIPPED_FROM, CLIPPED_SHARE, FEWEST_CLIPPED, clipped_often
from rolloutctl.model.samples import Answer, Arm, Query, Series
from rolloutctl.model.verdict import State

SHARED = "shared incident: the baseline is out of its bound as well, so nothing passes"
_HISTORY_Z = 2.33
"""How sure one is of the ratio that history had, in standard deviations."""
EVENTS = "bad events"
_NO_NUMBERS = Missing(
    State.NOT_A_NUMBER, "over 20 % of the counters' samples in the newest window are no numbers.", "Samples that are numbers."
)


@dataclass(frozen=True, slots=True)
class _Arm:
    total: Tally
    bad: Tally
    zero_is_real: bool


def ratio_courses(need: RatioNeed, frame: Frame, answers: Mapping[Query, Answer], phase_index: int) -> tuple[Course, ...]:
    return Ratio(need, frame, answers, phase_index).courses()


class Ratio:
    """One criterion at one look."""

    def __init__(self, need: RatioNeed, frame: Frame, answers: Mapping[Query, Answer], phase_index: int) -> None:
        self.need, self.frame, self.criterion = need, frame, need.criterion
        self.before = need.criterion.versus == "before"
        self.compares = need.criterion.compares
        self.labels = Labels(frame.host, frame.segment)
        ours = self._series(need.canary, answers)
        theirs = None
        if need.baseline is not None and not failed(answers, need.baseline.bad) and not failed(answers, need.baseline.total):
            theirs = self._series(need.baseline, answers)
        arms = [ours[1]] if theirs is None or self.before else [ours[1], theirs[1]]
        length = cell_length(frame.step, (sampling(arm, frame.start) for arm in arms))
        self.grid = Grid(frame.start, length, frame.now)
        self.span = Span(frame.start, length, self.grid.ended, frame.origin)
        self.canary = self._arm(ours, need.canary, elsewhere=bool(theirs and theirs[0]))
        self.baseline = (
            None if theirs is None or need.baseline is None else self._arm(theirs, need.baseline, elsewhere=bool(ours[0]))
        )
        self.past = self._past(theirs)
        self.first = min(self.grid.first_after(frame.origin), self.grid.ended)
        self.alpha = alpha_of(frame.plan, phase_index)
        self.beta = beta_of(frame.plan)
        self.queries = texts(queries_of(need))
        self.approximate = any(usable(answers, query).approximate for query in queries_of(need))
        self.clipped: Mapping[str, Flags] = {}
        """By segment, the judged cells in which bad events outnumbered all events."""
        self.ends: Floats = np.asarray(frame.start + length * np.arange(1, self.grid.ended + 1), dtype=np.float64)

    def _series(self, counters: Counters, answers: Mapping[Query, Answer]) -> tuple[tuple[Series, ...], tuple[Series, ...]]:
        return ordered(usable(answers, counters.bad), self.frame.now), ordered(usable(answers, counters.total), self.frame.now)

    def _arm(self, series: tuple[tuple[Series, ...], tuple[Series, ...]], counters: Counters, *, elsewhere: bool) -> _Arm:
        bad, total = series
        real = bool(bad) or elsewhere or would_be_in(counters.bad.text, counters.total.text, total)
        return _Arm(tally(total, self.span, self.labels), tally(bad, self.span, self.labels), real)

    def _past(self, theirs: tuple[tuple[Series, ...], tuple[Series, ...]] | None) -> _Arm | None:
        """The baseline's increments per minute before the start."""
        minutes = math.floor(self.frame.plan.metrics.history.total_seconds() / HISTORY_STEP_S)
        if theirs is None or minutes < 1:
            return None
        span = Span(self.frame.start - minutes * HISTORY_STEP_S, HISTORY_STEP_S, minutes, -math.inf)
        return _Arm(tally(theirs[1], span, self.labels), tally(theirs[0], span, self.labels), zero_is_real=True)

    def courses(self) -> tuple[Course, ...]:
        names, apart = self.segments(), self.apart()
        shares = {"": self.alpha / (2 if apart else 1)} | {name: self.alpha / 2 / len(apart) for name in apart}
        counts = {name: self._counts((name,) if name else names) for name in shares}
        self.clipped = {name: flags for name, (_, flags) in counts.items()}
        against = self._against(counts, shares, names)
        whole = self._course("", counts[""], shares[""], against, None)
        return (whole, *(self._course(name, counts[name], shares[name], against, whole) for name in apart))

    def apart(self) -> tuple[str, ...]:
        """Segments that get a verdict of their own."""
        if self.frame.segment is None:
            return ()
        parts = self.canary.total.by_segment.items()
        seen = {name for name, part in parts if name and part.newest(self.frame.now) >= self.frame.start}
        return tuple(sorted(seen | set(self.frame.required)))

    def _against(
        self, counts: Mapping[str, tuple[Counts, Flags]], shares: Mapping[str, float], names: Sequence[str]
    ) -> Mapping[str, Part]:
        """The comparison with the baseline, of the whole and of each segment."""
        if not self.compares or self.before:
            return {}
        each = 1 + self._bounds
        asked = [(has, self._settings(shares[name] / each, self._prior(whole=not name))) for name, (has, _) in counts.items()]
        hosts = _hosts(self.canary), _hosts(self.baseline) if self.baseline else ()
        return {
            name: Against(has, found, settings, *hosts, EVENTS, segments=(name,) if name else names)
            for name, (has, settings), found in zip(counts, asked, track_together(asked), strict=True)
        }

    @property
    def _bounds(self) -> int:
        return (self.criterion.max is not None) + (self.criterion.min is not None)

    def segments(self) -> tuple[str, ...]:
        """What both arms have: what one arm does not have cannot be compared."""
        ours = set(self.canary.total.segments)
        if self.baseline is None or not self.compares or self.before:
            return tuple(sorted(ours)) or ("",)
        return tuple(sorted(ours & set(self.baseline.total.segments))) or tuple(sorted(ours)) or ("",)

    def _counts(self, names: Sequence[str]) -> tuple[Counts, Flags]:
        """Judged cells, and where bad events outnumbered all events and were cut."""
        empty = Tally((), (), np.zeros((self.grid.ended, 0, 0)), np.zeros(0), np.zeros(0), Presence({}))
        theirs = self.baseline or _Arm(empty, empty, zero_is_real=True)
        hosts = _hosts(self.canary), _hosts(theirs)
        n, x = (part.on(names, hosts[0])[self.first :] for part in (self.canary.total, self.canary.bad))
        m, y = (part.on(names, hosts[1])[self.first :] for part in (theirs.total, theirs.bad))
        slack = CLIPPED_FROM
        clipped: Flags = np.logical_or((x > n * slack).any(axis=(1, 2)), (y > m * slack).any(axis=(1, 2)))
        return Counts(n, np.minimum(x, n), m, np.minimum(y, m)), clipped

    def _prior(self, *, whole: bool) -> Prior:
        if self.past is None:
            return Prior()
        hosts = _hosts(self.baseline or self.past)
        everything, bad = (part.on(self.past.total.segments, hosts).sum(axis=1) for part in (self.past.total, self.past.bad))
        prior = calibrated(everything, np.minimum(bad, everything), max(1, len(_hosts(self.canary))))
        if whole:
            return prior
        # A segment has a part of the events: what they have in common is the part of the surplus that it keeps.
        return Prior(1.0 + (prior.phi - 1.0) * 0.5, prior.weight)

    def _course(
        self,
        segment: str,
        counted: tuple[Counts, Flags],
        alpha: float,
        against: Mapping[str, Part],
        whole: Course | None,
    ) -> Course:
        counts, clipped = counted
        parts = self._parts(counts, alpha, against.get(segment))
        hosts = [self.canary.total.seen]
        if self.compares and not self.before and self.baseline is not None:
            hosts.append(self.baseline.total.seen)
        closes = whole.closes if whole is not None else closing_times(together(hosts), self.ends, self.frame.max_age)
        course = course_of(
            criterion=self.criterion,
            segment=segment,
            frame=self.frame,
            length=self.grid.length,
            first=self.first,
            closes=closes,
            parts=parts,
            blocked=self._blocked(counts, clipped),
            flaws=(Flaw(_NO_NUMBERS, self.broken()),),
            arms=self._arms(segment),
            tell=self._teller(parts, counts, whole),
            low_traffic=whole is None,
        )
        return course if whole is None else with_whole(course, whole, parts)

    def _teller(self, parts: Sequence[Part], counts: Counts, whole: Course | None) -> RateTeller:
        width = self.grid.cells(self.criterion.window.total_seconds())
        relative = self.compares and not self.before
        total = self.canary.total
        return RateTeller(
            criterion=self.criterion,
            frame=self.frame,
            parts=parts,
            drawing=Shares(counts, width, relative),
            first=self.first,
            length=self.grid.length,
            queries=self.queries,
            series=total.series,
            seen=total.seen,
            approximate=self.approximate,
            whole=whole.tell if whole is not None else None,
        )

    def _parts(self, counts: Counts, alpha: float, against: Part | None) -> tuple[Part, ...]:
        criterion = self.criterion
        bounds = [(float(b), flip) for b, flip in ((criterion.max, False), (criterion.min, True)) if b is not None]
        each = alpha / (len(bounds) + (1 if self.compares else 0))
        parts: list[Part] = [against] if against is not None else []
        if self.compares and self.before:
            parts.append(self._versus_before(counts, each))
        n, x = counts.canary_all.sum(axis=2), counts.canary_bad.sum(axis=2)
        for bound, flip in bounds:
            share, bad, events = (1.0 - bound, n - x, "good events short of the bound:") if flip else (bound, x, EVENTS)
            if 0.0 < share < 1.0:
                parts.append(self._bound(n, bad, share, share, each, events, "the bound"))
        return tuple(parts)

    def _settings(self, alpha: float, prior: Prior) -> RateSettings:
        tolerate, reject = self.criterion.margins
        return RateSettings(
            cell_s=self.grid.length,
            horizon=self._horizon,
            alpha=alpha,
            beta=self.beta,
            tolerate=1.0 + float(tolerate.amount),
            reject=1.0 + float(reject.amount),
            slack=float(self.criterion.slack or 0),
            prior=prior,
        )

    @property
    def _horizon(self) -> int:
        return max(2, math.ceil((self.frame.deadline - self.frame.origin) / self.grid.length))

    def _versus_before(self, counts: Counts, alpha: float) -> Part:
        """Against the ratio that the baseline had before the start, and what that leaves unsure."""
        past, phi = self.past, self._prior(whole=True).phi
        m = float(past.total.increments.sum()) if past else 0.0
        y = float(past.bad.increments.sum()) if past else 0.0
        settings = self._settings(alpha, Prior())
        n, x = counts.canary_all.sum(axis=2), counts.canary_bad.sum(axis=2)
        unsure = _HISTORY_Z * math.sqrt(phi * max(y, 1.0))
        tolerated = min(0.999, settings.tolerate * (y + unsure) / m) if m > 0 else 0.999
        rejected = settings.reject * max(y - unsure, 0.0) / m if m > 0 else 0.0
        return self._bound(n, x, tolerated, max(rejected, 1e-12), alpha, EVENTS, "the limit from before the start")

    def _bound(self, n: Floats, x: Floats, bound: float, pass_bound: float, alpha: float, events: str, against: str) -> Part:
        found = single(n, x, bound, pass_bound, cell_s=self.grid.length, horizon=self._horizon, alpha=alpha, beta=self.beta)
        return Bound(n, x, found, bound, events, self.grid.length, alpha, self.beta, against=against)

    def _blocked(self, counts: Counts, clipped: Flags) -> list[str]:
        """Per cell of the phase."""
        reasons = [""] * self.grid.ended
        judged = len(clipped)
        number = np.cumsum(clipped)
        many = (number >= FEWEST_CLIPPED) & (number > CLIPPED_SHARE * np.arange(1, judged + 1))
        shared = self._shared(counts)
        for cell in np.flatnonzero(many | shared).tolist():
            if many[cell]:
                reasons[self.first + cell] = clipped_often(int(number[cell]), cell + 1)
            else:
                reasons[self.first + cell] = SHARED
        return reasons

    def _shared(self, counts: Counts) -> Flags:
        width = self.grid.cells(self.criterion.window.total_seconds())
        m, y = (sliding(part.sum(axis=(1, 2)), width) for part in (counts.baseline_all, counts.baseline_bad))
        ratio = np.divide(y, m, out=np.zeros_like(m), where=m > 0)
        upper = float(self.criterion.max) if self.criterion.max is not None else SHARED_INCIDENT
        lower = float(self.criterion.min) if self.criterion.min is not None else -1.0
        found: Flags = (m >= FEWEST_TO_COMPARE) & ((ratio > upper) | (ratio < lower))
        return found

    def broken(self) -> Flags:
        width = self.grid.cells(self.criterion.window.total_seconds())
        bad = self.canary.total.broken + self.canary.bad.broken
        everything = self.canary.total.scrapes + self.canary.bad.scrapes
        if self.compares and self.baseline is not None:
            bad = bad + self.baseline.total.broken + self.baseline.bad.broken
            everything = everything + self.baseline.total.scrapes + self.baseline.bad.scrapes
        found: Flags = sliding(bad, width) > BROKEN_SHARE * np.maximum(sliding(everything, width), 1.0)
        return found

    def _arms(self, segment: str) -> tuple[ArmSeen, ...]:
        arms = [(Arm.CANARY, self.canary)]
        if self.compares and not self.before and self.need.baseline is not None:
            arms.append((Arm.BASELINE, self.baseline or self._nothing()))
        found = []
        for arm, has in arms:
            what = called(arm, self.frame.segment, segment)
            seen = has.total.by_segment.get(segment) if segment else (has.total.seen if has.total.series else None)
            problem = None if has.zero_is_real or seen is None else no_bad_counter(what)
            found.append(ArmSeen(what, seen, problem))
        return tuple(found)

    def _nothing(self) -> _Arm:
        empty = tally((), self.span, self.labels)
        return _Arm(empty, empty, zero_is_real=True)


def _hosts(arm: _Arm) -> tuple[str, ...]:
    return tuple(sorted({*arm.total.hosts, *arm.bad.hosts}))
