"""Backtest: the judge over a stretch of the source's history, as if a phase had run there.

One fetch, then one look per step of the plan's grid, each with what was known then. Pure but for the fetch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rolloutctl.engine.world.world import World
from rolloutctl.errors import InvalidInput, SourceUnreachable
from rolloutctl.judge.judge import heard
from rolloutctl.judge.needs import needs
from rolloutctl.model.kinds import Role
from rolloutctl.model.samples import Answer, FailureKind, Query, Samples, SourceFailure
from rolloutctl.model.state import PhaseRun
from rolloutctl.model.verdict import PhaseState, State, Verdict
from rolloutctl.plan.model import Plan
from rolloutctl.policy.phase_verdict import effective, phase_verdict


@dataclass(frozen=True, slots=True)
class Found:
    """Something at one look, seconds after the start."""

    after_s: float
    criterion: str
    segment: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    after_s: float
    until_s: float | None
    """None: still so at the last look."""
    criterion: str
    segment: str
    state: State


@dataclass(frozen=True, slots=True)
class Backtest:
    phase: str
    start: datetime
    end: datetime
    first_breach: Found | None
    first_ready_after_s: float | None
    first_hold: Found | None
    """The first ONE_HOST."""
    holds: tuple[Held, ...]
    final: PhaseState
    looks: int
    verdicts: tuple[Verdict, ...]
    """Of the last look, in detail."""


async def run_backtest(world: World, plan: Plan, phase: str, start: datetime, end: datetime | None) -> Backtest:
    """Raises SourceUnreachable, or InvalidInput for a phase, time or source that cannot be."""
    index = phase_index(plan, phase)
    source = world.source(plan.metrics.source)
    now = await source.now()
    last = min(end or start + plan.phases[index].deadline_or_default, now)
    if last - start < plan.metrics.step:
        raise InvalidInput(
            f"from {_at(start)} to {_at(last)} there is nothing to look at.",
            remedy="Choose a start in the past, and an end at least one step of the plan later.",
        )
    queries = needs(plan, index, start.timestamp(), last.timestamp())
    asked = tuple(query for query in queries if query.kind.of_source)
    answers = dict(await source.fetch(asked)) if asked else {}
    # What only a journal holds was not recorded then.
    answers |= {query: Samples(()) for query in queries if not query.kind.of_source}
    for answer in answers.values():
        if isinstance(answer, SourceFailure) and answer.kind is FailureKind.DOWN:
            raise SourceUnreachable(answer.why)
    return backtest(plan, index, start, last, answers)


def phase_index(plan: Plan, phase: str) -> int:
    """Raises InvalidInput, naming those there are."""
    names = [each.name for each in plan.phases]
    if phase not in names:
        raise InvalidInput(f'the plan has no phase "{phase}".', remedy=f"Its phases are: {', '.join(names)}.")
    return names.index(phase)


def backtest(plan: Plan, index: int, start: datetime, end: datetime, answers: Mapping[Query, Answer]) -> Backtest:
    """`answers` are those to `needs` for `end`. Looks end with a breach that would roll back."""
    began, step = start.timestamp(), plan.metrics.step.total_seconds()
    judged = heard(plan, index, began, end.timestamp(), answers)
    run = PhaseRun(index=index, attempt=1, started_at=start)
    bake_s = plan.phases[index].bake.total_seconds()
    looks = int((end.timestamp() - began) / step + 1e-6)
    course = _Course(plan)
    final, now = PhaseState.PENDING, began
    for look in range(1, looks + 1):
        now = began + look * step
        verdicts = judged.verdicts(now, detailed=False)
        final = phase_verdict(plan, verdicts, run).state
        course.see(now - began, verdicts, ready=final is PhaseState.READY and now - began >= bake_s)
        if final is PhaseState.BREACH:
            looks = look
            break
    return Backtest(
        phase=plan.phases[index].name,
        start=start,
        end=end,
        first_breach=course.breach,
        first_ready_after_s=course.ready,
        first_hold=course.hold,
        holds=course.held(),
        final=final,
        looks=looks,
        verdicts=judged.verdicts(now),
    )


class _Course:
    """What happened first, and every hold from its beginning to its end."""

    def __init__(self, plan: Plan) -> None:
        self._criteria = {criterion.id: criterion for criterion in plan.every_criterion}
        self._open: dict[tuple[str, str], Held] = {}
        self._closed: list[Held] = []
        self.breach: Found | None = None
        self.ready: float | None = None
        self.hold: Found | None = None

    def see(self, after_s: float, verdicts: Sequence[Verdict], *, ready: bool) -> None:
        if ready and self.ready is None:
            self.ready = after_s
        holding: dict[tuple[str, str], State] = {}
        for verdict in verdicts:
            if self._criteria[verdict.criterion].role is Role.INFO:
                continue
            state = effective(verdict, self._criteria[verdict.criterion])
            if state is State.BREACH and self.breach is None:
                self.breach = Found(after_s, verdict.criterion, verdict.segment or verdict.evidence.dominated_by)
            if state is State.ONE_HOST and self.hold is None:
                self.hold = Found(after_s, verdict.criterion, verdict.segment, verdict.evidence.host)
            if state is State.ONE_HOST or (state is not None and state.missing_evidence and verdict.grace_over):
                holding[verdict.criterion, verdict.segment] = verdict.state
        self._turn(after_s, holding)

    def _turn(self, after_s: float, holding: Mapping[tuple[str, str], State]) -> None:
        for key, held in list(self._open.items()):
            if holding.get(key) is not held.state:
                self._closed.append(Held(held.after_s, after_s, held.criterion, held.segment, held.state))
                del self._open[key]
        for key, state in holding.items():
            if key not in self._open:
                self._open[key] = Held(after_s, None, *key, state)

    def held(self) -> tuple[Held, ...]:
        return tuple(sorted([*self._closed, *self._open.values()], key=lambda held: (held.after_s, held.criterion, held.segment)))


def _at(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
