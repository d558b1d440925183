"""From what came of a step to the event that says so, and from an ended run to an exit code. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from rolloutctl.errors import ExitCode
from rolloutctl.model import run_events as body_of
from rolloutctl.model.run import RunState
from rolloutctl.model.run_words import CleanUp, RunResult
from rolloutctl.runner.action import Half
from rolloutctl.runner.deed import Failed, Ok, Unknown


def outcome(
    half: Half, intent: int, result: Ok | Failed | Unknown, scrub: Callable[[str], str], at: datetime
) -> body_of.StepOk | body_of.StepFailed | body_of.StepUnknown:
    evidence, why = {key: scrub(value) for key, value in result.evidence.items()}, scrub(result.why)
    match result:
        case Ok(unchanged=unchanged, recovered=recovered, waited=waited):
            return body_of.StepOk(
                intent=intent,
                step=half.step,
                part=half.part,
                why=why,
                waited=waited,
                evidence=evidence,
                unchanged=unchanged,
                recovered=recovered,
                at=at,
            )
        case Failed(waited=waited):
            return body_of.StepFailed(
                intent=intent, step=half.step, part=half.part, why=why, waited=waited, evidence=evidence, at=at
            )
        case Unknown():
            return body_of.StepUnknown(intent=intent, step=half.step, part=half.part, why=why, evidence=evidence, at=at)
        case _:
            assert_never(result)


def code_of(state: RunState) -> ExitCode:
    """Of an ended run."""
    match state.result:
        case RunResult.RECOVERED | RunResult.DONE:
            if state.clean_up is CleanUp.FAILED:
                return ExitCode.FAILED
            return ExitCode.OBJECTIVE_MISSED if state.in_time is False else ExitCode.OK
        case RunResult.UNKNOWN:
            return ExitCode.UNKNOWN
        case RunResult.NOT_RECOVERED | RunResult.FAILED | RunResult.STOPPED:
            return ExitCode.FAILED
        case None:
            return ExitCode.NOT_YET
