"""The canary's share of requests against the cohort the plan declares.

Users are not requests, so the comparison is relative and generous (`metrics.exposure`), not a significance test. Skipped
for shadow phases and audiences alone, whose share of requests nobody declared. Where audiences come on top of a
percentage, the share may only be too small.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.answers import failed, problem, usable
from rolloutctl.judge.counters import count, tidy, whole
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.grid import SAMPLED, Grid, cell_length, closed_cells, sliding_sums
from rolloutctl.judge.needs import exposure_window_s, phase_needs
from rolloutctl.judge.ratio_rule import FEWEST_TO_COMPARE
from rolloutctl.judge.words import percent, rate, span
from rolloutctl.model.samples import Answer, Query, Samples, Series
from rolloutctl.plan.model import Plan


@dataclass(frozen=True, slots=True)
class ExposureReading:
    share: float | None
    """Of the canary in the requests of the last window, 0 to 1; None: cannot be told."""
    requests_per_s: float | None
    """Of both arms."""
    expected: float | None
    """Share the cohort declares; None for shadow and audiences alone."""
    off_by_more: bool
    """Further off than the plan allows, now."""
    grace_over: bool
    """And for the plan's grace of cells."""
    why: str
    """One sentence."""
    at: float | None = None
    """End of the newest closed cell, Unix s."""


def read_exposure(
    plan: Plan, phase_index: int, phase_start: float, now: float, answers: Mapping[Query, Answer]
) -> ExposureReading:
    """From the answers to `needs` with the same arguments. The warm-up counts: who gets the canary does not warm up."""
    needs = phase_needs(plan, phase_index, phase_start, now)
    expected = _expected(plan, phase_index)
    if needs.exposure is None:
        why = needs.exposure_problem or "the plan does not say how requests are counted (`metrics.requests`)."
        return _untold(expected, why if now >= phase_start else "the phase has not begun.")
    trouble = problem(answers, (query for query in needs.exposure if failed(answers, query)))
    if trouble is not None:
        return _untold(expected, trouble.why)
    return _Exposure(plan, phase_index, phase_start, now, expected).read(needs.exposure, answers)


def _newest(series: Series, since: float) -> Series:
    """From the last sample before `since` on; all of it where its samples are in no order."""
    times, values = series.arrays()
    if not (times[1:] > times[:-1]).all():
        return series
    first = int(np.searchsorted(times, since))
    first = max(0, min(first, len(times)) - 1)
    return Series.of_arrays(series.labels, times[first:], values[first:])


def _untold(expected: float | None, why: str) -> ExposureReading:
    return ExposureReading(None, None, expected, off_by_more=False, grace_over=False, why=why)


def _expected(plan: Plan, phase_index: int) -> float | None:
    percent_ = plan.cohort(phase_index).percent
    return float(percent_ / 100) if percent_ else None


class _Exposure:
    def __init__(self, plan: Plan, phase_index: int, start: float, now: float, expected: float | None) -> None:
        self.frame = Frame(plan, plan.phases[phase_index], start, now)
        self.expected = expected
        self.tolerance = float(plan.metrics.exposure)
        self.audiences = bool(plan.cohort(phase_index).audiences)
        self.window_s = exposure_window_s(plan, phase_index)

    def read(self, queries: tuple[Query, Query], answers: Mapping[Query, Answer]) -> ExposureReading:
        frame = self.frame
        samples = [usable(answers, query).series for query in queries]
        length = cell_length(frame.step, [[one.arrays()[0][:SAMPLED].tolist() for one in arm] for arm in samples])
        width = Grid(frame.start, length, frame.now).cells(self.window_s)
        # What is older decides nothing any more: a look at a phase of a day costs what one at a phase of an hour does.
        ended = math.floor((frame.now - frame.max_age - frame.start) / length)
        skipped = max(0, ended - frame.grace - width - 2)
        grid = Grid(frame.start + skipped * length, length, frame.now)
        arms = [tidy(Samples(tuple(_newest(one, grid.start) for one in arm)), frame.now) for arm in samples]
        counted = [whole(count(arm, grid, frame.start, frame.host, None).values()) for arm in arms]
        hosts = [time for part in counted if part for time in part.seen.hosts.values()]
        closed = closed_cells(grid, hosts, frame.max_age)
        if not closed or not hosts:
            return _untold(
                self.expected, "no requests have been counted yet." if hosts else "neither arm has a sample of requests."
            )
        sums = [sliding_sums(part.increments[:closed], width) if part else [0.0] * closed for part in counted]
        off = 0
        while off < min(closed, frame.grace + 1) and self._is_off(sums[0][closed - 1 - off], sums[1][closed - 1 - off]):
            off += 1
        covered = min(width, closed + skipped) * length
        return self._reading(sums[0][-1], sums[1][-1], covered, off, grid.end(closed - 1))

    def _is_off(self, canary: float, baseline: float) -> bool:
        total = canary + baseline
        if self.expected is None or total < FEWEST_TO_COMPARE:
            return False
        difference = canary / total - self.expected
        if self.audiences and difference > 0:
            return False
        return abs(difference) > self.tolerance * self.expected

    def _reading(self, canary: float, baseline: float, covered: float, off: int, at: float) -> ExposureReading:
        total = canary + baseline
        if total <= 0:
            why = f"no requests in the last {span(covered)}."
            return ExposureReading(None, 0.0, self.expected, off_by_more=False, grace_over=False, why=why, at=at)
        share = canary / total
        return ExposureReading(
            share=share,
            requests_per_s=total / covered,
            expected=self.expected,
            off_by_more=off > 0,
            grace_over=off >= self.frame.grace,
            why=self._why(share, total, covered, off),
            at=at,
        )

    def _why(self, share: float, total: float, covered: float, off: int) -> str:
        seen = f"the canary has {percent(share)} of the requests ({rate(total / covered)})"
        if self.expected is None:
            return f"{seen}; the phase declares no share."
        declared = percent(self.expected) + (" and audiences" if self.audiences else "")
        if total < FEWEST_TO_COMPARE:
            return f"{seen}, too few to compare with the {declared} declared."
        if off == 0:
            return f"{seen}, as declared ({declared})."
        if share < self.expected:
            return f"{seen}, where {declared} is declared: the flag step is not seen in traffic."
        return f"{seen}, where {declared} is declared: more traffic than declared."
