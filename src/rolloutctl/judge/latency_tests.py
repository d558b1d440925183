"""Criteria of type `latency`: "slower than a bucket's edge" is a counter, so test A applies at a few edges.

Edges are chosen by the baseline's distribution before the start, or, without that, in the first cells of the phase, which are
then not judged. A tolerated factor of latency becomes a ratio at each edge by interpolating that distribution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rolloutctl.judge.answers import failed, texts, usable
from rolloutctl.judge.buckets import (
    Buckets,
    buckets_of,
    common_edges,
    natives,
    nearest_edge,
    repaired,
    survival,
    survival_at,
    tested_edges,
)
from rolloutctl.judge.drawing import Quantile
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.freshness import called
from rolloutctl.judge.grid import Grid, cell_length
from rolloutctl.judge.increments import Labels, Span, Tally, ordered, sampling, tally
from rolloutctl.judge.needs import HISTORY_STEP_S, LatencyNeed, queries_of
from rolloutctl.judge.parts import Against, Bound, Part
from rolloutctl.judge.presence import closing_times, together
from rolloutctl.judge.rate_course import RateTeller, course_of, with_whole
from rolloutctl.judge.rates.calibrate import calibrated
from rolloutctl.judge.rates.counts import Counts, Flags, Floats
from rolloutctl.judge.rates.settings import Prior, RateSettings
from rolloutctl.judge.rates.single import single
from rolloutctl.judge.rates.track import track_together
from rolloutctl.judge.ruling import ArmSeen, Course
from rolloutctl.judge.sharing import alpha_of, beta_of
from rolloutctl.judge.threshold import Missing
from rolloutctl.judge.words import number
from rolloutctl.model.samples import Answer, Arm, Query
from rolloutctl.model.verdict import State

_ENOUGH = 500.0
"""Observations that tell the baseline's distribution."""
_LEAST_REJECT = 1.02
_MOVED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class _Arm:
    total: Tally
    up_to: Floats
    """(cells, edges and infinity, segments, hosts): increments, repaired."""
    moved: Floats
    segments: tuple[str, ...]
    hosts: tuple[str, ...]

    def of(self, segments: Sequence[str]) -> Floats:
        """(cells, edges and infinity, segments, hosts) of these segments; zero where there is none."""
        found = np.zeros((*self.up_to.shape[:2], len(segments), len(self.hosts)))
        for at, name in enumerate(segments):
            if name in self.segments:
                found[:, :, at] = self.up_to[:, :, self.segments.index(name)]
        return found


def latency_courses(need: LatencyNeed, frame: Frame, answers: Mapping[Query, Answer], phase_index: int) -> tuple[Course, ...]:
    return _Latency(need, frame, answers, phase_index).courses()


class _Latency:
    def __init__(self, need: LatencyNeed, frame: Frame, answers: Mapping[Query, Answer], phase_index: int) -> None:
        self.need, self.frame, self.criterion = need, frame, need.criterion
        self.before = need.criterion.versus == "before"
        self.compares = need.criterion.compares
        self.labels = Labels(frame.host, frame.segment)
        ours = self._buckets(answers, need.canary)
        theirs = None
        if need.baseline is not None and not failed(answers, need.baseline):
            theirs = self._buckets(answers, need.baseline)
        self.problem = self._problem(ours, theirs)
        arms = [arm for arm in (ours, theirs) if arm]
        self.edges = common_edges(arms)
        timed = [ours.get(math.inf, []), theirs.get(math.inf, []) if theirs and not self.before else []]
        length = cell_length(frame.step, (sampling(series, frame.start) for series in timed))
        self.grid = Grid(frame.start, length, frame.now)
        self.span = Span(frame.start, length, self.grid.ended, frame.origin)
        self.canary = self._arm(ours, self.span)
        self.baseline = self._arm(theirs, self.span) if theirs is not None else None
        self.past = self._past(theirs)
        self.ends: Floats = np.asarray(frame.start + length * np.arange(1, self.grid.ended + 1), dtype=np.float64)
        self.queries = texts(queries_of(need))
        self.approximate = any(usable(answers, query).approximate for query in queries_of(need))
        self.alpha = alpha_of(frame.plan, phase_index)
        self.first = min(self.grid.first_after(frame.origin), self.grid.ended)
        self.shares = self._shares()

    def _buckets(self, answers: Mapping[Query, Answer], query: Query) -> Buckets:
        samples = usable(answers, query)
        return buckets_of([*ordered(samples, self.frame.now), *natives(samples, self.frame.now)])

    def _problem(self, ours: Buckets, theirs: Buckets | None) -> Missing | None:
        """What is wrong with the histogram itself."""
        for what, arm in (("canary", ours), ("baseline", theirs if self.compares else None)):
            if arm and math.inf not in arm:
                why = f'the histogram of the {what} has no bucket with le="+Inf", so nothing tells how many requests there were.'
                return Missing(State.INVALID, why, 'Series of all buckets, le="+Inf" included.')
        if ours and not common_edges([arm for arm in (ours, theirs) if arm]):
            why = "the histogram has no finite bucket edge that both arms have, so there is nothing to compare at."
            return Missing(State.INVALID, why, "Buckets with the same finite edges in both arms.")
        return None

    def _arm(self, buckets: Buckets, span: Span) -> _Arm:
        tallies = [tally(buckets.get(edge, ()), span, self.labels) for edge in (*self.edges, math.inf)]
        total = tallies[-1]
        segments = tuple(sorted({name for one in tallies for name in one.segments}))
        hosts = tuple(sorted({name for one in tallies for name in one.hosts}))
        up_to = np.stack([one.on(segments, hosts) for one in tallies], axis=1)
        fixed, moved = repaired(up_to)
        return _Arm(total, fixed, moved, segments, hosts)

    def _past(self, theirs: Buckets | None) -> _Arm | None:
        minutes = math.floor(self.frame.plan.metrics.history.total_seconds() / HISTORY_STEP_S)
        if theirs is None or minutes < 1:
            return None
        return self._arm(theirs, Span(self.frame.start - minutes * HISTORY_STEP_S, HISTORY_STEP_S, minutes, -math.inf))

    def _shares(self) -> Floats | None:
        """The baseline's share of slower observations at each edge; moves `first` behind the cells it was read from."""
        if not self.compares:
            return None
        if self.past is not None:
            known = self.past.up_to.sum(axis=(0, 2, 3))
            if known[-1] >= _ENOUGH:
                return survival(known)
        if self.baseline is None or self.before:
            return None
        running = np.cumsum(self.baseline.up_to[self.first :].sum(axis=(2, 3)), axis=0)
        enough = np.flatnonzero(running[:, -1] >= _ENOUGH) if len(running) else np.zeros(0)
        if not len(enough):
            self.first = self.grid.ended
            return None
        cell = int(enough[0])
        self.first += cell + 1
        return survival(running[cell])

    def courses(self) -> tuple[Course, ...]:
        names = self._segments()
        split = len(names) > 1
        whole = self._course("", names, self.alpha / (2 if split else 1), None)
        found = [whole]
        if names != ("",) and self.frame.segment is not None:
            apart = sorted(set(names) | set(self.frame.required))
            each = self.alpha / 2 / len(apart) if split else self.alpha
            found += [self._course(name, (name,), each, whole) for name in apart]
        return tuple(found)

    def _segments(self) -> tuple[str, ...]:
        ours = set(self.canary.segments)
        if self.baseline is None or not self.compares or self.before:
            return tuple(sorted(ours)) or ("",)
        return tuple(sorted(ours & set(self.baseline.segments))) or tuple(sorted(ours)) or ("",)

    def _course(self, segment: str, names: Sequence[str], alpha: float, whole: Course | None) -> Course:
        ours = self.canary.of(names)[self.first :]
        theirs = self.baseline.of(names)[self.first :] if self.baseline is not None else np.zeros((*ours.shape[:3], 0))
        parts, cannot = self._parts(ours, theirs, alpha, whole is None)
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
            blocked=self._blocked(cannot, ours, theirs),
            flaws=(),
            arms=self._arms(segment),
            tell=self._teller(parts, ours, theirs, whole),
            low_traffic=whole is None and bool(parts),
        )
        return course if whole is None else with_whole(course, whole, parts)

    def _teller(self, parts: Sequence[Part], ours: Floats, theirs: Floats, whole: Course | None) -> RateTeller:
        quantile = min(self.criterion.quantiles)
        limit = next((float(limit.total_seconds()) for q, limit in self.criterion.limits if q == quantile), None)
        drawing = Quantile(
            edges=np.array(self.edges),
            canary=ours.sum(axis=(2, 3)),
            baseline=theirs.sum(axis=(2, 3)),
            quantile=float(quantile),
            width=self.grid.cells(self.criterion.window.total_seconds()),
            bound=None if self.compares else limit,
            factor=1.0 + float(self.criterion.margins[0].amount),
        )
        total = self.canary.total
        return RateTeller(
            criterion=self.criterion,
            frame=self.frame,
            parts=parts,
            drawing=drawing,
            first=self.first,
            length=self.grid.length,
            queries=self.queries,
            series=total.series,
            seen=total.seen,
            approximate=self.approximate,
            whole=whole.tell if whole is not None else None,
        )

    def _parts(self, ours: Floats, theirs: Floats, alpha: float, whole: bool) -> tuple[tuple[Part, ...], str]:
        """The tests, and why nothing can pass (empty: it can)."""
        limits = self.criterion.limits
        each = alpha / (len(limits) + (1 if self.compares else 0))
        parts: list[Part] = []
        cannot = ""
        if self.compares:
            found, cannot = self._relative(ours, theirs, each, whole)
            parts += found
        for quantile, limit in limits:
            bounds, problem = self._limit(ours, float(quantile), limit.total_seconds(), each)
            parts += bounds
            cannot = cannot or problem
        return tuple(parts), cannot

    def _relative(self, ours: Floats, theirs: Floats, alpha: float, whole: bool) -> tuple[list[Part], str]:
        if self.shares is None:
            return [], "too few observations of the baseline yet to choose the edges that are compared"
        chosen = tested_edges(self.shares)
        if not chosen:
            return [], "no bucket edge splits off between 0.4 % and 40 % of the baseline's requests: the buckets are too coarse"
        vouching = {nearest_edge(self.shares, chosen, float(quantile)) for quantile in self.criterion.quantiles}
        edges = np.array(self.edges)
        beyond = next((q for q in self.criterion.quantiles if self.shares[-1] > 2.0 * (1.0 - float(q))), None)
        cannot = (
            ""
            if beyond is None
            else f"the baseline's {_named(float(beyond))} lies above the last finite edge, {_time(edges[-1])}"
        )
        tolerate, reject = (1.0 + float(margin.amount) for margin in self.criterion.margins)
        settings = [
            RateSettings(
                cell_s=self.grid.length,
                horizon=self._horizon,
                alpha=alpha / len(chosen),
                beta=beta_of(self.frame.plan),
                tolerate=max(1.0, survival_at(self.shares, edges, edges[edge] / tolerate) / self.shares[edge]),
                reject=max(_LEAST_REJECT, survival_at(self.shares, edges, edges[edge] / reject) / self.shares[edge]),
                prior=self._prior(edge, whole),
            )
            for edge in chosen
        ]
        events = [f"requests slower than {_time(self.edges[edge])}" for edge in chosen]
        vouches = [edge in vouching for edge in chosen]
        if self.before:
            asked = zip(chosen, settings, events, vouches, strict=True)
            return [self._versus_before(ours, edge, each, what, vouches=vouch) for edge, each, what, vouch in asked], cannot
        counts = [
            Counts(ours[:, -1], ours[:, -1] - ours[:, edge], theirs[:, -1], theirs[:, -1] - theirs[:, edge]) for edge in chosen
        ]
        hosts = self.canary.hosts, self.baseline.hosts if self.baseline is not None else ()
        tracks = track_together(tuple(zip(counts, settings, strict=True)))
        found = zip(counts, tracks, settings, events, vouches, strict=True)
        return [Against(count, track, each, *hosts, what, vouch) for count, track, each, what, vouch in found], cannot

    def _versus_before(self, ours: Floats, edge: int, settings: RateSettings, events: str, *, vouches: bool) -> Part:
        assert self.past is not None
        known = self.past.up_to.sum(axis=(0, 2, 3))
        m, y = float(known[-1]), float(known[-1] - known[edge])
        unsure = 2.33 * math.sqrt(self._prior(edge, whole=True).phi * max(y, 1.0))
        bounds = min(0.999, settings.tolerate * (y + unsure) / m), max(1e-12, settings.reject * (y - unsure) / m)
        n, x = ours[:, -1].sum(axis=2), (ours[:, -1] - ours[:, edge]).sum(axis=2)
        found = single(n, x, *bounds, cell_s=self.grid.length, horizon=self._horizon, alpha=settings.alpha, beta=settings.beta)
        against = "the limit from before the start"
        return Bound(n, x, found, bounds[0], events, self.grid.length, settings.alpha, settings.beta, vouches, against=against)

    def _limit(self, ours: Floats, quantile: float, limit: float, alpha: float) -> tuple[list[Part], str]:
        """Slower than the limit: a breach is shown at the next edge above it, a pass at the next below."""
        edges = np.array(self.edges)
        share = 1.0 - quantile
        above = int(np.searchsorted(edges, limit * (1 - 1e-9)))
        below = int(np.searchsorted(edges, limit * (1 + 1e-9))) - 1
        n = ours[:, -1].sum(axis=2)
        parts: list[Part] = []
        if above < len(edges):
            parts.append(self._bounded(n, ours, above, share, alpha, vouches=above == below))
        if below >= 0 and above != below:
            certain = self._bounded(n, ours, below, share, alpha, vouches=True)
            parts.append(
                replace(
                    certain, track=replace(certain.track, fail=np.zeros_like(certain.track.fail), log_e=np.full(len(n), -np.inf))
                )
            )
        cannot = (
            f"no bucket edge at or under {_time(limit)}, so nothing shows that enough requests are faster" if below < 0 else ""
        )
        return parts, cannot

    def _bounded(self, n: Floats, ours: Floats, edge: int, share: float, alpha: float, *, vouches: bool) -> Bound:
        x = (ours[:, -1] - ours[:, edge]).sum(axis=2)
        beta = beta_of(self.frame.plan)
        found = single(n, x, share, share, cell_s=self.grid.length, horizon=self._horizon, alpha=alpha, beta=beta)
        return Bound(
            n, x, found, share, f"requests slower than {_time(self.edges[edge])}", self.grid.length, alpha, beta, vouches
        )

    def _prior(self, edge: int, whole: bool) -> Prior:
        if self.past is None:
            return Prior()
        hosts = self.baseline.hosts if self.baseline is not None else self.past.hosts
        past = np.zeros((len(self.past.up_to), len(self.edges) + 1, len(hosts)))
        for at, host in enumerate(hosts):
            if host in self.past.hosts:
                past[:, :, at] = self.past.up_to[:, :, :, self.past.hosts.index(host)].sum(axis=2)
        prior = calibrated(past[:, -1], past[:, -1] - past[:, edge], max(1, len(self.canary.hosts)))
        return prior if whole else Prior(1.0 + (prior.phi - 1.0) * 0.5, prior.weight)

    @property
    def _horizon(self) -> int:
        return max(2, math.ceil((self.frame.deadline - self.frame.origin) / self.grid.length))

    def _blocked(self, cannot: str, ours: Floats, theirs: Floats) -> list[str]:
        moved = self.canary.moved[self.first :] + (self.baseline.moved[self.first :] if self.baseline is not None else 0.0)
        seen = ours[:, -1].sum(axis=(1, 2)) + theirs[:, -1].sum(axis=(1, 2))
        many: Flags = np.cumsum(moved) > _MOVED_SHARE * np.maximum(np.cumsum(seen), 1.0)
        reason = "over 1 % of the observations are in buckets that contradict each other"
        return [cannot] * self.first + [cannot or (reason if bad else "") for bad in many]

    def _arms(self, segment: str) -> tuple[ArmSeen, ...]:
        arms: list[tuple[Arm, _Arm | None]] = [(Arm.CANARY, self.canary)]
        if self.compares and not self.before:
            arms.append((Arm.BASELINE, self.baseline))
        found = []
        for arm, has in arms:
            what = called(arm, self.frame.segment, segment)
            tallied = has.total if has is not None else None
            seen = None if tallied is None or not tallied.series else tallied.seen
            if segment and tallied is not None:
                seen = tallied.by_segment.get(segment)
            found.append(ArmSeen(what, seen, self.problem if seen is not None else None))
        return tuple(found)


def _time(seconds: float) -> str:
    return f"{number(seconds * 1000)} ms" if seconds < 1 else f"{number(seconds)} s"


def _named(quantile: float) -> str:
    return f"p{number(quantile * 100)}"
