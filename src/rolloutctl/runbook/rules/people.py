"""RC722, RC723, RC724, RC726: what a rollback at night, or a rehearsal, would trip over."""

from __future__ import annotations

from collections.abc import Iterator

from rolloutctl.findings import Finding
from rolloutctl.model.run_words import Section
from rolloutctl.runbook.fields import ConfirmKind
from rolloutctl.runbook.findings import RULES
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.steps import HttpStep, ManualStep, NotifyStep


def people(runbook: Runbook) -> Iterator[Finding]:
    for key, section, step in runbook.placed():
        if step.confirm.kind is ConfirmKind.SECOND_PERSON:
            yield RULES["RC722"].at(
                (*key, "confirm"),
                f'Step "{step.id}" waits for a second person; a rollout\'s rollback may not.',
                "Use another `confirm` where a plan names this runbook: such a plan is refused.",
            )
        if isinstance(step, HttpStep) and step.has_effect and step.undo is None:
            yield RULES["RC723"].at(
                key, f'Step "{step.id}" has an effect and no `undo`: a rehearsal cannot clean up after it.', "Add an `undo`."
            )
        if isinstance(step, ManualStep) and step.critical and section is Section.STEPS:
            yield RULES["RC724"].at(
                key,
                f'Step "{step.id}" needs a person; when nobody answers, people are paged and the next critical step follows.',
                "Put steps that need nobody before it.",
            )
    if runbook.recovers and not any(isinstance(step, (ManualStep, NotifyStep)) for step in runbook.after.not_recovered):
        yield RULES["RC726"].at(
            ("after",), "Where it does not recover, nobody is told.", "Add [[after.not_recovered]] with a notify or manual step."
        )
