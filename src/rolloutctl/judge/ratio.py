"""Criteria of type `ratio`: bad events out of all events, from raw counters, over a sliding window per cell.

Counters are summed over every series that matches, as `sum()` would. The window never reaches before the phase's start and
warm-up, because it would judge what earlier users saw; a young phase is judged on what there is. The rule for one cell is in
`ratio_rule`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from rolloutctl.judge.answers import Answers, failed, texts, usable
from rolloutctl.judge.bounds import Limits, Standing, limits_of
from rolloutctl.judge.counters import Counted, count, tidy, whole
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.freshness import called, unseen, was_unseen
from rolloutctl.judge.grid import Grid, cell_length, closed_cells, sliding_sums
from rolloutctl.judge.needs import Counters, RatioNeed, compares, queries_of
from rolloutctl.judge.promql import name_and_labels
from rolloutctl.judge.ratio_rule import FEWEST_BAD_TO_COMPARE, FEWEST_TO_COMPARE, Why, decide, fewest_events
from rolloutctl.judge.threshold import Missing, Track
from rolloutctl.judge.traffic import Traffic, Window
from rolloutctl.judge.unsound import BROKEN_SHARE, CLIPPED_FROM, CLIPPED_SHARE, FEWEST_CLIPPED, clipped_often
from rolloutctl.judge.words import percent, span
from rolloutctl.model.samples import Arm, Series
from rolloutctl.model.verdict import Evidence, State


@dataclass(frozen=True, slots=True)
class _Arm:
    """Both counters of an arm: by segment (empty: no label), and whether no bad series means no bad event."""

    bad: Mapping[str, Counted]
    total: Mapping[str, Counted]
    zero_is_real: bool


def ratio_tracks(need: RatioNeed, frame: Frame, answers: Answers) -> tuple[Track, ...]:
    """The whole, then every segment that the canary was seen with or that is required."""
    return _Ratio(need, frame, answers).tracks()


_Windows = tuple[Window | None, Window | None]
"""Of the canary and of the baseline; None: the arm has no series."""


class _Ratio:
    def __init__(self, need: RatioNeed, frame: Frame, answers: Answers) -> None:
        self.need = need
        self.criterion = need.criterion
        self.frame = frame
        self.limits: Limits = limits_of(need.criterion)
        self.compares = compares(need.criterion)
        self.fewest = fewest_events(need.criterion)
        self.fewest_baseline = need.criterion.min_total or FEWEST_TO_COMPARE
        canary = self._series(need.canary, answers)
        baseline = None
        if need.baseline is not None and not failed(answers, need.baseline.bad) and not failed(answers, need.baseline.total):
            baseline = self._series(need.baseline, answers)
        arms = [canary] if baseline is None else [canary, baseline]
        length = cell_length(frame.step, ([series.times for series in total] for _, total in arms))
        self.grid = Grid(frame.start, length, frame.now)
        elsewhere = baseline is not None and bool(baseline[0])
        self.canary = self._counted(canary, need.canary, elsewhere=elsewhere)
        self.baseline = (
            None
            if baseline is None or need.baseline is None
            else self._counted(baseline, need.baseline, elsewhere=bool(canary[0]))
        )
        self.queries = texts(queries_of(need))
        self.width = self.grid.cells(need.criterion.window.total_seconds())
        self.first = self.grid.first_after(frame.origin)

    def _series(self, counters: Counters, answers: Answers) -> tuple[tuple[Series, ...], tuple[Series, ...]]:
        now = self.frame.now
        return tidy(usable(answers, counters.bad), now), tidy(usable(answers, counters.total), now)

    def _counted(self, series: tuple[tuple[Series, ...], tuple[Series, ...]], counters: Counters, *, elsewhere: bool) -> _Arm:
        bad, total = series
        frame = self.frame
        by = (self.grid, frame.origin, frame.host, frame.segment)
        real = bool(bad) or elsewhere or would_be_in(counters.bad.text, counters.total.text, total)
        return _Arm(count(bad, *by), count(total, *by), real)

    def tracks(self) -> tuple[Track, ...]:
        found = [self._whole()]
        if self.frame.segment is not None:
            since = self.frame.start
            seen = {name for name, part in self.canary.total.items() if name and part.seen.newest >= since}
            found += [self._segment(name) for name in sorted(seen | set(self.frame.required))]
        return tuple(found)

    def _segment(self, name: str) -> Track:
        base = self.baseline
        return self._track(
            name,
            (self.canary.bad.get(name), self.canary.total.get(name)),
            (base.bad.get(name), base.total.get(name)) if base is not None else (None, None),
        )

    def _whole(self) -> Track:
        canary, base = self.canary, self.baseline
        if base is None:
            return self._track("", (whole(canary.bad.values()), whole(canary.total.values())), (None, None))
        # What one arm does not have cannot be compared, and would shift the ratio of the other.
        both = canary.total.keys() & base.total.keys() if self.compares else frozenset()
        ours = both or canary.total.keys()
        theirs = both or base.total.keys()
        return self._track("", _only(canary, ours), _only(base, theirs))

    def _track(
        self, segment: str, canary: tuple[Counted | None, Counted | None], base: tuple[Counted | None, Counted | None]
    ) -> Track:
        bad, total = canary
        seen = [part.seen for part in (total, base[1] if self.compares else None) if part is not None]
        hosts = [time for part in seen for time in part.hosts.values()]
        closed = closed_cells(self.grid, hosts, self.frame.max_age)
        windows = self._windows(bad, total, closed), self._windows(base[0], base[1], closed)
        standing, reasons, shown = self._stand(*windows, closed)
        missing = self._missing(segment, total, base[1]) or self._broken(reasons, windows, closed)
        undecided, would_change = self._undecided(reasons[-1], windows, closed) if closed else ("", "")
        low = self._low(reasons[-1], windows, closed - 1) if closed > self.first else None
        clipped, baseline_clipped = self._clipped(bad, total, closed), self._clipped(base[0], base[1], closed)
        blocked = clipped or (baseline_clipped if self.compares else "")
        return Track(
            segment=segment,
            grid=self.grid,
            canary=shown[0],
            baseline=shown[1],
            bound=shown[2],
            standing=standing,
            missing=missing or low,
            was_missing=self._was_missing(total, base[1], reasons, windows, closed),
            undecided=undecided,
            undecided_would_change=would_change,
            blocked=blocked,
            notes=f"({clipped or baseline_clipped})" if clipped or baseline_clipped else "",
            hard=None,
            evidence=self._evidence(windows, total, closed),
        )

    def _windows(self, bad: Counted | None, total: Counted | None, closed: int) -> Window | None:
        if total is None:
            return None
        all_, first = total.increments[:closed], min(self.first, closed)
        bads = [0.0] * closed if bad is None else [min(x, n) for x, n in zip(bad.increments, all_, strict=False)]
        broken = self._broken_share(bad, total, closed) if total.broken or (bad and bad.broken) else [0.0] * closed
        gap = [0.0] * first
        return Window(
            bad=gap + sliding_sums(bads[first:], self.width),
            total=gap + sliding_sums(all_[first:], self.width),
            broken=broken,
            first=total.first,
            newest=total.seen.by_cell,
        )

    def _broken_share(self, bad: Counted | None, total: Counted, closed: int) -> list[float]:
        parts = [part for part in (bad, total) if part is not None]
        broken = [float(sum(part.broken.get(cell, 0) for part in parts)) for cell in range(closed)]
        per_cell = sum(part.scrapes for part in parts) / max(1, self.grid.ended)
        spans = sliding_sums([1.0] * closed, self.width)
        return [b / (per_cell * s) for b, s in zip(sliding_sums(broken, self.width), spans, strict=True)]

    def _stand(
        self, canary: Window | None, base: Window | None, closed: int
    ) -> tuple[list[Standing], list[Why], tuple[list[float | None], list[float | None], list[float | None]]]:
        standing = [Standing.UNDECIDED] * closed
        reasons = [Why.FEW_CANARY] * closed
        values: list[float | None] = [None] * closed
        bases: list[float | None] = [None] * closed
        bounds: list[float | None] = [None] * closed
        for cell in range(min(self.first, closed), closed):
            x, n = (canary.bad[cell], canary.total[cell]) if canary else (0.0, 0.0)
            y, m = (base.bad[cell], base.total[cell]) if base else (0.0, 0.0)
            value = x / n if n > 0 else None
            theirs = y / m if m > 0 else None
            relative = None if theirs is None else self.limits.relative(theirs)
            values[cell], bases[cell] = value, theirs
            bounds[cell] = self.limits.shown(value, relative)
            if (canary and canary.broken[cell] > BROKEN_SHARE) or (self.compares and base and base.broken[cell] > BROKEN_SHARE):
                reasons[cell] = Why.BROKEN
            elif value is not None and n >= self.fewest:
                few = m < self.fewest_baseline
                standing[cell], reasons[cell] = decide(self.limits, value, x, None if few else theirs)
        return standing, reasons, (values, bases, bounds)

    def _missing(self, segment: str, total: Counted | None, base: Counted | None) -> Missing | None:
        frame = self.frame
        arms = [(Arm.CANARY, total, self.canary)]
        if self.compares and self.baseline is not None:
            arms.append((Arm.BASELINE, base, self.baseline))
        for arm, counted, both in arms:
            what = called(arm, frame.segment, segment)
            missing = unseen(what, counted.seen if counted else None, frame.now, frame.max_age)
            if missing is not None:
                return missing
            if not both.zero_is_real:
                return no_bad_counter(what)
        return None

    def _was_missing(
        self,
        total: Counted | None,
        base: Counted | None,
        reasons: Sequence[Why],
        windows: _Windows,
        closed: int,
    ) -> Callable[[int], bool]:
        arms = [(total, self.canary)]
        if self.compares and self.baseline is not None:
            arms.append((base, self.baseline))

        def was_missing(cell: int) -> bool:
            end = self.grid.end(cell)
            for counted, both in arms:
                if not both.zero_is_real or was_unseen(counted.seen if counted else None, cell, end, self.frame.max_age):
                    return True
            known = min(cell, closed - 1)
            if known < self.first:
                return False
            return reasons[known] is Why.BROKEN or self._low(reasons[known], windows, known) is not None

        return was_missing

    def _broken(self, reasons: Sequence[Why], windows: _Windows, closed: int) -> Missing | None:
        if not closed or reasons[-1] is not Why.BROKEN:
            return None
        worst = max(window.broken[-1] for window in windows if window)
        return Missing(
            State.NOT_A_NUMBER,
            f"{percent(min(1.0, worst))} of the counters' samples in the last {span(self._window_s)} are no numbers.",
            "Samples that are numbers.",
        )

    @property
    def _window_s(self) -> float:
        return self.width * self.grid.length

    def _traffic(self, reason: Why, windows: _Windows) -> Traffic | None:
        """The arm that has too little; None where that is not the reason."""
        ours, theirs = windows
        rest = (self.grid, self._window_s, self.frame.deadline)
        match reason:
            case Why.FEW_CANARY:
                return Traffic(Arm.CANARY, ours, theirs, self.fewest, *rest)
            case Why.FEW_BASELINE:
                return Traffic(Arm.BASELINE, theirs, ours, self.fewest_baseline, *rest)
            case _:
                return None

    def _low(self, reason: Why, windows: _Windows, cell: int) -> Missing | None:
        traffic = self._traffic(reason, windows)
        return traffic.low(cell) if traffic else None

    def _undecided(self, reason: Why, windows: _Windows, closed: int) -> tuple[str, str]:
        traffic = self._traffic(reason, windows)
        if traffic is not None:
            return traffic.needs_more(closed - 1)
        match reason:
            case Why.NO_BAD_IN_BASELINE:
                return (
                    f"the baseline has no bad event in {span(self._window_s)}, so no ratio to be relative to.",
                    "A bad event in the baseline, or a `max` in the plan.",
                )
            case Why.FEW_BAD:
                return (
                    f"over the bound relative to the baseline, by fewer than {FEWEST_BAD_TO_COMPARE} bad events.",
                    "More bad events would be a breach, none a pass.",
                )
            case Why.SHARED:
                return (
                    "shared incident: the baseline is as bad as the canary, so nothing passes.",
                    "A baseline that is well again, or a canary that is worse than it.",
                )
            case _:
                return "", ""

    def _clipped(self, bad: Counted | None, total: Counted | None, closed: int) -> str:
        """Said when bad events outnumber all events in more than 1 % of the judged cells, and at least two."""
        if bad is None or total is None:
            return ""
        judged = range(min(self.first, closed), closed)
        more = sum(1 for cell in judged if bad.increments[cell] > total.increments[cell] * CLIPPED_FROM)
        if more < FEWEST_CLIPPED or more <= CLIPPED_SHARE * len(judged):
            return ""
        return clipped_often(more, len(judged))

    def _evidence(self, windows: _Windows, total: Counted | None, closed: int) -> Evidence:
        numbers = [round(window.total[-1]) if window and closed else None for window in windows]
        newest = total.seen.newest if total and math.isfinite(total.seen.newest) else None
        return Evidence(
            events_canary=numbers[0],
            events_baseline=numbers[1],
            newest=newest,
            age_s=None if newest is None else max(0.0, self.frame.now - newest),
            series=total.series if total else 0,
            queries=self.queries,
        )


def _only(arm: _Arm, names: Collection[str]) -> tuple[Counted | None, Counted | None]:
    return (
        whole(part for name, part in arm.bad.items() if name in names),
        whole(part for name, part in arm.total.items() if name in names),
    )


def would_be_in(bad: str, total: str, series: Sequence[Series]) -> bool:
    """Whether `bad` picks some of `total`'s series, so that picking none really is no bad event.

    True when both select the same metric, and its series carry every label that `bad` asks for: then a misspelt name cannot
    be what keeps `bad` empty.
    """
    bad_name, labels = name_and_labels(bad)
    total_name, _ = name_and_labels(total)
    if not bad_name or bad_name != total_name:
        return False
    return any(all(series_.label(label) for label in labels) for series_ in series)


def no_bad_counter(what: str) -> Missing:
    return Missing(
        State.NO_DATA,
        f"{what} has no series of the bad events' counter, in either arm: none happened, or it is called otherwise.",
        "A counter that starts at 0 before its first event, or `bad` as a selector of the same metric as `total`.",
    )
