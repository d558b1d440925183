"""`test = "threshold"`: a run of cells beyond the bound is a BREACH, a run of cells inside it is a PASS.

`Track` is what a criterion type hands over: for every closed cell where the canary stands, and what is missing. `conclude`
turns it into a verdict. The whole history since the warm-up is gone through every time, so a restart changes nothing; a
breach stays one whatever comes after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rolloutctl.judge.bounds import Limits, Standing
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.grid import Grid
from rolloutctl.judge.words import Show, show_of, span
from rolloutctl.model.verdict import Cell, Evidence, State, Verdict
from rolloutctl.plan.model import RatioCriterion, ValueCriterion

CELLS_KEPT = 2000


@dataclass(frozen=True, slots=True)
class Missing:
    """A state of missing evidence as it is now."""

    state: State
    why: str
    would_change: str = ""


@dataclass(frozen=True, slots=True)
class HardBreach:
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class Track:
    """A criterion's history in one phase, whole or one segment; the sequences have one entry per closed cell."""

    segment: str
    grid: Grid
    canary: Sequence[float | None]
    baseline: Sequence[float | None]
    bound: Sequence[float | None]
    standing: Sequence[Standing]
    missing: Missing | None
    was_missing: Callable[[int], bool]
    """Whether evidence was missing in an ended cell."""
    undecided: str
    """Why the newest closed cell decides nothing; empty where it does, or where none is closed."""
    undecided_would_change: str
    blocked: str
    """Why nothing may pass whatever the cells say; empty where it may."""
    notes: str
    """Said behind every sentence; empty mostly."""
    hard: HardBreach | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Course:
    """What the cells add up to."""

    breach: int | None
    """Cell at which a run beyond the bound was long enough, the first time."""
    beyond: int
    """Length of the run beyond the bound that ends at the newest closed cell."""
    inside: int
    """The same, inside."""
    passing_since: int | None
    """First cell of the present run of cells that pass; None: the newest does not."""
    failing_since: int
    """First cell after the last one that passed."""


def course(standing: Sequence[Standing], to_breach: int, to_pass: int, first_pass: int) -> Course:
    """`to_breach` and `to_pass` are lengths of runs; no cell before `first_pass` passes."""
    breach: int | None = None
    beyond = inside = failing_since = 0
    passing_since: int | None = None
    for cell, stands in enumerate(standing):
        if stands is Standing.INSIDE:
            inside += 1
            beyond = 0
        elif stands is Standing.BEYOND:
            beyond += 1
            inside = 0
            if breach is None and beyond >= to_breach:
                breach = cell
        else:
            beyond = inside = 0
        if inside >= to_pass and cell >= first_pass:
            passing_since = cell if passing_since is None else passing_since
            failing_since = cell + 1
        else:
            passing_since = None
    return Course(breach, beyond, inside, passing_since, failing_since)


def conclude(criterion: RatioCriterion | ValueCriterion, frame: Frame, limits: Limits, track: Track) -> Verdict:
    return _Conclusion(criterion, frame, limits, track).verdict()


class _Conclusion:
    def __init__(self, criterion: RatioCriterion | ValueCriterion, frame: Frame, limits: Limits, track: Track) -> None:
        self.criterion = criterion
        self.frame = frame
        self.limits = limits
        self.track = track
        self.grid = track.grid
        self.show: Show = show_of(criterion)
        self.to_breach = self.grid.cells(criterion.breach_after.total_seconds())
        self.to_pass = self.grid.cells(criterion.hold.total_seconds())
        first_pass = self.grid.cells(frame.min_time) - 1
        self.course = course(track.standing, self.to_breach, self.to_pass, first_pass)

    def verdict(self) -> Verdict:
        breach = self._breach()
        if breach is not None:
            return breach
        if self.track.missing is not None:
            return self._missing(self.track.missing)
        if self.course.passing_since is not None and not self.track.blocked:
            return self._pass(self.course.passing_since)
        return self._pending()

    def _verdict(self, state: State, why: str, would_change: str = "", since: float | None = None) -> Verdict:
        sentence = f"{why} {self.track.notes}" if self.track.notes else why
        return Verdict(
            criterion=self.criterion.id,
            segment=self.track.segment,
            state=state,
            why=sentence,
            would_change=would_change,
            since=since,
            evidence=self._evidence(),
        )

    def _evidence(self) -> Evidence:
        track, kept = self.track, range(max(0, len(self.track.standing) - CELLS_KEPT), len(self.track.standing))
        cells = tuple(
            Cell(
                self.grid.end(i),
                track.canary[i],
                track.baseline[i],
                track.bound[i],
                track.standing[i] is Standing.BEYOND,
            )
            for i in kept
        )
        if not cells:
            return track.evidence
        newest = cells[-1]
        return replace(track.evidence, cells=cells, canary=newest.canary, baseline=newest.baseline, bound=newest.bound)

    def _breach(self) -> Verdict | None:
        cell, hard = self.course.breach, self.track.hard
        if cell is None and hard is None:
            return None
        stays = "Nothing in this phase: a breach stays for the attempt."
        if cell is None or (hard is not None and hard.at <= self.grid.end(cell)):
            assert hard is not None
            verdict = self._verdict(State.BREACH, hard.why, stays, since=hard.at)
            return replace(verdict, breach_at=hard.at)
        at = self.grid.end(cell)
        verdict = self._verdict(State.BREACH, self._breach_words(cell), stays, since=at)
        return replace(verdict, breach_at=at)

    def _breach_words(self, cell: int) -> str:
        track = self.track
        value, bound = track.canary[cell], track.bound[cell]
        lasted = span(self.to_breach * self.grid.length)
        then = f"{self._beside(value, bound)} for {lasted}, {span(self.grid.end(cell) - self.grid.start)} into the phase"
        base = track.baseline[cell]
        if self.limits.margin is not None and base is not None:
            then += f" (baseline {self.show(base)})"
        newest = track.canary[-1]
        if cell == len(track.canary) - 1 or track.standing[-1] is Standing.BEYOND:
            return f"{then}."
        now = "no value now" if newest is None else f"now {self.show(newest)}"
        return f"{then}; {now}."

    def _beside(self, value: float | None, bound: float | None) -> str:
        """`2.3 %, over the bound of 1 %`."""
        if value is None or bound is None:
            return "beyond the bound"
        return f"{self.show(value)}, {'over' if value > bound else 'under'} the bound of {self.show(bound)}"

    def _missing(self, missing: Missing) -> Verdict:
        cells, cell = 0, self.grid.ended - 1
        while cell >= 0 and self.track.was_missing(cell):
            cells, cell = cells + 1, cell - 1
        since = self.grid.end(cell + 1) if cells else self.frame.now
        verdict = self._verdict(missing.state, missing.why, missing.would_change, since=since)
        return replace(verdict, missing_since=since, grace_over=cells >= self.frame.grace)

    def _pass(self, since: int) -> Verdict:
        track = self.track
        value, bound, base = track.canary[-1], track.bound[-1], track.baseline[-1]
        assert value is not None
        why = self.show(value)
        if bound is not None:
            why += f", inside the bound of {self.show(bound)}"
        why += f" for {span(self.course.inside * self.grid.length)}"
        if self.limits.margin is not None and base is not None:
            why += f" (baseline {self.show(base)})"
        lasting = span(self.to_breach * self.grid.length)
        return self._verdict(State.PASS, f"{why}.", f"{lasting} beyond the bound would be a breach.", self.grid.end(since))

    def _pending(self) -> Verdict:
        why, would_change = self._pending_words()
        since = self.grid.start if self.course.failing_since == 0 else self.grid.end(self.course.failing_since)
        return self._verdict(State.PENDING, why, would_change, since=min(since, self.frame.now))

    def _pending_words(self) -> tuple[str, str]:
        frame, track = self.frame, self.track
        if frame.now < frame.origin:
            left = span(frame.origin - frame.now)
            return f"warming up: judged in {left}.", "The end of the warm-up."
        if not track.standing:
            return "no cell is complete yet.", f"The first complete look, {span(self.grid.length)} long."
        value, bound = track.canary[-1], track.bound[-1]
        if track.standing[-1] is Standing.BEYOND:
            lasted = span(self.course.beyond * self.grid.length)
            left = span((self.to_breach - self.course.beyond) * self.grid.length)
            return f"{self._beside(value, bound)} for {lasted}; a breach after {left} more.", "A cell inside the bound."
        if track.standing[-1] is Standing.UNDECIDED:
            return track.undecided, track.undecided_would_change
        return self._still_needed()

    def _still_needed(self) -> tuple[str, str]:
        """Inside the bound, and yet no pass."""
        frame, track = self.frame, self.track
        value, bound = track.canary[-1], track.bound[-1]
        assert value is not None
        stands = self.show(value) + (f", inside the bound of {self.show(bound)}" if bound is not None else "")
        needs = []
        hold = (self.to_pass - self.course.inside) * self.grid.length
        if hold > 0:
            needs.append(f"{span(hold)} more inside the bound")
        early = frame.min_time - (self.grid.end(len(track.standing) - 1) - self.grid.start)
        if early > 0:
            needs.append(f"nothing passes before {span(frame.min_time)} of the phase, {span(early)} more")
        if track.blocked:
            return f"{stands}, but nothing may pass:", "Counters of which one counts part of what the other counts."
        return f"{stands}; {'; '.join(needs)}.", f"{span(max(hold, early))} more inside the bound is a pass."
