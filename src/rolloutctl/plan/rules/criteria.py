"""RC2xx: criteria that cannot be read, cannot fail, or cannot be judged in the time that their phases have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from rolloutctl.constraints import Key
from rolloutctl.findings import Finding
from rolloutctl.model.kinds import Role
from rolloutctl.plan.findings import RULES
from rolloutctl.plan.model import (
    AlertCriterion,
    AnyCriterion,
    HttpCriterion,
    LatencyCriterion,
    OnMissing,
    Phase,
    Plan,
    RatioCriterion,
    ValueCriterion,
)
from rolloutctl.promql import Reading, mentions_arm, read, with_arm
from rolloutctl.units import show_duration


@dataclass(frozen=True, slots=True)
class _Case:
    """A criterion with its place and the phases that judge it."""

    plan: Plan
    key: Key
    criterion: AnyCriterion
    phases: tuple[Phase, ...]

    @property
    def name(self) -> str:
        return f'"{self.criterion.id}"'

    def reading(self, text: str) -> Reading | str:
        """What the query is made of, or why it cannot be read."""
        try:
            return read(with_arm(text, self.plan.metrics.canary))
        except ValueError as error:
            return str(error)


def criteria(plan: Plan) -> Iterator[Finding]:
    judged = [plan.judged_of(index) for index in range(len(plan.phases))]
    for index, criterion in enumerate(plan.criteria):
        phases = tuple(phase for phase, ones in zip(plan.phases, judged, strict=True) if criterion in ones)
        case = _Case(plan, ("criteria", index), criterion, phases)
        yield from _queries(case)
        yield from _times(case)
        yield from _evidence(case)
        yield from _bounds(case)
    for index, trigger in enumerate(plan.triggers):
        if (alert := trigger.as_criterion) is not None:
            yield from _trigger(_Case(plan, ("triggers", index), alert, plan.phases))


def _trigger(case: _Case) -> Iterator[Finding]:
    yield from _queries(case)
    yield from _evidence(case)
    if case.criterion.role is Role.INFO:
        yield RULES["RC219"].at(
            (*case.key, "role"),
            f"The trigger {case.name} only informs: nothing follows from it.",
            'Give it role = "guardrail" or "signal", or make it a criterion.',
        )


def _queries(case: _Case) -> Iterator[Finding]:
    match case.criterion:
        case RatioCriterion() as ratio:
            for name, text in (("bad", ratio.bad), ("total", ratio.total)):
                yield from _counter(case, name, text)
        case LatencyCriterion() as latency:
            yield from _counter(case, "histogram", latency.histogram)
        case ValueCriterion() as value:
            yield from _expression(case, value)
            if value.fresh is not None:
                yield from _counter(case, "fresh", value.fresh)
            if value.by_segment and case.plan.metrics.segment is None:
                yield RULES["RC214"].at(
                    (*case.key, "by_segment"),
                    f"{case.name} is to be judged by segment, but the plan does not say which label tells segments apart.",
                    'Add segment = { label = "…" } under [metrics], or drop by_segment.',
                )
            if value.versus is not None and not value.compares:
                yield RULES["RC215"].at(
                    (*case.key, "versus"),
                    f"{case.name} names the baseline but tolerates no difference from it, so nothing is compared.",
                    'Add tolerate = "10%", or drop versus.',
                )
        case HttpCriterion():
            pass
        case AlertCriterion() as alert:
            yield from _alert(case, alert)
        case _:
            assert_never(case.criterion)


def _alert(case: _Case, alert: AlertCriterion) -> Iterator[Finding]:
    if alert.fresh is not None:
        yield from _counter(case, "fresh", alert.fresh)


def _counter(case: _Case, name: str, text: str) -> Iterator[Finding]:
    key = (*case.key, name)
    reading = case.reading(text)
    if isinstance(reading, str):
        yield _unreadable(case, key, reading)
        return
    if not reading.plain_selector:
        yield RULES["RC205"].at(
            key,
            f"`{name}` of {case.name} is not one plain selector, so its samples cannot be counted one by one.",
            "Write the series itself, without rate(), sum(), windows and offset: increments are taken from raw samples.",
        )
    if name != "fresh":
        yield from _arm(case, key, text)


def _expression(case: _Case, value: ValueCriterion) -> Iterator[Finding]:
    key = (*case.key, "expr")
    reading = case.reading(value.expr)
    if isinstance(reading, str):
        yield _unreadable(case, key, reading)
        return
    yield from _arm(case, key, value.expr)
    if not reading.selectors:
        yield RULES["RC212"].at(
            key, f"The expression of {case.name} reads no series: it is the same number whatever happens.", "Read a metric in it."
        )
    if reading.unguarded_default:
        yield RULES["RC204"].at(
            key,
            f"`or vector(…)` turns missing data of {case.name} into a number that may pass.",
            "Drop it: missing evidence has states of its own; or ask for traffic: `(…) and sum(rate(requests[5m])) > 1`.",
        )
    if reading.filters:
        yield RULES["RC213"].at(
            key,
            f"The comparison in {case.name} drops values instead of giving a number, so being well looks like no data.",
            "Drop the comparison and declare max or min.",
        )
    short = _shortest(case.phases)
    if short is not None and reading.longest_window > short.bake:
        yield RULES["RC206"].at(
            key,
            f'{case.name} looks back {show_duration(reading.longest_window)}, longer than phase "{short.name}" bakes '
            f"({show_duration(short.bake)}): it is judged on users of the phase before.",
            "Shorten the window or bake longer.",
        )


def _unreadable(case: _Case, key: Key, why: str) -> Finding:
    return RULES["RC201"].at(
        key, f"The query of {case.name} is not PromQL: {why}.", "Try it in Prometheus, with an arm's matchers for $arm."
    )


def _arm(case: _Case, key: Key, text: str) -> Iterator[Finding]:
    if mentions_arm(text):
        return
    if case.criterion.needs_baseline:
        yield RULES["RC202"].at(
            key,
            f"{case.name} compares the arms, but its query is the same for both.",
            "Put $arm among the label matchers of the selector.",
        )
    else:
        yield RULES["RC203"].at(
            key,
            f"Without $arm {case.name} judges everybody, and a small canary hides in the crowd.",
            "Put $arm among the label matchers.",
        )


def _shortest(phases: tuple[Phase, ...]) -> Phase | None:
    return min((phase for phase in phases if phase.bake), key=lambda phase: phase.bake, default=None)


def _times(case: _Case) -> Iterator[Finding]:
    criterion, short = case.criterion, _shortest(case.phases)
    if isinstance(criterion, AlertCriterion):
        yield from _lasting(case, criterion.hold, short)
        return
    if not criterion.by_evidence and criterion.window < case.plan.metrics.step:
        yield RULES["RC211"].at(
            (*case.key, "window"),
            f"The window of {case.name} ({show_duration(criterion.window)}) is shorter than the sampling step "
            f"({show_duration(case.plan.metrics.step)}): what happens in between is never seen.",
            "Make the window at least one step.",
        )
    if short is None:
        return
    window = ("RC207", "window", criterion.window, "takes its value over")
    lasting = ("RC210", "breach_after", criterion.breach_after, "is a breach only after")
    # By evidence the window is only what is drawn, and a breach needs no run of cells.
    limits = () if criterion.by_evidence else (window, lasting)
    for code, name, span, verb in limits:
        if span > short.bake:
            yield RULES[code].at((*case.key, name), _longer(case, verb, span, short), f"Shorten {name} or bake longer.")
    yield from _lasting(case, criterion.hold, short)


def _lasting(case: _Case, hold: timedelta, short: Phase | None) -> Iterator[Finding]:
    late = next((phase for phase in case.phases if hold > phase.deadline_or_default), None)
    if late is not None and short is not None:
        yield RULES["RC208"].at(
            (*case.key, "hold"),
            f'{case.name} must be inside its bound for {show_duration(hold)}, but the deadline of phase "{late.name}" '
            f"is {show_duration(late.deadline_or_default)}: it can never pass in time.",
            "Shorten hold or move the deadline.",
        )
    elif short is not None and hold > short.bake:
        yield RULES["RC209"].at(
            (*case.key, "hold"), _longer(case, "passes only after", hold, short), "Shorten hold or bake longer."
        )


def _longer(case: _Case, verb: str, span: timedelta, phase: Phase) -> str:
    return f'{case.name} {verb} {show_duration(span)}, longer than phase "{phase.name}" bakes ({show_duration(phase.bake)}).'


def _evidence(case: _Case) -> Iterator[Finding]:
    for name in ("on_no_data", "on_stale", "on_low_traffic"):
        if getattr(case.criterion, name) is OnMissing.IGNORE:
            yield RULES["RC217"].at(
                (*case.key, name),
                f"{case.name} is ignored just when its evidence is missing.",
                'Use "hold", or "breach" where silence means harm.',
            )
    if not case.phases:
        yield RULES["RC218"].at(case.key, f"No phase judges {case.name}.", "Name it in a phase's criteria, or drop it.")


def _bounds(case: _Case) -> Iterator[Finding]:
    criterion = case.criterion
    if isinstance(criterion, RatioCriterion):
        above = criterion.max is not None and criterion.max < 1
        below = criterion.min is not None and criterion.min > 0
        if not above and not below and not criterion.compares:
            yield RULES["RC212"].at(
                (*case.key, "max" if criterion.max is not None else "min"),
                f"{case.name} is a share of one, from 0 to 1: this bound holds whatever happens.",
                "Write 5 % as 0.05.",
            )
        return
    if isinstance(criterion, LatencyCriterion | AlertCriterion):
        return
    for hard, bound, name in ((criterion.hard_max, criterion.max, "hard_max"), (criterion.min, criterion.hard_min, "hard_min")):
        if hard is not None and bound is not None and hard < bound:
            yield RULES["RC216"].at(
                (*case.key, name),
                f"`{name}` of {case.name} is inside its ordinary bound, so two samples that still pass are a breach.",
                f"Move `{name}` outside the bound.",
            )
