"""Which queries the judging of a phase needs, and where their answers are found again.

`needs` is what the engine sends; `phase_needs` is the same, sorted by criterion, for the judge. Both depend on nothing but
their arguments, so the judge asks for the same values that the engine fetched. Grid times are anchored at the phase's start;
raw samples are asked from one common time before it, so that equal selectors of several criteria are one query. Criteria
judged by evidence also want the time before the phase (`metrics.history`), which tells how noisy the baseline is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from rolloutctl.errors import InvalidInput
from rolloutctl.judge.promql import counter_selector, selectors, with_arm
from rolloutctl.model.alerts import alerts_selector
from rolloutctl.model.samples import Arm, Query, QueryKind
from rolloutctl.plan.model import (
    AlertCriterion,
    AnyCriterion,
    HttpCriterion,
    LatencyCriterion,
    MeasuredCriterion,
    Plan,
    RatioCriterion,
    ValueCriterion,
)

HISTORY_STEP_S = 60.0
LE = "le"
"""Label of a classic histogram's bucket: its upper edge."""
_DEFAULT_LOOKBACK_S = 300.0


@dataclass(frozen=True, slots=True)
class Counters:
    """RAW queries of one arm of a ratio."""

    bad: Query
    total: Query


@dataclass(frozen=True, slots=True)
class RatioNeed:
    criterion: RatioCriterion
    canary: Counters
    baseline: Counters | None
    """None: nothing compares with it and there is none to draw."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """The GRID query of one arm's value, and the TIMESTAMP queries that date it."""

    value: Query
    dated_by: tuple[Query, ...]
    history: Query | None = None
    """The same expression before the phase's start, every minute."""


@dataclass(frozen=True, slots=True)
class ValueNeed:
    criterion: ValueCriterion
    canary: Gauge
    baseline: Gauge | None
    max_age_s: float | None = None
    """How old its evidence may be; None: as the plan says for all."""


@dataclass(frozen=True, slots=True)
class LatencyNeed:
    """RAW queries of the buckets."""

    criterion: LatencyCriterion
    canary: Query
    baseline: Query | None


@dataclass(frozen=True, slots=True)
class AlertNeed:
    criterion: AlertCriterion
    firing: Query
    """RAW query of the alert's `ALERTS` series."""
    evaluated: Query
    """What says that somebody evaluates the rule: a RULE query, or the RAW query of `fresh`."""
    announced: Query
    """ANNOUNCED query: what an Alertmanager knows of it."""


@dataclass(frozen=True, slots=True)
class Unaskable:
    """A criterion whose queries cannot be sent."""

    criterion: AnyCriterion
    why: str


Measured = RatioNeed | ValueNeed | LatencyNeed
Need = Measured | AlertNeed | Unaskable


@dataclass(frozen=True, slots=True)
class PhaseNeeds:
    criteria: tuple[Need, ...]
    exposure: tuple[Query, Query] | None
    """RAW queries of the canary's and the baseline's requests; None: the plan does not say how requests are counted."""
    exposure_problem: str = ""
    """Why the plan's requests cannot be asked; empty where they can."""

    def queries(self) -> tuple[Query, ...]:
        """Each once, in a stable order."""
        found: dict[Query, None] = {}
        for need in self.criteria:
            for query in queries_of(need):
                found[query] = None
        for query in self.exposure or ():
            found[query] = None
        return tuple(found)


def queries_of(need: Need) -> tuple[Query, ...]:
    match need:
        case RatioNeed():
            arms = (need.canary, need.baseline)
            return tuple(query for arm in arms if arm for query in (arm.bad, arm.total))
        case ValueNeed():
            gauges = (need.canary, need.baseline)
            asked = (query for gauge in gauges if gauge for query in (gauge.value, *gauge.dated_by, gauge.history))
            return tuple(query for query in asked if query is not None)
        case LatencyNeed():
            return tuple(query for query in (need.canary, need.baseline) if query is not None)
        case AlertNeed():
            return (need.firing, need.evaluated, need.announced)
        case Unaskable():
            return ()


def needs(plan: Plan, phase_index: int, phase_start: float, now: float) -> tuple[Query, ...]:
    """Every query that judging the phase at `now` needs: its criteria, and exposure. Times are Unix s by the source."""
    return phase_needs(plan, phase_index, phase_start, now).queries()


def phase_needs(plan: Plan, phase_index: int, phase_start: float, now: float) -> PhaseNeeds:
    asking = _Asking(plan, phase_index, phase_start, now)
    if now < phase_start:
        return PhaseNeeds((), None)
    criteria = tuple(asking.criterion(criterion) for criterion in plan.judged_of(phase_index))
    try:
        return PhaseNeeds(criteria, asking.requests())
    except InvalidInput as error:
        return PhaseNeeds(criteria, None, str(error))


def compares(criterion: AnyCriterion) -> bool:
    """Whether the criterion is judged against the other arm, or against the time before."""
    return criterion.compares


def exposure_window_s(plan: Plan, phase_index: int) -> float:
    """What the share of requests is taken over: the shortest window of the phase's criteria."""
    return min((c.window.total_seconds() for c in _measured(plan.judged_of(phase_index))), default=_DEFAULT_LOOKBACK_S)


def _measured(criteria: Iterable[AnyCriterion]) -> tuple[MeasuredCriterion, ...]:
    return tuple(criterion for criterion in criteria if not isinstance(criterion, AlertCriterion))


class _Asking:
    def __init__(self, plan: Plan, phase_index: int, phase_start: float, now: float) -> None:
        self.plan = plan
        self.phase = plan.phases[phase_index]
        self.start = phase_start
        self.now = now
        self.step = plan.metrics.step.total_seconds()
        criteria = _measured(plan.judged_of(phase_index))
        self.history = plan.metrics.history.total_seconds() if any(c.by_evidence for c in criteria) else 0.0
        named = (plan.metrics.host, plan.metrics.segment.label if plan.metrics.segment else None)
        self.by = tuple(label for label in named if label) if any(c.by_evidence for c in criteria) else None
        windows = max((c.window.total_seconds() for c in criteria), default=_DEFAULT_LOOKBACK_S)
        self.lookback = max(windows, self.history)

    def criterion(self, criterion: AnyCriterion) -> Need:
        drawn = bool(self.plan.metrics.baseline.strip()) and self.phase.cohort.percent < 100
        with_baseline = compares(criterion) or drawn
        try:
            match criterion:
                case RatioCriterion():
                    baseline = self._counters(criterion, Arm.BASELINE) if with_baseline else None
                    return RatioNeed(criterion, self._counters(criterion, Arm.CANARY), baseline)
                case ValueCriterion():
                    gauge = self._gauge(criterion, Arm.BASELINE) if with_baseline else None
                    return ValueNeed(criterion, self._gauge(criterion, Arm.CANARY), gauge)
                case LatencyCriterion():
                    other = self._raw(criterion.histogram, Arm.BASELINE, LE) if with_baseline else None
                    return LatencyNeed(criterion, self._raw(criterion.histogram, Arm.CANARY, LE), other)
                case HttpCriterion():
                    return self._http(criterion)
                case AlertCriterion():
                    return self._alert(criterion)
        except InvalidInput as error:
            return Unaskable(criterion, str(error))

    def requests(self) -> tuple[Query, Query] | None:
        text = self.plan.metrics.requests
        if text is None:
            return None
        return self._raw(text, Arm.CANARY), self._raw(text, Arm.BASELINE)

    def _filled(self, text: str, arm: Arm) -> str:
        matchers = self.plan.metrics.canary if arm is Arm.CANARY else self.plan.metrics.baseline
        return with_arm(text, matchers)

    def _raw(self, text: str, arm: Arm, *labels: str) -> Query:
        by = None if self.by is None else (*self.by, *labels)
        return Query(QueryKind.RAW, counter_selector(self._filled(text, arm)), self.start - self.lookback, self.now, by=by)

    def _http(self, criterion: HttpCriterion) -> ValueNeed:
        age = self.plan.metrics.max_sample_age if criterion.max_age is None else criterion.max_age
        allowed = max(age, 2 * criterion.every) if criterion.max_age is None else age
        baseline = None if criterion.baseline is None else self._recorded(criterion, Arm.BASELINE)
        return ValueNeed(criterion.measured, self._recorded(criterion, Arm.CANARY), baseline, allowed.total_seconds())

    def _recorded(self, criterion: HttpCriterion, arm: Arm) -> Gauge:
        """The text names the flag: one rollout at a time steps it, so no other one asks for the same."""
        flag = self.plan.flag
        text = " ".join((criterion.id, arm, flag.provider, flag.project or "", flag.environment, flag.key))
        dates = self._grid(QueryKind.RECORDED_AT, text)
        return Gauge(self._grid(QueryKind.RECORDED, text), (dates,))

    def _alert(self, criterion: AlertCriterion) -> AlertNeed:
        since = self.start - self.lookback
        firing = Query(QueryKind.RAW, counter_selector(alerts_selector(criterion.alert, criterion.labels)), since, self.now)
        announced = Query(QueryKind.ANNOUNCED, criterion.alert, since, self.now)
        if criterion.fresh is None:
            return AlertNeed(criterion, firing, Query(QueryKind.RULE, criterion.alert, since, self.now), announced)
        fresh = counter_selector(self._filled(criterion.fresh, Arm.CANARY))
        return AlertNeed(criterion, firing, Query(QueryKind.RAW, fresh, since, self.now), announced)

    def _counters(self, criterion: RatioCriterion, arm: Arm) -> Counters:
        return Counters(self._raw(criterion.bad, arm), self._raw(criterion.total, arm))

    def _gauge(self, criterion: ValueCriterion, arm: Arm) -> Gauge:
        expression = self._filled(criterion.expr, arm)
        if criterion.fresh is not None:
            dated_by: tuple[str, ...] = (counter_selector(self._filled(criterion.fresh, arm)),)
        else:
            dated_by = selectors(expression)
        if not dated_by:
            raise InvalidInput(
                f"{expression!r} holds no selector, so nothing tells how old its value is.",
                remedy="Name one with `fresh`.",
            )
        dates = tuple(self._grid(QueryKind.TIMESTAMP, s) for s in dated_by)
        before = self._before(expression) if criterion.by_evidence else None
        return Gauge(self._grid(QueryKind.GRID, expression), dates, before)

    def _before(self, expression: str) -> Query | None:
        """Every minute, the last one before the start."""
        minutes = math.floor(self.history / HISTORY_STEP_S)
        if minutes < 1:
            return None
        first, last = self.start - minutes * HISTORY_STEP_S, self.start - HISTORY_STEP_S
        return Query(QueryKind.GRID, expression, first, last, HISTORY_STEP_S)

    def _grid(self, kind: QueryKind, text: str) -> Query:
        points = math.floor((self.now - self.start) / self.step + 1e-6)
        return Query(kind, text, self.start, self.start + points * self.step, self.step)
