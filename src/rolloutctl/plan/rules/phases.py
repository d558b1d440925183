"""RC3xx: phases that judge nothing, have no time for it, or raise exposure in one leap."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rolloutctl.constraints import Key
from rolloutctl.findings import Finding
from rolloutctl.model.kinds import Role
from rolloutctl.plan.findings import RULES
from rolloutctl.plan.model import OnMissing, Phase, Plan
from rolloutctl.units import show_duration, show_number

_LEAP = 10


def phases(plan: Plan) -> Iterator[Finding]:
    for index, phase in enumerate(plan.phases):
        yield from _judged(plan, index)
        yield from _times(plan, phase, ("phases", index))
    yield from _exposure(plan)


def _judged(plan: Plan, index: int) -> Iterator[Finding]:
    phase, key = plan.phases[index], ("phases", index)
    judged = plan.criteria_of(index)
    if not judged:
        relative_only = bool(plan.criteria) and phase.criteria is None
        why = "every criterion compares with a baseline that is gone at 100 %" if relative_only else "nothing passes there"
        yield RULES["RC301"].at(
            key,
            f'Phase "{phase.name}" has no criteria, so it can never be READY: {why}.',
            "Declare a criterion with max or min for it.",
        )
        return
    if all(criterion.role is Role.INFO for criterion in judged):
        yield RULES["RC302"].at(
            key,
            f'Every criterion of phase "{phase.name}" only informs, so nothing stops it.',
            'Give one role = "guardrail" or "signal".',
        )
    if all(OnMissing.IGNORE in (c.on_no_data, c.on_stale, c.on_low_traffic) for c in judged):
        yield RULES["RC303"].at(
            key,
            f'Every criterion of phase "{phase.name}" ignores missing evidence, so it may go on blind.',
            'Let at least one "hold".',
        )
    for place, name in enumerate(phase.criteria or ()):
        criterion = next(c for c in plan.criteria if c.id == name)
        if phase.cohort.percent == 100 and criterion.needs_baseline:
            yield RULES["RC308"].at(
                (*key, "criteria", place),
                f'"{name}" compares with a baseline, which nobody is in any more in phase "{phase.name}" at 100 %.',
                'Judge this phase by criteria with max or min, or compare with versus = "before".',
            )


def _times(plan: Plan, phase: Phase, key: Key) -> Iterator[Finding]:
    bake, deadline = phase.bake, phase.deadline_or_default
    earliest = max(bake, plan.judge.min_time)
    if not bake:
        yield RULES["RC306"].at(
            (*key, "bake"), f'Phase "{phase.name}" does not bake.', "Give it time in which a regression would show."
        )
    elif bake < plan.judge.min_time:
        yield RULES["RC304"].at(
            (*key, "bake"),
            f'Phase "{phase.name}" bakes {show_duration(bake)}, but nothing passes before {show_duration(plan.judge.min_time)}.',
            "Bake at least as long as judge.min_time.",
        )
    if deadline < earliest:
        yield RULES["RC305"].at(
            (*key, "deadline") if phase.deadline is not None else (*key, "bake"),
            f'The deadline of phase "{phase.name}" ({show_duration(deadline)}) is over before it can be READY '
            f"({show_duration(earliest)}).",
            "Move the deadline behind bake and judge.min_time.",
        )
    if bake and plan.metrics.warmup >= bake:
        yield RULES["RC307"].at(
            (*key, "bake"),
            f"The warm-up of {show_duration(plan.metrics.warmup)} leaves nothing of the {show_duration(bake)} "
            f'that phase "{phase.name}" bakes.',
            "Bake longer than the warm-up.",
        )


def _exposure(plan: Plan) -> Iterator[Finding]:
    exposed = [(index, phase) for index, phase in enumerate(plan.phases) if not phase.cohort.shadow]
    if exposed and exposed[0][1].cohort.percent == 100:
        index, phase = exposed[0]
        yield RULES["RC309"].at(
            ("phases", index, "cohort"),
            f'Phase "{phase.name}" gives the canary to everybody at once: a regression hits all users before anything is known.',
            "Begin with an audience or a few percent.",
        )
    for (_, before), (index, phase) in pairwise(exposed):
        was, is_ = before.cohort.percent, phase.cohort.percent
        if was and is_ > _LEAP * was:
            yield RULES["RC310"].at(
                ("phases", index, "cohort"),
                f'Phase "{phase.name}" goes from {show_number(was)} % to {show_number(is_)} %: trouble that {show_number(was)} % '
                "did not show would come at more than ten times the size.",
                "Put a phase in between.",
            )
