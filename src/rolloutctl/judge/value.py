"""Criteria of type `value`: one number per arm and grid time, averaged over a sliding window per cell.

The window never reaches before the phase's start and warm-up. A value is as old as the newest sample of the selector that
is furthest behind, not as the expression looks: `rate(x[5m])` answers for minutes after its target has died. Up to a fifth
of a window's values may be no numbers; they are left out. `hard_max` and `hard_min` look at single samples, in the warm-up
too: two different scrapes in a row beyond them are a breach.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rolloutctl.judge.answers import Answers, failed, texts, usable
from rolloutctl.judge.bounds import Limits, Standing, limits_of
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.freshness import called, unseen, was_unseen
from rolloutctl.judge.gauges import Dated, Points, dated, points, scrape_times
from rolloutctl.judge.grid import Grid, cell_length, closed_cells, sliding_sums
from rolloutctl.judge.needs import Gauge, ValueNeed, compares, queries_of
from rolloutctl.judge.segments import of_segment
from rolloutctl.judge.threshold import HardBreach, Missing, Track
from rolloutctl.judge.unsound import BROKEN_SHARE, empty, several, undated
from rolloutctl.judge.value_hard import beyond_hard
from rolloutctl.judge.words import percent, show_of, span
from rolloutctl.model.samples import Arm
from rolloutctl.model.verdict import Evidence, State


@dataclass(frozen=True, slots=True)
class _Arm:
    values: Points | None
    dates: Dated


@dataclass(frozen=True, slots=True)
class _Window:
    """Per closed cell: mean over the window, the share of it that is no number, and whether it ends in several series."""

    mean: Sequence[float | None]
    broken: Sequence[float]
    several: Sequence[bool]


def value_tracks(need: ValueNeed, frame: Frame, answers: Answers) -> tuple[Track, ...]:
    """The whole; with `by_segment` every segment that the canary was seen with or that is required instead."""
    return _Value(need, frame, answers).tracks()


class _Value:
    def __init__(self, need: ValueNeed, frame: Frame, answers: Answers) -> None:
        self.need = need
        self.criterion = need.criterion
        self.frame = frame
        self.answers = answers
        self.limits: Limits = limits_of(need.criterion)
        self.compares = compares(need.criterion)
        self.show = show_of(need.criterion)
        self.baseline = need.baseline
        if need.baseline is not None and any(failed(answers, q) for q in (need.baseline.value, *need.baseline.dated_by)):
            self.baseline = None
        arms = [need.canary] if self.baseline is None else [need.canary, self.baseline]
        scraped = [[times for q in arm.dated_by for times in scrape_times(usable(answers, q))] for arm in arms]
        self.step = frame.step
        self.grid = Grid(frame.start, cell_length(self.step, scraped), frame.now)
        self.per_cell = round(self.grid.length / self.step)
        self.size = round((need.canary.value.end - need.canary.value.start) / self.step) + 1
        self.first_point = math.floor((frame.origin - frame.start) / self.step + 1e-6) + 1
        self.width = max(1, math.ceil(need.criterion.window.total_seconds() / self.step - 1e-6))
        self.queries = texts(queries_of(need))

    def tracks(self) -> tuple[Track, ...]:
        if not self.criterion.by_segment or self.frame.segment is None:
            return (self._track(""),)
        label = self.frame.segment
        seen = {series.label(label) for series in usable(self.answers, self.need.canary.value).series} - {""}
        return tuple(self._track(name) for name in sorted(seen | set(self.frame.required)))

    def _arm(self, gauge: Gauge, segment: str) -> _Arm:
        frame = self.frame
        label = frame.segment if segment else None
        together = frozenset({"__name__", frame.host or "", frame.segment or ""})
        chosen = of_segment(usable(self.answers, gauge.value), label, segment)
        values = points(chosen, frame.start, self.step, self.size, together)
        answers = {query.text: of_segment(usable(self.answers, query), label, segment) for query in gauge.dated_by}
        return _Arm(values, dated(answers, self.grid, self.step, self.size, frame.host))

    def _track(self, segment: str) -> Track:
        canary = self._arm(self.need.canary, segment)
        base = None if self.baseline is None else self._arm(self.baseline, segment)
        judged = [canary] if base is None or not self.compares else [canary, base]
        hosts = [time for arm in judged if arm.dates.seen for time in arm.dates.seen.hosts.values()]
        closed = min(closed_cells(self.grid, hosts, self.frame.max_age), (self.size - 1) // self.per_cell)
        ours = self._window(canary.values, closed)
        theirs = self._window(base.values if base else None, closed)
        standing, bounds, shared = self._stand(ours, theirs)
        undecided = self._undecided(shared) if closed else ("", "")
        return Track(
            segment=segment,
            grid=self.grid,
            canary=ours.mean,
            baseline=theirs.mean,
            bound=bounds,
            standing=standing,
            missing=self._missing(segment, canary, base, ours, theirs),
            was_missing=self._was_missing(judged, ours, theirs),
            undecided=undecided[0],
            undecided_would_change=undecided[1],
            blocked="",
            notes="",
            hard=self._hard(canary),
            evidence=self._evidence(canary),
        )

    def _window(self, values: Points | None, closed: int) -> _Window:
        ends = [(cell + 1) * self.per_cell for cell in range(closed)]
        if values is None:
            return _Window([None] * closed, [0.0] * closed, [False] * closed)
        begin = min(self.first_point, self.size)
        means = [values.mean(point) for point in range(begin, self.size)]
        gap = [0.0] * begin
        sums = gap + sliding_sums([0.0 if mean is None else mean for mean in means], self.width)
        counts = gap + sliding_sums([0.0 if mean is None else 1.0 for mean in means], self.width)
        broken = gap + sliding_sums([float(number) for number in values.broken[begin:]], self.width)
        numbers = gap + sliding_sums([float(number) for number in values.numbers[begin:]], self.width)
        shares = [broken[end] / (broken[end] + numbers[end]) if broken[end] else 0.0 for end in ends]
        return _Window(
            mean=[
                sums[end] / counts[end] if counts[end] and share <= BROKEN_SHARE and not values.several[end] else None
                for end, share in zip(ends, shares, strict=True)
            ],
            broken=shares,
            several=[values.several[end] for end in ends],
        )

    def _stand(self, ours: _Window, theirs: _Window) -> tuple[list[Standing], list[float | None], bool]:
        standing: list[Standing] = []
        bounds: list[float | None] = []
        shared = False
        for value, base in zip(ours.mean, theirs.mean, strict=True):
            relative = None if base is None else self.limits.relative(base)
            bounds.append(self.limits.shown(value, relative))
            stands, shared = self._decide(value, base, relative)
            standing.append(stands)
        return standing, bounds, shared

    def _decide(self, value: float | None, base: float | None, relative: float | None) -> tuple[Standing, bool]:
        """Where a value stands, and whether that is undecided because the baseline breaks the bound as well."""
        if value is None:
            return Standing.UNDECIDED, False
        breaks = self.limits.breaks_absolute(value)
        if not self.compares:
            return (Standing.BEYOND if breaks else Standing.INSIDE), False
        if base is None or relative is None:
            return (Standing.BEYOND if breaks else Standing.UNDECIDED), False
        worse = self.limits.breaks_relative(value, relative)
        if not worse and self.limits.breaks_absolute(base):
            return Standing.UNDECIDED, True
        return (Standing.BEYOND if breaks or worse else Standing.INSIDE), False

    def _undecided(self, shared: bool) -> tuple[str, str]:
        if shared:
            return (
                "shared incident: the baseline breaks the bound as well, so nothing passes.",
                "A baseline inside the bound, or a canary that is worse than it.",
            )
        whose = " of both arms" if self.compares else ""
        return f"no value{whose} since the judging began, yet.", "A first value."

    def _missing(self, segment: str, canary: _Arm, base: _Arm | None, ours: _Window, theirs: _Window) -> Missing | None:
        arms = [(Arm.CANARY, canary, ours)]
        if self.compares:
            arms.append((Arm.BASELINE, base or _Arm(None, Dated(None, "", ())), theirs))
        for arm, has, window in arms:
            what = called(arm, self.frame.segment, segment)
            missing = (
                self._unseen(what, has)
                or self._several(what, has, window)
                or self._broken(what, has, window)
                or self._empty(what, window)
            )
            if missing is not None:
                return missing
        return None

    def _unseen(self, what: str, arm: _Arm) -> Missing | None:
        if arm.dates.missing and arm.values is not None:
            return undated(what, arm.dates.missing)
        if arm.values is None:
            return unseen(what, None, self.frame.now, self.frame.max_age)
        last = self.frame.start + (self.size - 1) * self.step
        return unseen(what, arm.dates.seen, last, self.frame.max_age)

    def _several(self, what: str, arm: _Arm, window: _Window) -> Missing | None:
        values = arm.values
        if values is None or not (values.several[-1] or (window.several and window.several[-1])):
            return None
        return several(what, values.differ_in)

    def _broken(self, what: str, arm: _Arm, window: _Window) -> Missing | None:
        values = arm.values
        if values is not None and not window.broken and values.broken[-1] and not values.numbers[-1]:
            return Missing(State.NOT_A_NUMBER, f"the value of {what} is no number.", "A number.")
        if not window.broken or window.broken[-1] <= BROKEN_SHARE:
            return None
        return Missing(
            State.NOT_A_NUMBER,
            f"{percent(window.broken[-1])} of the values of {what} in the last {span(self._window_s)} are no numbers.",
            "Values that are numbers; a division by a rate of zero gives none.",
        )

    def _empty(self, what: str, window: _Window) -> Missing | None:
        """Fresh samples behind the expression, and still nothing comes out of it."""
        if not window.mean or not self._is_empty(window, len(window.mean) - 1):
            return None
        return empty(what)

    def _is_empty(self, window: _Window, cell: int) -> bool:
        return window.mean[cell] is None and self.grid.end(cell) >= self.frame.start + self.first_point * self.step - 1e-6

    @property
    def _window_s(self) -> float:
        return self.width * self.step

    def _was_missing(self, judged: Sequence[_Arm], ours: _Window, theirs: _Window) -> Callable[[int], bool]:
        windows = (ours, theirs) if self.compares else (ours,)
        closed = len(ours.mean)

        def was_missing(cell: int) -> bool:
            end = self.grid.end(cell)
            if len(judged) < len(windows):
                return True
            if any(arm.values is None or was_unseen(arm.dates.seen, cell, end, self.frame.max_age) for arm in judged):
                return True
            known = min(cell, closed - 1)
            return known >= 0 and any(w.several[known] or self._is_empty(w, known) for w in windows)

        return was_missing

    def _hard(self, canary: _Arm) -> HardBreach | None:
        """The first time at which two different scrapes in a row were beyond a hard bound."""
        if canary.values is None or (self.criterion.hard_max is None and self.criterion.hard_min is None):
            return None
        return beyond_hard(self.criterion, self.frame, canary.values, canary.dates.real, self.size)

    def _evidence(self, canary: _Arm) -> Evidence:
        seen = canary.dates.seen
        newest = seen.newest if seen and math.isfinite(seen.newest) else None
        return Evidence(
            newest=newest,
            age_s=None if newest is None else max(0.0, self.frame.now - newest),
            series=canary.values.series if canary.values else 0,
            queries=self.queries,
        )
