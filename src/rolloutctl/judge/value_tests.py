"""Criteria of type `value` judged by evidence: test B on blocks, against the other arm, a bound, or the time before the start."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rolloutctl.judge.answers import failed, texts, usable
from rolloutctl.judge.blocks import Better, BlockInputs, BlockMemory, Scale, Settings
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.freshness import called
from rolloutctl.judge.gauges import scrape_times
from rolloutctl.judge.grid import Grid, cell_length
from rolloutctl.judge.host_values import Scrapes, Values, by_cell, scrapes_of, values_of
from rolloutctl.judge.needs import HISTORY_STEP_S, Gauge, ValueNeed, queries_of
from rolloutctl.judge.presence import Presence, closing_times, together
from rolloutctl.judge.rates.counts import Flags, Floats
from rolloutctl.judge.ruling import ArmSeen, Course, Flaw
from rolloutctl.judge.segments import of_segment
from rolloutctl.judge.sharing import alpha_of, beta_of
from rolloutctl.judge.threshold import Missing
from rolloutctl.judge.unsound import BROKEN_SHARE, empty, several, undated
from rolloutctl.judge.value_course import BlockPart, BlocksOf, BlockTeller, course_of
from rolloutctl.judge.value_hard import hard_breach
from rolloutctl.model.samples import Answer, Arm, Query, Samples
from rolloutctl.model.verdict import State

_NO_NUMBERS = Missing(
    State.NOT_A_NUMBER,
    "over 20 % of the values in the newest window are no numbers.",
    "Values that are numbers; a division by a rate of zero gives none.",
)
_BEFORE_Z = 2.33
_BEFORE_BLOCK = 10
"""Minutes whose means are compared to tell how sure one is of the time before."""


@dataclass(frozen=True, slots=True)
class _Arm:
    values: Values
    scrapes: tuple[Scrapes, ...]
    cells: Floats
    """(cells, hosts)."""
    past: Floats | None
    """(minutes, hosts) before the start."""


def value_courses(
    need: ValueNeed, frame: Frame, answers: Mapping[Query, Answer], phase_index: int, memory: BlockMemory | None = None
) -> tuple[Course, ...]:
    """The whole; with `by_segment` every segment that the canary was seen with or that is required instead."""
    return _Value(need, frame, answers, phase_index, memory or BlockMemory()).courses()


class _Value:
    def __init__(
        self, need: ValueNeed, frame: Frame, answers: Mapping[Query, Answer], phase_index: int, memory: BlockMemory
    ) -> None:
        self.need, self.frame, self.answers, self.criterion = need, frame, answers, need.criterion
        self.memory = memory
        self.before = need.criterion.versus == "before"
        self.baseline = need.baseline
        if need.baseline is not None and any(failed(answers, q) for q in (need.baseline.value, *need.baseline.dated_by)):
            self.baseline = None
        self.compares = need.criterion.needs_baseline
        dating = [need.canary, self.baseline] if self.compares and self.baseline is not None else [need.canary]
        scraped = [[times for q in arm.dated_by for times in scrape_times(usable(answers, q))] for arm in dating]
        self.grid = Grid(frame.start, cell_length(frame.step, scraped), frame.now)
        self.per_cell = round(self.grid.length / frame.step)
        self.points = round((need.canary.value.end - need.canary.value.start) / frame.step) + 1
        self.cells = min(self.grid.ended, (self.points - 1) // self.per_cell)
        self.first = min(self.grid.first_after(frame.origin), self.cells)
        self.ends: Floats = np.asarray(frame.start + self.grid.length * np.arange(1, self.cells + 1), dtype=np.float64)
        self.alpha = alpha_of(frame.plan, phase_index)
        self.queries = texts(queries_of(need))

    def courses(self) -> tuple[Course, ...]:
        if not self.criterion.by_segment or self.frame.segment is None:
            return (self._course("", self.alpha),)
        label = self.frame.segment
        seen = {series.label(label) for series in usable(self.answers, self.need.canary.value).series} - {""}
        names = sorted(seen | set(self.frame.required))
        return tuple(self._course(name, self.alpha / len(names)) for name in names)

    def _arm(self, gauge: Gauge, segment: str) -> _Arm:
        frame = self.frame
        label = frame.segment if segment else None
        apart = frozenset({"__name__", frame.host or "", frame.segment or ""})

        def chosen(query: Query) -> Samples:
            return of_segment(usable(self.answers, query), label, segment)

        values = values_of(chosen(gauge.value), frame.start, frame.step, self.points, frame.host, apart)
        scrapes = tuple(
            scrapes_of(query.text, chosen(query), frame.start, frame.step, self.points, frame.host) for query in gauge.dated_by
        )
        cells = by_cell(values, scrapes, frame.start, frame.step, self.per_cell, self.cells)
        past = None
        if gauge.history is not None and not failed(self.answers, gauge.history):
            asked = gauge.history
            minutes = round((asked.end - asked.start) / HISTORY_STEP_S) + 1
            past = values_of(chosen(asked), asked.start, HISTORY_STEP_S, minutes, frame.host, apart).on(values.hosts)
        return _Arm(values, scrapes, cells, past)

    def _course(self, segment: str, alpha: float) -> Course:
        canary = self._arm(self.need.canary, segment)
        base = self._arm(self.baseline, segment) if self.baseline is not None else None
        parts = self._parts(segment, canary, base, alpha)
        closes = closing_times(self._seen(canary, base), self.ends, self.frame.max_age)
        theirs = base.cells if base is not None else np.full((self.cells, 1), np.nan)
        tell = BlockTeller(
            criterion=self.criterion,
            frame=self.frame,
            parts=parts,
            canary=canary.cells,
            baseline=theirs,
            first=self.first,
            length=self.grid.length,
            hosts=canary.values.hosts,
            baseline_hosts=base.values.hosts if base is not None else (),
            queries=self.queries,
            series=canary.values.series,
            seen=together(scrape.seen for scrape in canary.scrapes),
        )
        judged = [canary, base] if self.compares and base is not None else [canary]
        return course_of(
            tell,
            segment=segment,
            closes=closes,
            arms=self._arms(segment, canary, base),
            hard=hard_breach(self.criterion, self.frame, self.need.canary, self.answers, self.grid, self.points, segment),
            flaws=self._flaws(segment, judged),
        )

    def _seen(self, canary: _Arm, base: _Arm | None) -> Presence:
        arms = [canary, base] if self.compares and base is not None else [canary]
        return together(scrape.seen for arm in arms for scrape in arm.scrapes)

    def _parts(self, segment: str, canary: _Arm, base: _Arm | None, alpha: float) -> tuple[BlockPart, ...]:
        criterion = self.criterion
        bounds = [
            (float(bound), better)
            for bound, better in ((criterion.max, Better.LOWER), (criterion.min, Better.HIGHER))
            if bound is not None
        ]
        number = len(bounds) + (1 if criterion.compares else 0)
        each = alpha / max(1, number)
        parts = [self._level(segment, canary, base, bound, better, each) for bound, better in bounds]
        if criterion.compares:
            how = self._versus_before if self.before else self._versus
            parts.insert(0, how(segment, canary, base, each))
        return tuple(parts)

    def _settings(self, scale: Scale, better: Better, alpha: float) -> Settings:
        tolerate, reject = 0.0, 1.0
        if scale is not Scale.LEVEL:
            tolerate, reject = (_worse(float(margin.amount), margin.relative, better) for margin in self.criterion.margins)
        return Settings(
            scale=scale,
            better=better,
            alpha=alpha,
            beta=beta_of(self.frame.plan),
            tolerate=tolerate,
            reject=reject,
            bound=0.0 if scale is Scale.LEVEL else None,
            min_cells=0,
            horizon_cells=max(2, math.ceil((self.frame.deadline - self.frame.origin) / self.grid.length)),
            hold_cells=math.ceil(self.criterion.hold.total_seconds() / self.grid.length - 1e-6) if scale is Scale.LEVEL else 0,
        )

    def _versus(self, segment: str, canary: _Arm, base: _Arm | None, alpha: float) -> BlockPart:
        better = Better.LOWER if self.criterion.better == "lower" else Better.HIGHER
        scale = Scale.RATIO if self.criterion.margins[0].relative else Scale.DIFFERENCE
        theirs = base.cells[self.first :] if base is not None else np.full((self.cells - self.first, 1), np.nan)
        past = base.past if base is not None else None
        inputs = BlockInputs(canary.cells[self.first :], theirs, self.grid.length, past, self._settings(scale, better, alpha))
        return BlockPart(BlocksOf.ARM, inputs, self.memory.judge(segment, inputs))

    def _level(self, segment: str, canary: _Arm, base: _Arm | None, bound: float, better: Better, alpha: float) -> BlockPart:
        settings = replace(self._settings(Scale.LEVEL, better, alpha), bound=bound)
        theirs = base.cells[self.first :] if base is not None else None
        past = _past_of_level(canary, base)
        inputs = BlockInputs(canary.cells[self.first :], theirs, self.grid.length, past, settings)
        return BlockPart(BlocksOf.BOUND, inputs, self.memory.judge(segment, inputs))

    def _versus_before(self, segment: str, canary: _Arm, base: _Arm | None, alpha: float) -> BlockPart:
        """As a level: what the same service had before the start, and what that leaves unsure."""
        better = Better.LOWER if self.criterion.better == "lower" else Better.HIGHER
        usual, unsure = _usual(base.past if base is not None else None)
        sign = 1.0 if better is Better.LOWER else -1.0
        tolerate, reject = (
            abs(usual) * float(margin.amount) if margin.relative else float(margin.amount) for margin in self.criterion.margins
        )
        settings = self._settings(Scale.LEVEL, better, alpha)
        past = _past_of_level(canary, base)
        bounds = (usual + sign * (tolerate + unsure), usual + sign * max(tolerate, reject - unsure))
        inputs = [
            BlockInputs(canary.cells[self.first :], None, self.grid.length, past, replace(settings, bound=bound))
            for bound in bounds
            if math.isfinite(bound)
        ]
        if not inputs:
            empty = replace(settings, bound=0.0)
            nothing = BlockInputs(np.full_like(canary.cells[self.first :], np.nan), None, self.grid.length, None, empty)
            return BlockPart(
                BlocksOf.BEFORE,
                nothing,
                self.memory.judge(segment, nothing),
                "the time before the start has no values to compare with",
            )
        breach, certain = (self.memory.judge(segment, one) for one in inputs)
        return BlockPart(BlocksOf.BEFORE, inputs[0], replace(breach, passed=certain.passed, log_p=certain.log_p))

    def _arms(self, segment: str, canary: _Arm, base: _Arm | None) -> tuple[ArmSeen, ...]:
        found: list[ArmSeen] = []
        arms: list[tuple[Arm, _Arm | None]] = [(Arm.CANARY, canary)]
        if self.compares:
            arms.append((Arm.BASELINE, base))
        for arm, has in arms:
            what = called(arm, self.frame.segment, segment)
            if has is None or not has.values.series:
                found.append(ArmSeen(what, None))
                continue
            for scrape in has.scrapes:
                problem = None if scrape.seen is not None else undated(what, scrape.selector)
                found.append(ArmSeen(what, scrape.seen, problem))
        return tuple(found)

    def _broken(self, arms: Sequence[_Arm]) -> Flags:
        """Cells in whose window over a fifth of the values of an arm are no numbers."""
        width = self.grid.cells(self.criterion.window.total_seconds())
        found = np.zeros(self.cells, dtype=np.bool_)
        for arm in arms:
            known = np.isfinite(arm.values.values).sum(axis=1).astype(np.float64)
            bad, good = (np.cumsum(np.append(0.0, part[1:])) for part in (arm.values.broken, known))
            ends = np.arange(1, self.cells + 1) * self.per_cell
            begins = np.maximum(ends - width * self.per_cell, 0)
            wrong, right = bad[ends] - bad[begins], good[ends] - good[begins]
            found |= wrong > BROKEN_SHARE * (wrong + right)
        return found

    def _flaws(self, segment: str, arms: Sequence[_Arm]) -> tuple[Flaw, ...]:
        found = [Flaw(_NO_NUMBERS, self._broken(arms))]
        last = np.arange(1, self.cells + 1) * self.per_cell
        for name, arm in zip((Arm.CANARY, Arm.BASELINE), arms, strict=False):
            what = called(name, self.frame.segment, segment)
            found.append(Flaw(several(what, arm.values.differ_in), arm.values.several[last]))
            nothing = ~np.isfinite(arm.values.values).any(axis=1) & (arm.values.broken == 0) & ~arm.values.several
            found.append(Flaw(empty(what), nothing[last] & nothing[np.maximum(last - 1, 0)]))
        return tuple(found)


def _worse(amount: float, relative: bool, better: Better) -> float:
    """On the scale of the test: how much worse is meant, never negative."""
    if not relative:
        return amount
    return math.log1p(amount) if better is Better.LOWER else -math.log1p(-min(amount, 0.999))


def _past_of_level(canary: _Arm, base: _Arm | None) -> Floats | None:
    """The canary's own where it was there, else the baseline's: how much such values vary."""
    for arm in (canary, base):
        if arm is not None and arm.past is not None and np.isfinite(arm.past).any():
            return arm.past
    return None


def _usual(past: Floats | None) -> tuple[float, float]:
    """Mean before the start, and how far it may be off."""
    if past is None or not np.isfinite(past).any():
        return math.nan, math.nan
    sums, numbers = np.where(np.isfinite(past), past, 0.0).sum(axis=1), np.isfinite(past).sum(axis=1)
    minutes = (sums / np.maximum(numbers, 1))[numbers > 0]
    whole = len(minutes) // _BEFORE_BLOCK
    if whole < 2:
        return float(minutes.mean()), float(minutes.std()) * _BEFORE_Z
    blocks = minutes[: whole * _BEFORE_BLOCK].reshape(whole, _BEFORE_BLOCK).mean(axis=1)
    return float(minutes.mean()), _BEFORE_Z * float(blocks.std(ddof=1)) / math.sqrt(whole)
