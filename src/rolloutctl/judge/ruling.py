"""What the cells of a criterion judged by evidence add up to at a given time: its verdict.

A `Course` holds what the tests say about every cell; its cells depend on earlier samples only, so one course gives the verdict
at any time: live, in a backtest, or again from the journal. The first breach stays one whatever comes after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from rolloutctl.judge.as_of import AsOf, Says, judged
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.freshness import overdue
from rolloutctl.judge.presence import Presence
from rolloutctl.judge.rates.counts import Flags, Floats
from rolloutctl.judge.threshold import HardBreach, Missing
from rolloutctl.judge.words import span
from rolloutctl.model.verdict import Evidence, State, Verdict

_TICK_S = 0.002
_STAYS = "Nothing in this phase: a breach stays for the attempt."


class Teller(Says, Protocol):
    """The same with what is only told of a course."""

    def breach(self, cell: int) -> str:
        """Why the cell is a breach."""
        ...

    def at_best_s(self, cell: int) -> float:
        """Seconds to a verdict if traffic and bad events are as many as can be hoped for."""
        ...

    def dominated_by(self, cell: int) -> str:
        """The one segment that explains a breach of the whole; empty: none does."""
        ...

    def evidence(self, cell: int) -> Evidence: ...


@dataclass(frozen=True, slots=True)
class ArmSeen:
    """An arm that has to be there; `problem` is said instead of looking at its samples."""

    what: str
    seen: Presence | None
    problem: Missing | None = None


@dataclass(frozen=True, slots=True)
class Flaw:
    """Cells whose samples cannot be judged although they are there: several series where one is meant, and the like."""

    missing: Missing
    cells: Flags


class Silent:
    """Finds no words: for looks of which only the state is wanted. What decides a state is asked of `tell`."""

    def __init__(self, tell: Teller) -> None:
        self._tell = tell

    def breach(self, cell: int) -> str:  # noqa: ARG002
        return ""

    def one_host(self, cell: int) -> tuple[str, str]:
        return self._tell.one_host(cell)

    def passes(self, cell: int) -> str:  # noqa: ARG002
        return ""

    def stands(self, cell: int) -> str:  # noqa: ARG002
        return ""

    def needed_s(self, cell: int) -> float:  # noqa: ARG002
        return 0.0

    def at_best_s(self, cell: int) -> float:
        return self._tell.at_best_s(cell)

    def dominated_by(self, cell: int) -> str:
        return self._tell.dominated_by(cell)

    def decide(self) -> str:
        return ""

    def evidence(self, cell: int) -> Evidence:  # noqa: ARG002
        return Evidence()


@dataclass(frozen=True)
class Course:
    """Sequences have one entry per cell of the phase; cells before `first` are not judged."""

    criterion: str
    segment: str
    frame: Frame
    length: float
    first: int
    closes: Floats
    """When each cell is known to be complete, Unix s."""
    fail: Flags
    hold: Flags
    passed: Flags
    blocked: Sequence[str]
    """Why nothing passes in that cell, though the tests would allow it; empty: nothing is in the way."""
    hold_s: float
    """How long a pass has to last before it is one."""
    arms: tuple[ArmSeen, ...]
    hard: HardBreach | None
    flaws: tuple[Flaw, ...]
    low_traffic: bool
    """Whether too little traffic is a state of its own here."""
    tell: Teller

    def end(self, cell: int) -> float:
        return self.frame.start + (cell + 1) * self.length

    def closed(self, now: float) -> int:
        return int(np.searchsorted(self.closes, now + _TICK_S, side="right"))

    @cached_property
    def passing(self) -> Flags:
        """Cells in which it passes: the tests allow it, nothing is in the way, and it has lasted long enough."""
        ends = self.frame.start + self.length * np.arange(1, len(self.passed) + 1)
        free = np.array([not reason for reason in self.blocked], dtype=np.bool_)
        lasting = self.passed & free
        if self.hold_s > 0:
            index = np.arange(len(lasting))
            broken = np.maximum.accumulate(np.where(lasting, -1, index))
            lasting &= (index - broken) * self.length >= self.hold_s - _TICK_S
        passes: Flags = lasting & (ends - self.frame.start >= self.frame.min_time - _TICK_S)
        return passes

    def verdict(self, now: float) -> Verdict:
        """With numbers and cells in the evidence."""
        found = _Ruling(self, now, self.tell).verdict()
        return replace(found, evidence=self.tell.evidence(self.closed(now) - 1))

    def state(self, now: float) -> Verdict:
        """The verdict without words and numbers; a host or segment that explains it is named."""
        found = _Ruling(self, now, Silent(self.tell)).verdict()
        if found.state is State.ONE_HOST:
            return replace(found, evidence=Evidence(host=self.tell.one_host(self.closed(now) - 1)[0]))
        if found.state is State.BREACH and self.fail.any():
            return replace(found, evidence=Evidence(dominated_by=self.tell.dominated_by(int(np.argmax(self.fail)))))
        return found


class _Ruling:
    def __init__(self, course: Course, now: float, tell: Teller) -> None:
        self.course, self.now, self.frame, self.tell = course, now, course.frame, tell
        self.closed = course.closed(now)
        self.cell = self.closed - 1
        self.ended = int((now - self.frame.start + _TICK_S) // course.length)

    def verdict(self) -> Verdict:
        return self._breach() or self._missing() or self._judged()

    def _verdict(self, state: State, why: str, would_change: str = "", since: float | None = None) -> Verdict:
        course = self.course
        return Verdict(course.criterion, course.segment, state, why, would_change, since=since)

    def _breach(self) -> Verdict | None:
        course = self.course
        cells = np.flatnonzero(course.fail[: self.closed])
        hard = course.hard if course.hard is not None and course.hard.at <= self.now + _TICK_S else None
        if not len(cells) and hard is None:
            return None
        if not len(cells) or (hard is not None and hard.at <= course.end(int(cells[0]))):
            assert hard is not None
            return replace(self._verdict(State.BREACH, hard.why, _STAYS, since=hard.at), breach_at=hard.at)
        cell = int(cells[0])
        at = course.end(cell)
        why = f"{self.tell.breach(cell)}; decided {span(at - self.frame.start)} into the phase."
        return replace(self._verdict(State.BREACH, why, _STAYS, since=at), breach_at=at)

    def _missing(self) -> Verdict | None:
        course, max_age = self.course, self.frame.max_age
        newest = min(self.ended, len(course.closes)) - 1
        flaws = [flaw.missing for flaw in course.flaws if newest >= course.first and flaw.cells[newest]]
        missing = next((m for arm in course.arms if (m := self._unseen(arm)) is not None), None)
        missing = missing or next(iter(flaws), None)
        return self._lasting(missing, self._was_missing(max_age)) if missing is not None else None

    def _was_missing(self, max_age: float) -> Flags:
        """Per ended cell, as it looked at its end."""
        course = self.course
        ends = np.asarray(self.frame.start + course.length * np.arange(1, self.ended + 1), dtype=np.float64)
        was = np.zeros(self.ended, dtype=np.bool_)
        for arm in course.arms:
            if arm.problem is not None or arm.seen is None:
                was[:] = True
            else:
                was |= ends - arm.seen.newest_by(ends) > max_age
        for flaw in course.flaws:
            known = min(len(flaw.cells), self.ended)
            was[:known] |= flaw.cells[:known]
        return was

    def _unseen(self, arm: ArmSeen) -> Missing | None:
        if arm.problem is not None:
            return arm.problem
        newest = None if arm.seen is None else arm.seen.newest(self.now)
        return overdue(arm.what, newest, self.now, self.frame.max_age)

    def _lasting(self, missing: Missing, was: Flags) -> Verdict:
        sound = np.flatnonzero(~was)
        begun = int(sound[-1]) + 1 if len(sound) else 0
        cells = len(was) - begun
        since = self.course.end(begun) if cells else self.now
        verdict = self._verdict(missing.state, missing.why, missing.would_change, since=since)
        return replace(verdict, missing_since=since, grace_over=cells >= self.frame.grace)

    def _judged(self) -> Verdict:
        course, cell = self.course, self.cell
        if self.now < self.frame.origin:
            left = span(self.frame.origin - self.now)
            return self._verdict(State.PENDING, f"warming up: judged in {left}.", "The end of the warm-up.", self.frame.start)
        if cell < course.first:
            return self._verdict(
                State.PENDING,
                "no cell is complete yet.",
                f"The first complete look, {span(course.length)} long.",
                min(self.frame.origin, self.now),
            )
        hold, passing = bool(course.hold[cell]), bool(course.passing[cell])
        here = course.hold if hold else course.passing if passing else ~course.hold & ~course.passing
        stands = AsOf(
            criterion=course.criterion,
            segment=course.segment,
            cell=cell,
            length=course.length,
            hold=hold,
            passing=passing,
            passed=bool(course.passed[cell]),
            blocked=course.blocked[cell],
            hold_s=course.hold_s,
            since=self._since(here),
            low_for=self._low_for,
        )
        return judged(stands, self.frame, self.now, self.tell)

    def _since(self, flags: Flags) -> float:
        before = np.flatnonzero(~flags[: self.closed])
        return self.course.end(int(before[-1]) + 1 if len(before) else self.course.first)

    def _low_for(self) -> int:
        course, cells = self.course, 0
        if not course.low_traffic:
            return 0
        while cells <= self.frame.grace and self.cell - cells >= course.first and self._is_low(self.cell - cells):
            cells += 1
        return cells

    def _is_low(self, cell: int) -> bool:
        course = self.course
        needed = self.tell.at_best_s(cell)
        return course.end(cell) + needed > self.frame.deadline + course.length
