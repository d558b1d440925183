"""The closed sets of words that events about a run choose from, and the names of its stream and keys.

Without pydantic: who only names a mode or a result loads none.
"""

from __future__ import annotations

from enum import StrEnum


class RunMode(StrEnum):
    PLAN = "plan"
    """Nothing is changed: every request is shown, preflight is run, differences are read."""
    REHEARSE = "rehearse"
    """Real effects in an environment for rehearsals, cleaned up afterwards; counts as proof."""
    LIVE = "live"
    """Real effects; counts as live evidence."""


class RunResult(StrEnum):
    RECOVERED = "recovered"
    """Every critical step is done, and a check has set "recovered"."""
    DONE = "done"
    """Every critical step is done; the runbook has no check that sets "recovered"."""
    NOT_RECOVERED = "not_recovered"
    """The effects are done, but recovery was not seen in time."""
    FAILED = "failed"
    """A critical step failed."""
    STOPPED = "stopped"
    """A person stopped it."""
    UNKNOWN = "unknown"
    """A critical step may or may not have happened, and nobody could tell."""


class CleanUp(StrEnum):
    """What became of the undo of a rehearsal."""

    NONE = "none"
    """There was nothing to undo, or it was not asked for."""
    PROVED = "proved"
    """Undone, and read back to be as it was before."""
    FAILED = "failed"
    """Something is still as the run left it."""


class Part(StrEnum):
    """Which half of a step an event is about."""

    FORWARD = "forward"
    UNDO = "undo"


class Section(StrEnum):
    """Where in the runbook a step stands."""

    PREFLIGHT = "preflight"
    STEPS = "steps"
    AFTER_RECOVERED = "after.recovered"
    AFTER_NOT_RECOVERED = "after.not_recovered"


class ClockStart(StrEnum):
    """From when the time to rollback counts."""

    RUN_STARTED = "run_started"
    """From the start of the run."""
    FIRST_INTENT = "first_intent"
    """From the first effect that was about to be sent."""


class ClockStop(StrEnum):
    """Until when the time to rollback counts."""

    RECOVERED = "recovered"
    """Until a check that `sets = "recovered"` passed."""
    LAST_CRITICAL = "last_critical"
    """Until the last critical step was done."""


RUN_STREAM = "run/"
"""Begins the name of every run's stream; its id follows."""


def run_stream(run: str) -> str:
    return f"{RUN_STREAM}{run}"


def run_of(stream: str) -> str:
    """The id of a run's stream; any other stream's name as it is."""
    return stream.removeprefix(RUN_STREAM)


def step_key(run: str, step: str, part: Part = Part.FORWARD) -> str:
    """What a server can tell repetitions of one step of one run by: the same over retries, restarts and operators."""
    return f"{run}:{step}" if part is Part.FORWARD else f"{run}:{step}:{part}"
