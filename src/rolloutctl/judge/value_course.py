"""Test B on one criterion as a course, in words: blocks of about a minute against an arm, a bound, or the time before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from rolloutctl.judge.blocks import BlockInputs, BlockTrack, Scale, Settings
from rolloutctl.judge.drawing import sliding
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.presence import Presence
from rolloutctl.judge.rate_course import known_of
from rolloutctl.judge.rates.counts import NOBODY, Flags, Floats
from rolloutctl.judge.rates.settings import QUIET
from rolloutctl.judge.ruling import ArmSeen, Course, Flaw
from rolloutctl.judge.sightings import NEVER
from rolloutctl.judge.threshold import CELLS_KEPT, HardBreach
from rolloutctl.judge.words import number, show_of
from rolloutctl.model.verdict import Cell, Evidence
from rolloutctl.plan.model import ValueCriterion

_SUSPECT = math.log(10.0)


class BlocksOf(Enum):
    """What the canary's blocks are held against."""

    ARM = auto()
    BOUND = auto()
    BEFORE = auto()


@dataclass(frozen=True, slots=True)
class BlockPart:
    """One run of test B; its cells begin with the first judged one."""

    kind: BlocksOf
    inputs: BlockInputs
    track: BlockTrack
    problem: str = ""
    """Why there is nothing to hold the canary against."""

    def cannot(self, cell: int) -> str:
        """Why nothing passes; empty: it may."""
        if self.track.shared_incident[cell]:
            return "shared incident: the baseline is out of the bound as well, so nothing passes"
        return self.problem or (self.track.cannot_pass or "").rstrip(".")

    def needed_s(self, cell: int) -> float:
        return float(self.track.blocks_needed[cell]) * self.track.block_s


@dataclass(frozen=True, slots=True)
class BlockTeller:
    criterion: ValueCriterion
    frame: Frame
    parts: Sequence[BlockPart]
    canary: Floats
    """(cells, hosts), of the whole phase."""
    baseline: Floats
    first: int
    length: float
    hosts: Sequence[str]
    baseline_hosts: Sequence[str]
    queries: tuple[str, ...]
    series: int
    seen: Presence

    def breach(self, cell: int) -> str:
        at = cell - self.first
        part = next(part for part in self.parts if part.track.fail[at])
        return f"{self._numbers(part, at)}{self._bar(part, at)}{self._left_out(part, at)}"

    def one_host(self, cell: int) -> tuple[str, str]:
        at = cell - self.first
        part = next(part for part in self.parts if part.track.hold_host[at] != NOBODY)
        host = self.hosts[int(part.track.hold_host[at])]
        return host, f"it would be a breach, but host {host} alone explains it: without it the others look clean."

    def passes(self, cell: int) -> str:
        return self._telling(cell - self.first, passing=True)

    def stands(self, cell: int) -> str:
        return self._telling(cell - self.first, passing=False)

    def _telling(self, at: int, *, passing: bool) -> str:
        if not self.parts:
            return "inside the hard bound"
        if passing:
            return "; ".join(f"{self._numbers(part, at)}{self._bar(part, at)}" for part in self.parts)
        part = self._part(at)
        return f"{self._numbers(part, at)}{self._bar(part, at)}{self._left_out(part, at)}"

    def _part(self, at: int) -> BlockPart:
        suspects = [part for part in self.parts if part.track.log_e[at] > _SUSPECT]
        open_ = [part for part in self.parts if not part.track.passed[at]]
        return (suspects or open_ or list(self.parts))[0]

    def _numbers(self, part: BlockPart, at: int) -> str:
        track, show = part.track, show_of(self.criterion)
        estimate, low, high = (float(array[at]) for array in (track.estimate, track.low, track.high))
        if not math.isfinite(estimate):
            return part.problem or "no block of values yet"
        match part.inputs.settings.scale:
            case Scale.RATIO:
                return f"{number(estimate)} times the baseline's{_range(low, high, number)}"
            case Scale.DIFFERENCE:
                what = "above" if estimate >= 0 else "below"
                return f"{show(abs(estimate))} {what} the baseline{_range(low, high, number)}"
            case Scale.LEVEL:
                return f"{show(estimate)}{_range(low, high, number)}"

    def _bar(self, part: BlockPart, at: int) -> str:
        settings, show = part.inputs.settings, show_of(self.criterion)
        bar = float(part.track.alarm_from[at])
        if math.isnan(bar):
            return ""
        match settings.scale:
            case Scale.RATIO:
                return f", where {number(math.exp(settings.sign * bar))} times is tolerated"
            case Scale.DIFFERENCE:
                return f", where {show(bar)} worse is tolerated"
            case Scale.LEVEL:
                name = "the bound is" if part.kind is BlocksOf.BOUND else "the limit from before the start is"
                return f", {name} {show(settings.bound or 0.0)}"

    def _left_out(self, part: BlockPart, at: int) -> str:
        host = int(part.track.left_out[at])
        return f", baseline host {self.baseline_hosts[host]} left out as sick" if host != NOBODY else ""

    def needed_s(self, cell: int) -> float:
        at = cell - self.first
        open_ = [part for part in self.parts if not part.track.passed[at]]
        lasting = self.criterion.hold.total_seconds() - (at + 1) * self.length if open_ else 0.0
        return max([lasting, *(part.needed_s(at) for part in open_)], default=0.0)

    def at_best_s(self, cell: int) -> float:  # noqa: ARG002 - values come with every scrape, whatever the traffic
        return 0.0

    def dominated_by(self, cell: int) -> str:  # noqa: ARG002 - segments of a value are judged apart or not at all
        return ""

    def decide(self) -> str:
        return "A value clearly on one side of what is tolerated, or more hosts."

    def evidence(self, cell: int) -> Evidence:
        newest = self.seen.newest(self.frame.now)
        known = None if newest == NEVER else newest
        age = None if known is None else max(0.0, self.frame.now - known)
        at = cell - self.first
        if at < 0:
            return Evidence(newest=known, age_s=age, series=self.series, queries=self.queries)
        ours, theirs = self._window(self.canary[self.first : cell + 1]), self._window(self.baseline[self.first : cell + 1])
        bounds = self._bounds(theirs)
        part = self._part(at) if self.parts else None
        log_e = part.track.log_e if part is not None else np.zeros(at + 1)
        worse = self.criterion.better == "lower" if self.criterion.compares or self.criterion.max is not None else False
        worse = worse or (self.criterion.max is not None)
        kept = slice(max(0, at + 1 - CELLS_KEPT), at + 1)
        ends = self.frame.start + (self.first + np.arange(kept.start, kept.stop) + 1) * self.length
        columns = (known_of(each[kept]) for each in (ours, theirs, bounds))
        beyond = (ours[kept] > bounds[kept] if worse else ours[kept] < bounds[kept]).tolist()
        cells = tuple(map(Cell, ends.tolist(), *columns, beyond, known_of(log_e[kept])))
        found = Evidence(
            canary=_known(ours[-1]),
            baseline=_known(theirs[-1]),
            bound=_known(bounds[-1]),
            newest=known,
            age_s=age,
            series=self.series,
            cells=cells,
            queries=self.queries,
        )
        return found if part is None else self._tested(found, part, at, cell)

    def _tested(self, found: Evidence, part: BlockPart, at: int, cell: int) -> Evidence:
        track, settings = part.track, part.inputs.settings
        host, left = int(track.hold_host[at]), int(track.left_out[at])
        bar = float(track.alarm_from[at])
        return Evidence(
            canary=found.canary,
            baseline=found.baseline,
            bound=found.bound,
            newest=found.newest,
            age_s=found.age_s,
            series=found.series,
            cells=found.cells,
            queries=found.queries,
            estimate=_known(float(track.estimate[at])),
            low=_known(float(track.low[at])),
            high=_known(float(track.high[at])),
            log_e=_known(float(track.log_e[at])),
            log_e_needed=-math.log(settings.alpha),
            log_p=_known(float(track.log_p[at])),
            log_p_needed=-math.log(settings.beta),
            tolerated=_tolerated(settings, bar),
            needed_s=_known(self.needed_s(cell)),
            host=self.hosts[host] if host != NOBODY else "",
            left_out=self.baseline_hosts[left] if left != NOBODY else "",
        )

    def _window(self, values: Floats) -> Floats:
        """Mean over hosts and over the criterion's window, per cell; NaN where there is none."""
        width = max(1, math.ceil(self.criterion.window.total_seconds() / self.length - 1e-6))
        finite = np.isfinite(values)
        sums, numbers = np.where(finite, values, 0.0).sum(axis=1), finite.sum(axis=1).astype(np.float64)
        means = np.divide(sums, numbers, out=np.zeros(len(sums)), where=numbers > 0)
        total, seen = sliding(means, width), sliding((numbers > 0).astype(np.float64), width)
        found: Floats = np.divide(total, seen, out=np.full(len(sums), np.nan), where=seen > 0)
        return found

    def _bounds(self, theirs: Floats) -> Floats:
        criterion = self.criterion
        declared = criterion.max if criterion.max is not None else criterion.min
        if declared is not None:
            return np.full(len(theirs), float(declared))
        if criterion.needs_baseline:
            margin, sign = criterion.margins[0], 1.0 if criterion.better == "lower" else -1.0
            amount = float(margin.amount)
            found: Floats = theirs + sign * (np.abs(theirs) * amount if margin.relative else amount)
            return found
        level = next((part.inputs.settings.bound for part in self.parts), None)
        return np.full(len(theirs), np.nan if level is None else level)


def course_of(
    tell: BlockTeller,
    *,
    segment: str,
    closes: Floats,
    arms: tuple[ArmSeen, ...],
    hard: HardBreach | None,
    flaws: tuple[Flaw, ...],
) -> Course:
    cells, first = len(closes), tell.first
    fail, hold, passed = (np.zeros(cells, dtype=np.bool_) for _ in range(3))
    passed[first:] = True
    blocked = [""] * cells
    for part in tell.parts:
        fail[first:] |= part.track.fail
        hold[first:] |= part.track.hold_host != NOBODY
        passed[first:] &= part.track.passed
        for cell in range(first, cells):
            blocked[cell] = blocked[cell] or part.cannot(cell - first)
    return Course(
        criterion=tell.criterion.id,
        segment=segment,
        frame=tell.frame,
        length=tell.length,
        first=first,
        closes=closes,
        fail=fail,
        hold=hold & ~fail,
        passed=_passing(tell, passed, hold),
        blocked=blocked,
        # A level waits for `hold` itself, block by block; anything else has to go on passing.
        hold_s=0.0 if any(part.inputs.settings.hold_cells for part in tell.parts) else tell.criterion.hold.total_seconds(),
        arms=arms,
        hard=hard,
        flaws=flaws,
        low_traffic=False,
        tell=tell,
    )


def _passing(tell: BlockTeller, passed: Flags, hold: Flags) -> Flags:
    quiet = np.ones(len(passed), dtype=np.bool_)
    for part in tell.parts:
        quiet[tell.first :] &= part.track.log_e < QUIET
    return passed & ~hold & quiet


def _range(low: float, high: float, show: object) -> str:
    assert callable(show)
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f" (95 %: {show(low)} to {show(high)})"


def _tolerated(settings: Settings, bar: float) -> float | None:
    match settings.scale:
        case Scale.RATIO:
            return math.exp(settings.sign * bar)
        case Scale.DIFFERENCE:
            return bar
        case Scale.LEVEL:
            return settings.bound


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
