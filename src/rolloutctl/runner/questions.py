"""What a person is asked before and after a step, in words; and the page when nobody answers. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from rolloutctl.model.message import Matter, Message, Urgency
from rolloutctl.model.run import RunState
from rolloutctl.model.run_words import RunMode
from rolloutctl.runbook.fields import ConfirmKind
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.placeholders import Landing, render
from rolloutctl.runbook.steps import AnyStep
from rolloutctl.runner.action import ANSWERS, Question, Topic
from rolloutctl.runner.tools import Asked


def asked(question: Question, step: AnyStep, runbook: Runbook, state: RunState, values: dict[str, str]) -> Asked:
    name = render(step.name, values, Landing.TEXT)
    text = about(question, name, state)
    if question.topic is not Topic.CONFIRM:
        return Asked(question, name, text, ANSWERS[question.topic], within=runbook.defaults.ask_timeout)
    kind = step.confirm.kind
    typed = render(step.confirm.text, values, Landing.TEXT) if kind is ConfirmKind.TYPE else ""
    return Asked(question, name, text, ANSWERS[question.topic], typed, state.by if kind is ConfirmKind.SECOND_PERSON else "")


def about(question: Question, name: str, state: RunState) -> str:
    run = state.step(question.step)
    why = run.forward.why if run is not None else ""
    match question.topic:
        case Topic.CONFIRM:
            return f"{name}?"
        case Topic.FAILED:
            return f"{name} failed: {why}"
        case Topic.UNKNOWN:
            return f"Nobody can tell whether this has happened: {name}. {why}"
        case Topic.PREFLIGHT:
            return f"The check before the first step did not pass: {name}: {why}"
        case _:
            assert_never(question.topic)


def page(question: Question, name: str, state: RunState, now: datetime) -> Message:
    then = "The rehearsal ends." if state.mode is RunMode.REHEARSE else "The rollback goes on with the next critical step."
    return Message(
        title=f"{state.runbook} needs a person",
        text=f"{about(question, name, state)} Nobody answered. {then}",
        at=now,
        urgency=Urgency.CRITICAL,
        matter=Matter.OPEN,
        about=state.id,
        key=f"{state.id}:{question.step}:{question.topic}",
    )
