"""RC406 to RC410: the runbook that is the way back. Silent where it was not looked for."""

from __future__ import annotations

from collections.abc import Iterator

from rolloutctl.findings import Finding
from rolloutctl.plan.facts import RunbookFact
from rolloutctl.plan.findings import RULES

_KEY = ("rollback", "runbook")


def runbook(found: RunbookFact) -> Iterator[Finding]:
    if found.trouble:
        yield RULES["RC406"].at(_KEY, _sentence(found.trouble), "Mend it, or leave `runbook` out: then the flag is turned off.")
        return
    for error in found.errors:
        yield RULES["RC407"].at(_KEY, _sentence(error), "Mend it; `rolloutctl runbook check FILE` tells all.")
    for problem in found.params:
        yield RULES["RC408"].at(
            ("rollback", "params"), _sentence(problem), "Write [rollback.params] as the runbook declares them."
        )
    for step in found.second_person:
        yield RULES["RC409"].at(
            _KEY,
            f'Its step "{step}" waits for a second person, whom a rollback may not have.',
            "Use another `confirm` in the runbook.",
        )
    if not found.proved:
        then = "no phase is entered before it is rehearsed" if found.blocks else "advancing only warns"
        yield RULES["RC410"].at(
            _KEY, f"It is {found.standing}: {then}.", "Rehearse it: `rolloutctl runbook run NAME --mode rehearse --env ENV`."
        )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
