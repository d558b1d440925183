"""`fold_run(events)`: the state of a run is nothing but the events of its stream, in order.

The fold never refuses what was journalled, never looks at a clock, and is the same whether done at once or piece by piece. Of
two `run.created` the first counts; an outcome counts when it names the newest intent of its step and part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from rolloutctl.errors import JournalCorrupt
from rolloutctl.model import run_events as body_of
from rolloutctl.model.cohort import Target
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import Kind, Reality
from rolloutctl.model.run_words import CleanUp, ClockStart, ClockStop, Part, RunMode, RunResult, Section

_EFFECTLESS = frozenset({Kind.LEASE_TAKEN, Kind.LEASE_RELEASED, Kind.JOURNAL_RECOVERED, Kind.NOTE_ADDED})


class Place(StrEnum):
    """Where one step of a run is."""

    WAITING = "waiting"
    """Not begun."""
    RUNNING = "running"
    """It has an intent and no outcome: after a crash it is read back before anything else."""
    OK = "ok"
    """Done, or found done."""
    FAILED = "failed"
    """It definitely did not happen, or its check did not pass in time."""
    UNKNOWN = "unknown"
    """It may have happened."""
    SKIPPED = "skipped"
    """Passed over."""


@dataclass(frozen=True, slots=True)
class Doing:
    """One half of a step: what it does, or its undo."""

    place: Place = Place.WAITING
    intent: int = 0
    """Sequence number of its newest intent; 0: none."""
    attempts: int = 0
    began_at: datetime | None = None
    """First intent."""
    ended_at: datetime | None = None
    """Newest outcome."""
    before: str = ""
    """What the read-back gave before anything was sent, of the first attempt."""
    why: str = ""

    @property
    def settled(self) -> bool:
        return self.place in {Place.OK, Place.SKIPPED}

    @property
    def to_read_back(self) -> bool:
        """An intent without outcome, or an unknown one."""
        return self.place in {Place.RUNNING, Place.UNKNOWN}


@dataclass(frozen=True, slots=True)
class StepRun:
    id: str
    section: Section
    type: str
    critical: bool
    effect: bool
    forward: Doing = Doing()
    undo: Doing = Doing()

    def doing(self, part: Part) -> Doing:
        return self.forward if part is Part.FORWARD else self.undo


@dataclass(frozen=True, slots=True)
class RunState:
    id: str
    mode: RunMode
    runbook: str
    exec_digest: str
    adapter_digest: str
    blob: str
    environment: str
    target: Target | None
    rollout: str
    params: tuple[tuple[str, str], ...]
    incident: str
    inject: tuple[str, ...]
    confirmed: bool
    objective: timedelta
    start: ClockStart
    stop: ClockStop
    by: str
    """Who started it."""
    decided_at: datetime
    started_at: datetime
    steps: tuple[StepRun, ...]
    seq: int
    """Newest event that was folded."""
    recovered_at: datetime | None = None
    proved_at: datetime | None = None
    waited: timedelta = timedelta()
    """How long people were waited for, all in all."""
    result: RunResult | None = None
    """None: not ended, so it may be resumed."""
    clean_up: CleanUp = CleanUp.NONE
    ended_at: datetime | None = None
    ended_why: str = ""
    skipped: tuple[str, ...] = ()
    told: tuple[body_of.Notified, ...] = ()
    """Messages to people, in order."""

    @property
    def ended(self) -> bool:
        return self.result is not None

    def step(self, step: str) -> StepRun | None:
        return next((s for s in self.steps if s.id == step), None)

    @property
    def to_read_back(self) -> tuple[tuple[StepRun, Part], ...]:
        """What a resumed run reads back before anything else."""
        return tuple((s, part) for s in self.steps for part in Part if s.doing(part).to_read_back)

    @property
    def first_intent_at(self) -> datetime | None:
        """Of an effect; checks do not count."""
        return min((s.forward.began_at for s in self._main if s.effect and s.forward.began_at is not None), default=None)

    @property
    def last_critical_at(self) -> datetime | None:
        """When the last critical step was done; None while one is not."""
        critical = [s.forward for s in self._main if s.critical]
        if not critical or any(doing.place is not Place.OK for doing in critical):
            return None
        return max((doing.ended_at for doing in critical if doing.ended_at is not None), default=None)

    @property
    def clock_started_at(self) -> datetime | None:
        """Where the time to rollback begins; None: not yet."""
        return self.started_at if self.start is ClockStart.RUN_STARTED else self.first_intent_at

    @property
    def clock_stopped_at(self) -> datetime | None:
        """Where the time to rollback ends; None: not yet, or never."""
        return self.recovered_at if self.stop is ClockStop.RECOVERED else self.last_critical_at

    @property
    def took(self) -> timedelta | None:
        """The time to rollback, people included; None where it did not come to an end.

        A runbook whose effects were all there already, with the clock beginning at the first intent, took no time.
        """
        began, ended = self.clock_started_at, self.clock_stopped_at
        if ended is None:
            return None
        return max(ended - began, timedelta()) if began is not None else timedelta()

    @property
    def in_time(self) -> bool | None:
        """Whether the objective was met; None where nothing can be said yet."""
        took = self.took
        return took <= self.objective if took is not None else (False if self.ended else None)

    @property
    def _main(self) -> tuple[StepRun, ...]:
        return tuple(s for s in self.steps if s.section is Section.STEPS)


def fold_run(events: Iterable[Event], state: RunState | None = None) -> RunState | None:
    """Fold a run's stream, from the beginning or on top of an earlier fold; None for an empty stream.

    Raises JournalCorrupt when the stream does not begin with `run.created`.
    """
    for event in events:
        state = apply_run(state, event)
    return state


def apply_run(state: RunState | None, event: Event) -> RunState | None:
    if isinstance(event.body, body_of.RunCreated):
        return state if state is not None else _created(event, event.body)
    if state is None:
        if event.kind in _EFFECTLESS:
            return None
        raise JournalCorrupt(
            f"event {event.seq} ({event.kind}) of {event.stream} comes before the run was created.",
            remedy="Run `rolloutctl journal verify`.",
        )
    return replace(_next(state, event), seq=event.seq)


def _created(event: Event, body: body_of.RunCreated) -> RunState:
    return RunState(
        id=body.run,
        mode=body.mode,
        runbook=body.runbook,
        exec_digest=body.exec_digest,
        adapter_digest=body.adapter_digest,
        blob=body.blob,
        environment=body.environment,
        target=body.target,
        rollout=body.rollout,
        params=tuple(sorted(body.params.items())),
        incident=body.incident,
        inject=body.inject,
        confirmed=body.confirmed,
        objective=body.objective,
        start=body.start,
        stop=body.stop,
        by=event.actor,
        decided_at=body.decided_at,
        started_at=body.at,
        steps=tuple(StepRun(s.id, s.section, s.type, s.critical, s.effect) for s in body.steps),
        seq=event.seq,
    )


def _next(state: RunState, event: Event) -> RunState:
    match event.body:
        case body_of.StepIntent() as body:
            return _intent(state, event.seq, body)
        case body_of.StepOutcome() as body:
            return _outcome(state, body)
        case body_of.Notified() as body:
            return replace(state, told=(*state.told, body))
        case body_of.RunEnded() as body:
            return _ended(state, body)
        case _:
            return state


def _intent(state: RunState, seq: int, body: body_of.StepIntent) -> RunState:
    def begun(doing: Doing) -> Doing:
        return replace(
            doing,
            place=Place.RUNNING,
            intent=seq,
            attempts=max(body.attempt, doing.attempts + 1),
            began_at=doing.began_at or body.at,
            before=doing.before or body.before,
            why="",
        )

    state = _skip(state, body.skips)
    return _with(replace(state, waited=state.waited + body.waited), body.step, body.part, begun)


def _outcome(state: RunState, body: body_of.StepOutcome) -> RunState:
    place = _place_of(body)
    before = state.step(body.step)
    if before is None or before.doing(body.part).intent != body.intent:
        return state
    state = _with(
        replace(state, waited=state.waited + body.waited),
        body.step,
        body.part,
        lambda doing: replace(doing, place=place, ended_at=body.at, why=body.why),
    )
    if isinstance(body, body_of.StepOk) and body.recovered and body.part is Part.FORWARD:
        return replace(state, recovered_at=state.recovered_at or body.at)
    return state


def _place_of(body: body_of.StepOutcome) -> Place:
    match body:
        case body_of.StepOk():
            return Place.OK
        case body_of.StepUnknown():
            return Place.UNKNOWN
        case body_of.StepReconciled(found=Reality.APPLIED):
            return Place.OK
        case body_of.StepReconciled(found=Reality.NOT_APPLIED):
            return Place.WAITING
        case _:
            return Place.FAILED


def _ended(state: RunState, body: body_of.RunEnded) -> RunState:
    if state.ended:
        return state
    return replace(
        _skip(state, body.skipped),
        result=body.result,
        clean_up=body.clean_up,
        proved_at=body.proved_at,
        ended_at=body.at,
        ended_why=body.why,
    )


def _skip(state: RunState, skipped: tuple[str, ...]) -> RunState:
    """A step that was begun keeps its place: what happened is not undone by going on."""
    for step in skipped:
        state = _with(state, step, Part.FORWARD, lambda doing: replace(doing, place=Place.SKIPPED) if not doing.intent else doing)
    return replace(state, skipped=tuple(dict.fromkeys((*state.skipped, *skipped))))


def _with(state: RunState, step: str, part: Part, change: Callable[[Doing], Doing]) -> RunState:
    def changed(run: StepRun) -> StepRun:
        if run.id != step:
            return run
        if part is Part.FORWARD:
            return replace(run, forward=change(run.forward))
        return replace(run, undo=change(run.undo))

    return replace(state, steps=tuple(changed(run) for run in state.steps))
