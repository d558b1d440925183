"""Whether a runbook's way back is proved: the rehearsal states, and the one rule that gives them.

Pure: the records come from the folds of ended runs, "now" is an argument. The newest run that counts decides, whatever older ones
showed: trying until it passes must be visible, and a later failure is not outweighed by an earlier success.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rolloutctl.model.run import RunState
from rolloutctl.model.run_words import CleanUp, RunMode, RunResult
from rolloutctl.units import show_age, show_clock, show_duration


class RehearsalState(StrEnum):
    """Worst first."""

    NEVER = "NEVER"
    """No rehearsal counts: none was run, or only with injected faults."""
    FAILED = "FAILED"
    """The newest one failed, did not recover, or could not be cleaned up."""
    EDITED = "EDITED"
    """What was rehearsed is another version of the runbook."""
    ADAPTER_CHANGED = "ADAPTER_CHANGED"
    """The contract of something the runbook relies on is another one now."""
    TOO_SLOW = "TOO_SLOW"
    """It took longer than the objective."""
    PARTIAL = "PARTIAL"
    """A critical step was passed over, or the clock never stopped: that much is not proved."""
    STALE = "STALE"
    """It is longer ago than `max_age`."""
    REHEARSED = "REHEARSED"
    """Proved: this version, recently, in time."""

    @property
    def words(self) -> str:
        """As people read it."""
        return self.value.replace("_", " ")


_GOOD = frozenset({RunResult.RECOVERED, RunResult.DONE})


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The record of one ended run, as far as it is proof."""

    run: str
    mode: RunMode
    runbook: str
    environment: str
    exec_digest: str
    adapter_digest: str
    blob: str
    """Digest of the blob that holds the text of the runbook that ran."""
    result: RunResult
    clean_up: CleanUp
    inject: tuple[str, ...]
    skipped: tuple[str, ...]
    """Critical steps that were passed over."""
    by: str
    decided_at: datetime
    started_at: datetime
    first_intent_at: datetime | None
    last_critical_at: datetime | None
    recovered_at: datetime | None
    proved_at: datetime | None
    ended_at: datetime
    took: timedelta | None
    """Time to rollback by the runbook's own clock; None: it never came to its end."""
    waited: timedelta
    """How long people were waited for; part of `took` where it fell within."""

    @property
    def counts(self) -> bool:
        """Runs that change nothing, and runs with injected faults, are recorded apart."""
        return self.mode is not RunMode.PLAN and not self.inject

    @property
    def failed(self) -> bool:
        unclean = self.mode is RunMode.REHEARSE and self.clean_up is CleanUp.FAILED
        return self.result not in _GOOD or unclean


def rehearsal_of(state: RunState) -> Rehearsal | None:
    """The record of an ended run; None while it has not ended."""
    if state.result is None or state.ended_at is None:
        return None
    critical = {step.id for step in state.steps if step.critical}
    return Rehearsal(
        run=state.id,
        mode=state.mode,
        runbook=state.runbook,
        environment=state.environment,
        exec_digest=state.exec_digest,
        adapter_digest=state.adapter_digest,
        blob=state.blob,
        result=state.result,
        clean_up=state.clean_up,
        inject=state.inject,
        skipped=tuple(step for step in state.skipped if step in critical),
        by=state.by,
        decided_at=state.decided_at,
        started_at=state.started_at,
        first_intent_at=state.first_intent_at,
        last_critical_at=state.last_critical_at,
        recovered_at=state.recovered_at,
        proved_at=state.proved_at,
        ended_at=state.ended_at,
        took=state.took,
        waited=state.waited,
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """How a runbook stands, with the numbers that a screen shows."""

    state: RehearsalState
    objective: timedelta
    max_age: timedelta
    record: Rehearsal | None = None
    """The run that decides; None: NEVER."""
    age: timedelta | None = None
    """Since that run ended."""

    @property
    def took(self) -> timedelta | None:
        return self.record.took if self.record is not None else None

    def __str__(self) -> str:
        """`REHEARSED 12 d ago, 2m41s/5m`."""
        if self.age is None:
            return self.state.words
        days = self.age // timedelta(days=1)
        ago = f"{days} d" if days >= 2 else show_age(self.age.total_seconds())
        took = f", {show_clock(self.took.total_seconds())}/{show_duration(self.objective)}" if self.took is not None else ""
        return f"{self.state.words} {ago} ago{took}"


def rehearsal_state(
    records: Iterable[Rehearsal],
    exec_digest: str,
    adapter_digest: str,
    objective: timedelta,
    max_age: timedelta,
    now: datetime,
    *,
    within_objective: bool = True,
) -> Standing:
    """The state of a runbook's rehearsals, by the newest record that is about it.

    About it is, first that there is any: a run of these very bytes and contracts; a run of these bytes; a run of any version.
    `within_objective`: whether a run that took longer than the objective counts as TOO_SLOW.
    """
    counting = sorted((record for record in records if record.counts), key=lambda record: record.ended_at, reverse=True)
    if not counting:
        return Standing(RehearsalState.NEVER, objective, max_age)
    same = [record for record in counting if record.exec_digest == exec_digest]
    exact = [record for record in same if record.adapter_digest == adapter_digest]
    record = (exact or same or counting)[0]
    age = max(now - record.ended_at, timedelta())
    return Standing(
        _state(record, exec_digest, adapter_digest, objective if within_objective else None, max_age, age),
        objective,
        max_age,
        record,
        age,
    )


def _state(
    record: Rehearsal, exec_digest: str, adapter_digest: str, limit: timedelta | None, max_age: timedelta, age: timedelta
) -> RehearsalState:
    if record.failed:
        return RehearsalState.FAILED
    if record.exec_digest != exec_digest:
        return RehearsalState.EDITED
    if record.adapter_digest != adapter_digest:
        return RehearsalState.ADAPTER_CHANGED
    if limit is not None and record.took is not None and record.took > limit:
        return RehearsalState.TOO_SLOW
    if record.skipped or record.took is None:
        return RehearsalState.PARTIAL
    if age > max_age:
        return RehearsalState.STALE
    return RehearsalState.REHEARSED
