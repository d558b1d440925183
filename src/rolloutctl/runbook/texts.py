"""Where in a runbook placeholders may stand, and what each place escapes for: one list for the linter and the runner."""

from __future__ import annotations

from collections.abc import Iterator

from rolloutctl.constraints import Key
from rolloutctl.runbook.fields import ConfirmKind
from rolloutctl.runbook.http import Expect, Readback, ReadRequest, Request
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.placeholders import Landing, names, names_in_json
from rolloutctl.runbook.steps import AlertStep, AnyStep, CheckStep, HttpStep, ManualStep, NotifyStep

Place = tuple[Key, Landing, tuple[str, ...]]
"""Key within the step, where its text lands, and the names it asks for."""


def placeholders_of(step: AnyStep) -> Iterator[Place]:
    """Every text of the step that asks for a value."""
    return (place for place in _places(step) if place[2])


def names_used(runbook: Runbook) -> frozenset[str]:
    return frozenset(name for _, _, step in runbook.placed() for _, _, asked in placeholders_of(step) for name in asked)


def _places(step: AnyStep) -> Iterator[Place]:
    yield ("title",), Landing.TEXT, names(step.title)
    if step.confirm.kind is ConfirmKind.TYPE:
        yield ("confirm",), Landing.TEXT, names(step.confirm.text)
    match step:
        case HttpStep():
            yield from _request(("request",), step.request)
            yield from _expect(("expect",), step.expect)
            yield from _readback(("readback",), step.readback)
            if step.undo is not None:
                yield from _request(("undo", "request"), step.undo.request)
                yield from _expect(("undo", "expect"), step.undo.expect)
                yield from _readback(("undo", "readback"), step.undo.readback)
        case CheckStep():
            yield ("promql",), Landing.PROMQL, names(step.promql)
            if step.guard is not None:
                yield ("guard", "promql"), Landing.PROMQL, names(step.guard.promql)
        case AlertStep():
            yield ("alert",), Landing.JSON, names(step.alert or "")
            yield ("comment",), Landing.JSON, names(step.comment)
            for label, value in step.labels.items():
                yield ("labels", label), Landing.JSON, names(value)
        case NotifyStep():
            yield ("text",), Landing.TEXT, names(step.text)
        case ManualStep():
            yield ("instructions",), Landing.TEXT, names(step.instructions)
            if step.proof is not None:
                yield ("proof", "prompt"), Landing.TEXT, names(step.proof.prompt)
        case _:
            return


def _request(key: Key, request: Request | ReadRequest) -> Iterator[Place]:
    yield (*key, "path"), Landing.URL_PATH, names(request.path)
    for table, texts in (("query", request.query), ("headers", request.headers)):
        for name, text in texts.items():
            yield (*key, table, name), Landing.HEADER, names(text)
    if isinstance(request, Request):
        yield (*key, "json"), Landing.JSON, names_in_json(request.json_body)


def _expect(key: Key, expect: Expect | None) -> Iterator[Place]:
    if expect is None:
        return
    for index, wanted in enumerate(expect.json_values):
        yield (*key, "json", index, "equals"), Landing.JSON, names_in_json(wanted.equals)
        yield (*key, "json", index, "one_of"), Landing.JSON, names_in_json(wanted.one_of)
    for index, text in enumerate(expect.text):
        yield (*key, "text", index), Landing.JSON, names(text)


def _readback(key: Key, readback: Readback | None) -> Iterator[Place]:
    if readback is not None:
        yield from _request((*key, "request"), readback.request)
        yield from _expect((*key, "expect"), readback.expect)
