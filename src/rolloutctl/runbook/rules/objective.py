"""RC705, RC706: whether the objective's clock can stop at all, and in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rolloutctl.findings import Finding
from rolloutctl.model.run_words import ClockStart, ClockStop, Section
from rolloutctl.runbook.findings import RULES
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.steps import AlertStep, AnyStep, CheckStep, Sets, WaitStep
from rolloutctl.units import show_duration

_KEY = ("objective", "stop")


def objective(runbook: Runbook) -> Iterator[Finding]:
    if runbook.objective.stop is ClockStop.RECOVERED and not runbook.recovers:
        yield RULES["RC705"].at(
            _KEY,
            'The clock stops at "recovered", and no step sets it.',
            'Give a check sets = "recovered", or write stop = "last_critical".',
        )
        return
    if runbook.objective.stop is ClockStop.LAST_CRITICAL and not any(step.critical for step in runbook.steps):
        yield RULES["RC705"].at(
            _KEY, "The clock stops at the last critical step, and no step is critical.", "Make critical what must be done."
        )
        return
    least = _at_least(runbook)
    if least >= runbook.objective.time_to_rollback:
        yield RULES["RC706"].at(
            ("objective", "time_to_rollback"),
            f"Waits and holds alone take {show_duration(least)} until the clock stops.",
            "Shorten them, or give the way back more time.",
        )


def _at_least(runbook: Runbook) -> timedelta:
    """What waits and holds take until the clock stops, were everything else done at once."""
    least = timedelta()
    if runbook.objective.start is ClockStart.RUN_STARTED:
        least += _of(runbook.groups(Section.PREFLIGHT))
    groups = runbook.groups(Section.STEPS)
    begin = 0
    if runbook.objective.start is ClockStart.FIRST_INTENT:
        begin = next((i for i, group in enumerate(groups) if any(step.has_effect for step in group)), 0)
    end = next((i for i in range(len(groups) - 1, -1, -1) if any(_stops(runbook, step) for step in groups[i])), -1)
    if runbook.objective.stop is ClockStop.RECOVERED:
        end = next(i for i, group in enumerate(groups) if any(_stops(runbook, step) for step in group))
    return least + _of(groups[begin : end + 1])


def _stops(runbook: Runbook, step: AnyStep) -> bool:
    if runbook.objective.stop is ClockStop.LAST_CRITICAL:
        return step.critical
    return isinstance(step, (CheckStep, AlertStep)) and step.sets is Sets.RECOVERED


def _of(groups: tuple[tuple[AnyStep, ...], ...]) -> timedelta:
    return sum((max(_least(step) for step in group) for group in groups), timedelta())


def _least(step: AnyStep) -> timedelta:
    match step:
        case WaitStep():
            return step.length
        case CheckStep() | AlertStep():
            return step.hold
        case _:
            return timedelta()
