"""A ratio criterion that goes on: what is kept of it between looks, and its verdicts from that.

Only quiet ones go on: samples of both arms, one comparison with the baseline, no breach near, nobody left out. All else is
judged anew at every look until it is quiet again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.as_of import AsOf, judged
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.live.growth import Growth, Selector
from rolloutctl.judge.live.row import Row, row_of
from rolloutctl.judge.live.telling import RowTeller
from rolloutctl.judge.needs import RatioNeed
from rolloutctl.judge.parts import Against
from rolloutctl.judge.rate_course import RateTeller
from rolloutctl.judge.rate_tests import SHARED, Ratio
from rolloutctl.judge.rates.counts import NOBODY
from rolloutctl.judge.rates.settings import QUIET
from rolloutctl.judge.ratio_rule import FEWEST_TO_COMPARE, SHARED_INCIDENT
from rolloutctl.judge.ruling import Course
from rolloutctl.judge.threshold import CELLS_KEPT
from rolloutctl.judge.unsound import CLIPPED_SHARE, FEWEST_CLIPPED, clipped_often
from rolloutctl.model.samples import Samples
from rolloutctl.model.verdict import Cell, Evidence, Verdict

_TICK_S = 0.002
Counted = list[list[float]]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that the plan says, and the phase's deadline (Unix s)."""

    hold_s: float
    min_s: float
    deadline: float


@dataclass(slots=True)
class Kept:
    need: RatioNeed
    times: Times
    queries: tuple[str, ...]
    """As sent."""
    first: int
    growth: Growth
    rows: tuple[Row, ...]
    """The whole, then its segments."""

    def counted(self, rows: Counted) -> list[tuple[Row, Counted]]:
        """The part of a cell that each test is made of."""
        ours, theirs = (len(names) for names in self.growth.hosts)
        widths = (ours, ours, theirs, theirs)
        return [(row, rows if row.at is None else _part(rows, row.at, widths)) for row in self.rows]

    def closed(self, frame: Frame, results: Sequence[tuple[float, bool, bool]]) -> bool:
        """After the rows were advanced by the newest closed cell; False: it is not quiet any more."""
        against = math.fsum(math.exp(min(excess, 1.0)) for excess, _, _ in results)
        if against >= 1.0 - 1e-9 or any(sick for _, sick, _ in results):
            return False
        cell, length = self.growth.next - 1, self.growth.span.length
        whole = results[0][2]
        for row, (_, _, own) in zip(self.rows, results, strict=True):
            row.own, row.passed = own, own or (whole and row.stand.log_e <= QUIET)
            row.blocked = self._blocked(row, cell)
            end = frame.start + (cell + 1) * length
            self._follow(row, frame, cell, end)
            row.cells = (*row.cells[max(0, len(row.cells) + 1 - CELLS_KEPT) :], _drawn(row, end))
        return True

    def _blocked(self, row: Row, cell: int) -> str:
        judged_cells = cell - self.first + 1
        if row.clipped >= FEWEST_CLIPPED and row.clipped > CLIPPED_SHARE * judged_cells:
            return clipped_often(row.clipped, judged_cells)
        _, _, m, y = row.sums
        return SHARED if m >= FEWEST_TO_COMPARE and y > SHARED_INCIDENT * m else ""

    def _follow(self, row: Row, frame: Frame, cell: int, end: float) -> None:
        course, length, times = row.course, self.growth.span.length, self.times
        course.lasting = course.lasting + 1 if row.passed and not row.blocked else 0
        lasts = course.lasting > 0 and (times.hold_s <= 0 or course.lasting * length >= times.hold_s - _TICK_S)
        passing = lasts and end - frame.start >= times.min_s - _TICK_S
        if passing != course.passing:
            course.passing, course.since = passing, cell
        if row is self.rows[0]:
            course.low = course.low + 1 if end + row.at_best_s > times.deadline + length else 0

    def verdicts(self, frame: Frame, answers: Sequence[Samples]) -> tuple[Verdict, ...] | None:
        """As of `frame.now`; None: samples are missing, which has to be looked at more closely."""
        found: list[Verdict] = []
        whole: RowTeller | None = None
        newest, series = self.growth.newest_of(0, ""), len(self.growth.selectors[1].cursors)
        approximate = any(each.approximate for each in answers)
        oldest = frame.now - frame.max_age
        for row in self.rows:
            if min(self.growth.newest_of(0, row.segment), self.growth.newest_of(1, row.segment)) < oldest:
                return None
            tell = RowTeller(row, whole)
            whole = whole or tell
            seen = tell.evidence(newest, frame.now - newest, series, self.queries, approximate=approximate)
            found.append(judged(self._as_of(row, frame, seen), frame, frame.now, tell))
        return tuple(found)

    def _as_of(self, row: Row, frame: Frame, seen: Evidence) -> AsOf:
        length, course = self.growth.span.length, row.course
        return AsOf(
            criterion=self.need.criterion.id,
            segment=row.segment,
            cell=self.growth.next - 1,
            length=length,
            hold=False,
            passing=course.passing,
            passed=row.passed,
            blocked=row.blocked,
            hold_s=self.times.hold_s,
            since=frame.start + (course.since + 1) * length,
            low_for=lambda: course.low if row is self.rows[0] else 0,
            evidence=seen,
        )


def _part(rows: Counted, at: int, widths: Sequence[int]) -> Counted:
    return [row[at * width : (at + 1) * width] for row, width in zip(rows, widths, strict=True)]


def keep(test: Ratio, courses: Sequence[Course], verdicts: Sequence[Verdict], answers: Sequence[Samples]) -> Kept | None:
    """What goes on from this look; None where it is not quiet. `answers` are in the order of `queries_of`."""
    frame, names, whole = test.frame, tuple(test.segments()), courses[0]
    judged_cells = whole.closed(frame.now) - test.first
    parts = [part for course in courses if (part := _only_part(course)) is not None]
    if judged_cells < 1 or len(parts) < len(courses) or not _plain(test, courses, names):
        return None
    if any((part.track.left_out != NOBODY).any() or part.fail.any() or part.hold.any() for part in parts):
        return None
    hosts = parts[0].hosts, parts[0].baseline_hosts
    growth = Growth(test.span, test.labels, frame.max_age, hosts, names, test.first + judged_cells)
    for samples, (kind, arm, dates) in zip(answers, ((1, 0, False), (0, 0, True), (3, 1, False), (2, 1, True)), strict=True):
        if not growth.begin(Selector(kind, arm, dates), samples, frame.now):
            return None
    width = test.grid.cells(test.criterion.window.total_seconds())
    rows = []
    for course, part, verdict in zip(courses, parts, verdicts, strict=True):
        place = names.index(course.segment) if course.segment else None
        clipped = int(test.clipped[course.segment][:judged_cells].sum())
        row = row_of(part, course.segment, place, judged_cells, width, verdict.evidence.cells, clipped)
        _begun(row, course, test.first + judged_cells, part)
        rows.append(row)
    times = Times(test.criterion.hold.total_seconds(), frame.min_time, frame.deadline)
    return Kept(test.need, times, test.queries, test.first, growth, tuple(rows))


def _only_part(course: Course) -> Against | None:
    parts = course.tell.parts if isinstance(course.tell, RateTeller) else ()
    return parts[0] if len(parts) == 1 and isinstance(parts[0], Against) else None


def _plain(test: Ratio, courses: Sequence[Course], names: Sequence[str]) -> bool:
    """Both arms have the same segments, every one of which is judged, and all samples are numbers."""
    if test.baseline is None or test.before:
        return False
    arms = (test.canary, test.baseline)
    same = all(tuple(arm.total.segments) == tuple(names) and set(arm.bad.segments) <= set(names) for arm in arms)
    named = {name for name in names if name} if test.frame.segment is not None else set()
    apart = {course.segment for course in courses if course.segment}
    seen = all(arm.seen is not None and arm.problem is None for course in courses for arm in course.arms)
    width = test.grid.cells(test.criterion.window.total_seconds())
    numbers = not any(part.broken[-width:].any() for arm in arms for part in (arm.total, arm.bad))
    return same and named == apart and seen and numbers


def _begun(row: Row, course: Course, closed: int, part: Against) -> None:
    """How things have stood up to the newest of the `closed` cells."""
    last = closed - 1
    passing = course.passing[:closed]
    now = bool(passing[last])
    other = np.flatnonzero(passing != now)
    free = course.passed[:closed] & np.array([not reason for reason in course.blocked[:closed]], dtype=np.bool_)
    broken = np.flatnonzero(~free)
    row.course.passing = now
    row.course.since = int(other[-1]) + 1 if len(other) else course.first
    row.course.lasting = last - (int(broken[-1]) if len(broken) else -1)
    if course.low_traffic:
        grace, low = course.frame.grace, 0
        while low <= grace and last - low >= course.first:
            cell = last - low
            if course.end(cell) + course.tell.at_best_s(cell) <= course.frame.deadline + course.length:
                break
            low += 1
        row.course.low = low
    row.own = bool(part.passed[last - course.first])
    row.passed, row.blocked = bool(course.passed[last]), course.blocked[last]


def _drawn(row: Row, end: float) -> Cell:
    n, x, m, y = row.sums
    canary = x / n if n > 0 else None
    baseline = y / m if m > 0 else None
    bound = baseline * row.stand.tolerated if baseline is not None else None
    beyond = canary is not None and bound is not None and canary > bound
    return Cell(end, canary, baseline, bound, beyond, row.stand.log_e)
