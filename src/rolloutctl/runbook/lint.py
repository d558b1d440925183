"""The linter: what a well-formed runbook would not do as its author believes.

Pure: everything beyond the file comes as facts. The table of all rules is `findings.RULES`; each concern has its module under
`rules`. What can be told from one step alone (a missing `expect`, an effect that cannot be read back) is refused by the models.
"""

from __future__ import annotations

from collections.abc import Iterator

from rolloutctl.findings import Finding
from rolloutctl.runbook.facts import Known
from rolloutctl.runbook.findings import RULES
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.rules.names import names
from rolloutctl.runbook.rules.objective import objective
from rolloutctl.runbook.rules.people import people
from rolloutctl.runbook.rules.queries import queries
from rolloutctl.runbook.rules.secrets import secrets
from rolloutctl.runbook.rules.values import values


def lint(runbook: Runbook, known: Known | None) -> tuple[Finding, ...]:
    """All findings, in the order of their codes and then of the runbook. `known` None: the config was not asked."""
    found = list(_all(runbook, known))
    order = {code: place for place, code in enumerate(RULES)}
    return tuple(sorted(found, key=lambda finding: order[finding.code]))


def _all(runbook: Runbook, known: Known | None) -> Iterator[Finding]:
    yield from queries(runbook)
    yield from values(runbook)
    yield from objective(runbook)
    yield from secrets(runbook)
    yield from people(runbook)
    if known is not None:
        yield from names(runbook, known)
