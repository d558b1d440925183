"""RC701, RC702, RC725: PromQL that a check would ask."""

from __future__ import annotations

from collections.abc import Iterator

from rolloutctl.constraints import Key
from rolloutctl.findings import Finding
from rolloutctl.promql import read
from rolloutctl.runbook.findings import RULES
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.placeholders import Landing, names, render
from rolloutctl.runbook.steps import CheckStep


def queries(runbook: Runbook) -> Iterator[Finding]:
    for key, _, step in runbook.placed():
        if isinstance(step, CheckStep):
            yield from _query((*key, "promql"), step.promql, guarded=step.guard is not None)
            if step.guard is not None:
                yield from _query((*key, "guard", "promql"), step.guard.promql, guarded=False)


def _query(key: Key, text: str, *, guarded: bool) -> Iterator[Finding]:
    try:
        reading = read(render(text, dict.fromkeys(names(text), "x"), Landing.PROMQL))
    except ValueError as error:
        yield RULES["RC701"].at(key, f"This cannot be read: {str(error).rstrip('.')}.", "Try it in the source's own page first.")
        return
    if reading.unguarded_default and not guarded:
        yield RULES["RC702"].at(
            key,
            "`or vector(…)` makes missing data look like a number, so this may pass when nothing is measured.",
            "Leave it out, or add a `guard` that asks for enough traffic.",
        )
    if reading.filters:
        yield RULES["RC725"].at(
            key,
            "The comparison drops values instead of giving one: where it is not true there is no data, which never passes.",
            "Give the value here, and compare it in `pass`.",
        )
