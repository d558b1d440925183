"""What the commands about runbook files answer with `--json`."""

from __future__ import annotations

from typing import TypedDict


class ObjectiveShape(TypedDict):
    time_to_rollback_s: float
    start: str
    """run_started | first_intent"""
    stop: str
    """recovered | last_critical"""


class DemandShape(TypedDict):
    """What advancing needs."""

    policy: str
    """off | warn | block"""
    max_age_s: float
    within_objective: bool


class RunbookStepShape(TypedDict):
    id: str
    section: str
    type: str
    title: str
    deed: str
    """What it does, in words."""
    details: list[str]
    critical: bool


class RunbookShape(TypedDict):
    file: str
    id: str
    title: str
    owner: str
    when: str
    exec_digest: str
    """What rehearsals are bound to."""
    objective: ObjectiveShape
    rehearsal: DemandShape
    state: str
    """Of its rehearsals: REHEARSED, NEVER, …"""
    standing: str
    """The same with its numbers."""
    run: str | None
    """The run that decides; null: there was none."""
    edits: list[str]
    """What was edited since, a sentence each."""
    params: list[str]
    steps: list[RunbookStepShape]


class BrokenRunbookShape(TypedDict):
    file: str
    problems: list[str]


class RunbookListShape(TypedDict):
    at: str
    folder: str
    runbooks: list[RunbookShape]
    broken: list[BrokenRunbookShape]
    """Files that cannot be read."""
