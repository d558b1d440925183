"""What the commands about runs and rehearsals answer with `--json`."""

from __future__ import annotations

from typing import TypedDict


class DoingShape(TypedDict):
    place: str
    """waiting | running | ok | failed | unknown | skipped"""
    attempts: int
    began_at: str | None
    ended_at: str | None
    why: str | None


class RunStepShape(DoingShape):
    id: str
    section: str
    type: str
    critical: bool
    effect: bool
    undo: DoingShape | None
    """null: it was not undone."""


class RunShape(TypedDict):
    run: str
    mode: str
    """rehearse | live"""
    runbook: str
    environment: str
    target: str | None
    rollout: str | None
    incident: str | None
    by: str
    result: str | None
    """null: it is not over, and may be resumed."""
    clean_up: str
    why: str | None
    injected: list[str]
    """Faults that were injected: then it is no proof."""
    skipped: list[str]
    objective_s: float
    took_s: float | None
    """Time to rollback; null: it did not come to its end."""
    in_time: bool | None
    waited_s: float
    """How long people were waited for."""
    decided_at: str
    started_at: str
    first_intent_at: str | None
    last_critical_at: str | None
    recovered_at: str | None
    proved_at: str | None
    ended_at: str | None
    seq: int
    """Its newest event."""
    steps: list[RunStepShape]


class CarriedShape(RunShape):
    """A run that this command carried on."""

    code: int
    """The exit code."""
    sentence: str
    receipt: str
    record: list[str]
    """Files of the rehearsal's record."""


class RunsShape(TypedDict):
    at: str
    runs: list[RunShape]


class RehearsalsShape(TypedDict):
    at: str
    rehearsals: list[RunShape]


class StandingShape(TypedDict):
    runbook: str
    state: str
    """REHEARSED, NEVER, EDITED, …"""
    sentence: str
    """The same with its numbers."""
    age_s: float | None
    took_s: float | None
    objective_s: float
    max_age_s: float
    run: str | None
    """The run that decides; null: there was none."""
    environment: str | None


class RehearsalCheckShape(TypedDict):
    at: str
    ok: bool
    """Every one is REHEARSED."""
    runbooks: list[StandingShape]
