"""How it can be told whether a step has happened, by its type alone. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from rolloutctl.model.run_words import Part
from rolloutctl.runbook.http import Effect
from rolloutctl.runbook.steps import (
    AlertAction,
    AlertStep,
    AnyStep,
    CheckStep,
    FlagStep,
    HttpStep,
    ManualStep,
    NotifyStep,
    WaitStep,
)


class Told(StrEnum):
    """What to do with a step that was begun and of which nobody knows whether it happened."""

    BY_READING = "by reading"
    """The real state says it."""
    NOT_NEEDED = "not needed"
    """It may simply be done again: it changes nothing, or people can live with being told twice."""
    BY_NOBODY = "by nobody"
    """It must not be sent twice, and nothing says whether it was: a person has to look."""


def told(step: AnyStep, part: Part) -> Told:
    match step:
        case FlagStep():
            return Told.BY_READING
        case HttpStep() if part is Part.UNDO:
            proved = step.readback is not None or (step.undo is not None and step.undo.readback is not None)
            return Told.BY_READING if proved else Told.BY_NOBODY
        case HttpStep(effect=Effect.READ):
            return Told.NOT_NEEDED
        case HttpStep():
            return Told.BY_READING if step.readback is not None else Told.BY_NOBODY
        case AlertStep(action=AlertAction.WAIT):
            return Told.NOT_NEEDED
        case AlertStep():
            return Told.BY_READING
        case CheckStep() | NotifyStep() | ManualStep() | WaitStep():
            return Told.NOT_NEEDED
        case _:
            assert_never(step)


def undoable(step: AnyStep) -> bool:
    """Whether the clean-up has something to do for it."""
    match step:
        case FlagStep():
            return True
        case HttpStep():
            return step.undo is not None
        case AlertStep():
            return step.action is AlertAction.SILENCE
        case _:
            return False


def sent_twice(step: AnyStep) -> bool:
    """Whether it may be sent again although it may have happened."""
    return not (isinstance(step, HttpStep) and step.effect is Effect.ONCE)


def subject(step: AnyStep) -> tuple[str, ...]:
    """What the step is about: of several steps about the same thing only the newest says how it has to be."""
    match step:
        case FlagStep():
            return ("flag",)
        case HttpStep(adapter=adapter, readback=readback) if readback is not None:
            query = (f"{name}={text}" for name, text in sorted(readback.request.query.items()))
            return ("http", adapter, readback.request.method, readback.request.path, *query)
        case AlertStep():
            return ("silence", step.silence or step.id)
        case _:
            return (step.type, step.id)
