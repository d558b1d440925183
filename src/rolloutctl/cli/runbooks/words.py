"""What each step of a runbook does, in words: one list for the page, the checklist and the plain listing. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, assert_never

from rolloutctl.model.cohort import OFF
from rolloutctl.model.run_words import ClockStart, ClockStop
from rolloutctl.runbook.fields import Confirm, ConfirmKind
from rolloutctl.runbook.http import Effect, Expect, Request
from rolloutctl.runbook.http import ReadRequest as Reading
from rolloutctl.runbook.model import Objective, Policy, Rehearsing, Runbook
from rolloutctl.runbook.params import Param
from rolloutctl.runbook.steps import (
    AlertAction,
    AlertStep,
    AnyStep,
    Bound,
    CheckStep,
    FlagSet,
    FlagStep,
    HttpStep,
    ManualStep,
    NotifyStep,
    OnFailure,
    OnUnknown,
    WaitStep,
)
from rolloutctl.units import show_duration, show_number


def objective_words(objective: Objective) -> str:
    begins = "the run starts" if objective.start is ClockStart.RUN_STARTED else "the first change is begun"
    ends = "it has recovered" if objective.stop is ClockStop.RECOVERED else "the last critical step is done"
    return f"{show_duration(objective.time_to_rollback)}, from when {begins} until {ends}"


def rehearsal_words(rehearsal: Rehearsing) -> str:
    if rehearsal.policy is Policy.OFF:
        return "a rollout may advance without a rehearsal"
    in_time = ", within the objective" if rehearsal.within_objective else ""
    wants = f"a rehearsal of this version in the last {show_duration(rehearsal.max_age)}{in_time}"
    return (
        f"a rollout may not advance without {wants}" if rehearsal.policy is Policy.BLOCK else f"advancing warns without {wants}"
    )


def param_words(param: Param) -> str:
    parts = [param.title or param.type]
    if param.required:
        parts.append("required")
    if param.default is not None:
        parts.append(f'"{param.default}" where none is given')
    if param.choices:
        parts.append(f"one of {', '.join(param.choices)}")
    if param.pattern is not None:
        parts.append(f"matching {param.pattern}")
    return "; ".join(parts)


def named(step: AnyStep) -> str:
    return f"{step.name}  ({step.id})" if step.title else step.id


def deed(step: AnyStep) -> str:
    """What it does, as one sentence without its full stop."""
    match step:
        case FlagStep():
            return f"Set the flag to {_cohort(step.target)}"
        case HttpStep():
            return f"{_request(step.request)} through the adapter {step.adapter}"
        case CheckStep():
            return f"Check that {step.promql} {_bound(step.passes)}"
        case AlertStep():
            return _alert(step)
        case NotifyStep():
            return f"Tell the channel {step.channel}: {step.text}"
        case ManualStep():
            return step.instructions.rstrip(".")
        case WaitStep():
            return f"Wait {show_duration(step.length)}"
        case never:
            assert_never(never)


def details(runbook: Runbook, step: AnyStep) -> Iterator[str]:
    """What else is to be known of it, a sentence each."""
    if asked := _confirm(step.confirm):
        yield asked
    match step:
        case HttpStep():
            yield from _http(step)
        case CheckStep():
            if step.guard is not None:
                yield f"It counts only where {step.guard.promql} {_bound(step.guard)}."
            yield f"Asked every {show_duration(step.every)} for {show_duration(step.within)} at most{_hold(step.hold)}."
        case AlertStep(action=AlertAction.WAIT):
            yield f"Asked every {show_duration(step.every)} for {show_duration(step.within)} at most{_hold(step.hold)}."
        case ManualStep():
            proof = f'Answer: "{step.proof.prompt}" ' if step.proof is not None else "Answer: done, or not. "
            yield f"{proof}In {show_duration(step.within)}."
        case _:
            pass
    if isinstance(step, (CheckStep, AlertStep)) and step.sets is not None:
        yield "When it passes, the run has recovered."
    if step.group is not None:
        yield f"At the same time as the other steps of the group {step.group}."
    if not step.critical:
        yield "The rollback is done without it, too."
    elif step.when_failed is not OnFailure.STOP:
        yield {
            OnFailure.ASK: "When it fails, a person says how to go on.",
            OnFailure.CONTINUE: "When it fails, the run goes on.",
        }[step.when_failed]
    if step.has_effect and step.critical and step.when_unknown is not OnUnknown.ASK:
        ends = "stops" if step.when_unknown is OnUnknown.STOP else "goes on"
        yield f"When nobody can tell whether it happened, the run {ends}."
    yield f"A request of it may take {show_duration(runbook.timeout(step))}." if step.timeout is not None else ""


def _confirm(confirm: Confirm) -> str:
    match confirm.kind:
        case ConfirmKind.NONE:
            return ""
        case ConfirmKind.ENTER:
            return "By hand: Enter confirms it."
        case ConfirmKind.TYPE:
            return f'By hand: typing "{confirm.text}" confirms it.'
        case ConfirmKind.SECOND_PERSON:
            return "Somebody else than who began has to agree."


def _hold(hold: Any) -> str:
    return f", and it must hold for {show_duration(hold)}" if hold else ""


def _cohort(target: FlagSet) -> str:
    if target.snapshot:
        return "what it was before the rollout"
    cohort = target.cohort(OFF)
    return str(cohort) if cohort is not None else "off"


def _bound(bound: Bound) -> str:
    return f"is {bound.op} {show_number(Fraction(bound.value))}"


def _alert(step: AlertStep) -> str:
    labels = ", ".join(f'{name}="{value}"' for name, value in step.labels.items())
    which = f"{step.alert}{{{labels}}}" if labels else f"{step.alert}"
    match step.action:
        case AlertAction.SILENCE:
            lasts = f" for {show_duration(step.lasts)}" if step.lasts is not None else ""
            return f"Silence the alert {which}{lasts}"
        case AlertAction.EXPIRE:
            return f"End the silence that the step {step.silence} made"
        case AlertAction.WAIT:
            return f"Wait until the alert {which} is resolved"
        case never:
            assert_never(never)


def _http(step: HttpStep) -> Iterator[str]:
    yield {
        Effect.READ: "It only reads.",
        Effect.IDEMPOTENT: "Sending it twice does no more than sending it once.",
        Effect.KEYED: "The server knows it by its key: sending it twice does no more.",
        Effect.ONCE: "It must never be sent twice.",
    }[step.effect]
    yield f"Done when the answer has {expected(step.expect)}."
    if step.retry is not None:
        yield f"Sent {step.retry.attempts} times at most, after {', '.join(step.retry.on)}."
    if step.readback is not None:
        yield f"To see whether it happened: {_request(step.readback.request)} gives {expected(step.readback.expect)}."
    if step.undo is not None:
        yield f"Undone by: {_request(step.undo.request)}."


def expected(expect: Expect) -> str:
    parts = [f"status {' or '.join(str(status) for status in expect.status)}"] if expect.status else ["a status from 200 to 299"]
    for value in expect.json_values:
        if value.exists is not None:
            parts.append(f"{value.path} in it" if value.exists else f"no {value.path} in it")
        elif value.one_of:
            parts.append(f"{value.path} = {' or '.join(_json(each) for each in value.one_of)}")
        else:
            parts.append(f"{value.path} = {_json(value.equals)}")
    parts += [f'"{text}" in it' for text in expect.text]
    return ", ".join(parts)


def _request(request: Request | Reading) -> str:
    query = "?" + "&".join(f"{name}={value}" for name, value in request.query.items()) if request.query else ""
    body = f" {_json(request.json_body)}" if isinstance(request, Request) and request.json_body is not None else ""
    return f"{request.method} {request.path}{query}{body}"


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Decimal, which JSON's encoder does not know."""
    return float(value)
