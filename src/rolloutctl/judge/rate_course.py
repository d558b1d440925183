"""Several tests of one criterion as one course: any of them may breach, all that vouch have to pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rolloutctl.judge.drawing import Drawing
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.parts import Against, Part, quiet
from rolloutctl.judge.presence import Presence
from rolloutctl.judge.rates.counts import Floats
from rolloutctl.judge.rates.settings import QUIET
from rolloutctl.judge.ruling import ArmSeen, Course, Flaw, Teller
from rolloutctl.judge.sightings import NEVER
from rolloutctl.judge.threshold import CELLS_KEPT
from rolloutctl.model.verdict import Cell, Evidence
from rolloutctl.plan.model import LatencyCriterion, RatioCriterion


def course_of(
    *,
    criterion: RatioCriterion | LatencyCriterion,
    segment: str,
    frame: Frame,
    length: float,
    first: int,
    closes: Floats,
    parts: Sequence[Part],
    blocked: Sequence[str],
    flaws: tuple[Flaw, ...],
    arms: tuple[ArmSeen, ...],
    tell: Teller,
    low_traffic: bool,
) -> Course:
    cells = len(closes)
    fail, hold, passed = (np.zeros(cells, dtype=np.bool_) for _ in range(3))
    passed[first:] = any(part.vouches for part in parts)
    for part in parts:
        fail[first:] |= part.fail
        hold[first:] |= part.hold
        passed[first:] &= part.passed if part.vouches else quiet(part)
    return Course(
        criterion=criterion.id,
        segment=segment,
        frame=frame,
        length=length,
        first=first,
        closes=closes,
        fail=fail,
        hold=hold & ~fail,
        passed=passed & ~hold,
        blocked=blocked,
        hold_s=criterion.hold.total_seconds(),
        arms=arms,
        hard=None,
        flaws=flaws,
        low_traffic=low_traffic,
        tell=tell,
    )


def with_whole(course: Course, whole: Course, parts: Sequence[Part]) -> Course:
    """A segment that is too small to be certified by itself passes with the whole, as long as nothing speaks against it."""
    calm = np.ones(len(course.passed), dtype=np.bool_)
    for part in parts:
        calm[course.first :] &= part.log_e <= QUIET
    return replace(course, passed=course.passed | (whole.passed & calm & ~course.hold))


@dataclass(frozen=True, slots=True)
class RateTeller:
    """Cells are those of the phase; the parts begin with `first`."""

    criterion: RatioCriterion | LatencyCriterion
    frame: Frame
    parts: Sequence[Part]
    drawing: Drawing
    first: int
    length: float
    queries: tuple[str, ...]
    series: int
    seen: Presence
    approximate: bool = False
    whole: Teller | None = None
    """Of a segment: what passes with the whole need not wait longer than that."""

    def breach(self, cell: int) -> str:
        at = cell - self.first
        failing = [part for part in self.parts if part.fail[at]]
        return max(failing, key=lambda part: float(part.log_e[at])).breach(at)

    def one_host(self, cell: int) -> tuple[str, str]:
        at = cell - self.first
        part = next(part for part in self.parts if part.hold[at])
        return part.host(at), part.one_host(at)

    def passes(self, cell: int) -> str:
        at = cell - self.first
        vouching = [part for part in self.parts if part.vouches]
        if self.whole is not None and not all(part.passed[at] for part in vouching):
            return f"{self.stands(cell)}; too little to tell by itself, so it passes with the whole"
        return "; ".join(dict.fromkeys(part.passes(at) for part in vouching))

    def stands(self, cell: int) -> str:
        if not self.parts:
            return "nothing is compared yet"
        return self._telling(cell - self.first).stands(cell - self.first)

    def _breached(self, at: int) -> int:
        """The phase's first cell that is a breach, by a judged cell; -1: none is."""
        cells = [int(np.argmax(part.fail[: at + 1])) for part in self.parts if part.fail[: at + 1].any()]
        return self.first + min(cells) if cells else -1

    def _telling(self, at: int) -> Part:
        """The part that says most: what looks bad, or what still lacks a pass."""
        suspects = [part for part in self.parts if part.log_e[at] > math.log(10.0)]
        if suspects:
            return max(suspects, key=lambda part: float(part.log_e[at]))
        open_ = [part for part in self.parts if part.vouches and not part.passed[at]]
        return open_[0] if open_ else self.parts[0]

    def needed_s(self, cell: int) -> float:
        own = self._seconds(cell - self.first, hoping=False)
        return own if self.whole is None else min(own, self.whole.needed_s(cell))

    def at_best_s(self, cell: int) -> float:
        return self._seconds(cell - self.first, hoping=True)

    def _seconds(self, at: int, *, hoping: bool) -> float:
        if not self.parts:
            return math.inf
        times = [part.seconds(at, hoping=hoping) for part in self.parts]
        passes = [to_pass for part, (_, to_pass) in zip(self.parts, times, strict=True) if part.vouches]
        return min([*(breach for breach, _ in times), max(passes, default=math.inf)])

    def dominated_by(self, cell: int) -> str:
        at = cell - self.first
        return next((part.dominated_by(at) for part in self.parts if part.fail[at]), "")

    def decide(self) -> str:
        return self.parts[0].decide() if self.parts else "Observations of the baseline."

    def evidence(self, cell: int) -> Evidence:
        newest = self.seen.newest(self.frame.now)
        known = None if newest == NEVER else newest
        age = None if known is None else max(0.0, self.frame.now - known)
        at = cell - self.first
        if at < 0 or not self.parts:
            return Evidence(newest=known, age_s=age, series=self.series, queries=self.queries)
        part = self._telling(at)
        numbers = part.numbers(at)
        tolerated = part.track.tolerated[: at + 1] if isinstance(part, Against) else np.full(at + 1, numbers.tolerated)
        drawn = self.drawing.curves(at + 1, tolerated)
        ours, theirs, bounds = drawn.canary, drawn.baseline, drawn.bound
        first = max(0, at + 1 - CELLS_KEPT)
        ends = self.frame.start + (self.first + np.arange(first, at + 1) + 1) * self.length
        columns = (known_of(each[first : at + 1]) for each in (ours, theirs, bounds))
        beyond = (ours[first : at + 1] > bounds[first : at + 1]).tolist()
        cells = tuple(map(Cell, ends.tolist(), *columns, beyond, known_of(part.log_e[first : at + 1])))
        return Evidence(
            canary=_known(ours[-1]),
            baseline=_known(theirs[-1]),
            bound=_known(bounds[-1]),
            events_canary=round(drawn.events_canary[-1]),
            events_baseline=round(drawn.events_baseline[-1]),
            newest=known,
            age_s=age,
            series=self.series,
            cells=cells,
            queries=self.queries,
            estimate=numbers.estimate,
            low=_known(numbers.low),
            high=_known(numbers.high),
            log_e=_known(numbers.log_e),
            log_e_needed=numbers.log_e_needed,
            log_p=_known(numbers.log_p),
            log_p_needed=numbers.log_p_needed,
            phi=numbers.phi,
            tolerated=numbers.tolerated,
            needed_s=_known(self.needed_s(cell)),
            host=numbers.host,
            left_out=numbers.left_out,
            approximate=self.approximate,
            dominated_by=self.dominated_by(self._breached(at)) if self._breached(at) >= 0 else "",
        )


def known_of(values: Floats) -> list[float | None]:
    """Plain numbers; None for what is none."""
    finite = np.isfinite(values)
    plain: list[float | None] = values.tolist()
    if not finite.all():
        for at in np.flatnonzero(~finite).tolist():
            plain[at] = None
    return plain


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
