"""RC613: phases that are over before a criterion judged by evidence can have passed, at the traffic that is there now.

A forecast for a canary as good as the baseline, by the formula the judge tells time with. Only for error ratios compared with
the baseline, in phases whose cohort is a percentage: of an audience nobody knows the traffic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from rolloutctl.findings import Finding
from rolloutctl.model.samples import Arm
from rolloutctl.plan.facts import AskedQuery, QueryFact
from rolloutctl.plan.findings import RULES
from rolloutctl.plan.forecast import USUAL_PHI, planned_events, planned_requests
from rolloutctl.plan.model import Plan, RatioCriterion
from rolloutctl.units import show_duration

_REMEDY = "Give the phase more time or a larger cohort, declare `slack` or a larger `reject`, or judge it by another criterion."


def traffic(plan: Plan, queries: Mapping[AskedQuery, QueryFact]) -> Iterator[Finding]:
    for place, criterion in enumerate(plan.criteria):
        if not isinstance(criterion, RatioCriterion) or not criterion.by_evidence or not criterion.needs_baseline:
            continue
        everything, bad = (_per_s(queries, place, what) for what in ("total", "bad"))
        if not everything or bad is None:
            continue
        for index, phase in enumerate(plan.phases):
            share = float(phase.cohort.percent) / 100
            if 0 < share < 1 and not phase.cohort.audiences and criterion in plan.criteria_of(index):
                yield from _phase(plan, index, criterion, everything, bad / everything)


def _per_s(queries: Mapping[AskedQuery, QueryFact], place: int, what: str) -> float | None:
    """Events per second of both arms together; None where one of them was not told."""
    mine = [fact for asked, fact in queries.items() if asked.key == ("criteria", place, what) and asked.arm in tuple(Arm)]
    known = [fact.per_s for fact in mine if fact.per_s is not None]
    return sum(known) if known and not any(fact.error for fact in mine) else None


def _phase(plan: Plan, index: int, criterion: RatioCriterion, per_s: float, bad: float) -> Iterator[Finding]:
    phase = plan.phases[index]
    needed_s = _needed_s(plan, criterion, float(phase.cohort.percent) / 100, per_s, bad)
    judged_s = (phase.deadline_or_default - plan.metrics.warmup).total_seconds()
    over_deadline = needed_s > judged_s
    if not over_deadline and needed_s <= (phase.bake - plan.metrics.warmup).total_seconds():
        return
    key = "deadline" if over_deadline and phase.deadline is not None else "bake"
    declared = phase.deadline_or_default if over_deadline else phase.bake
    takes = f"needs about {_span(needed_s)}" if math.isfinite(needed_s) else "never passes"
    yield RULES["RC613"].at(
        ("phases", index, key),
        f'"{criterion.id}" {takes} in phase "{phase.name}" at the present {_rate(per_s)}, {_share(bad)} of them bad; '
        f"its {'deadline' if over_deadline else 'bake time'} is {show_duration(declared)}.",
        _REMEDY,
    )


def _needed_s(plan: Plan, criterion: RatioCriterion, share: float, per_s: float, bad: float) -> float:
    """Until a canary as good as the baseline has passed."""
    beta, reject = float(plan.judge.beta), 1.0 + float(criterion.margins[1].amount)
    events = planned_events(beta, USUAL_PHI, 1.0, reject, (1.0 - share) / share)
    by_ratio = events / (per_s * share * bad) if bad > 0 else math.inf
    slack = float(criterion.slack or 0)
    return min(by_ratio, planned_requests(beta, USUAL_PHI, bad, slack) / (per_s * share)) if slack else by_ratio


def _span(seconds: float) -> str:
    for unit, name in ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")):
        if seconds >= 1.5 * unit:
            return f"{seconds / unit:,.0f} {name}"
    return f"{seconds:.0f} seconds"


def _rate(per_s: float) -> str:
    number, unit = (per_s, "second") if per_s >= 0.1 else (per_s * 3600, "hour")
    return f"{float(f'{number:.3g}'):g} requests per {unit}"


def _share(share: float) -> str:
    return f"{float(f'{share * 100:.2g}'):g} %" if share else "none"
