"""A plan file's text to a Plan, and the place in the file of everything in it.

Pure; raises PlanInvalid with every problem, each with file, line and key.
"""

from __future__ import annotations

from dataclasses import dataclass

from rolloutctl.errors import InvalidInput, PlanInvalid
from rolloutctl.not_yet import PLAN
from rolloutctl.plan.model import Plan
from rolloutctl.strict_toml import Document, composed, decode, parse, validate


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan and the document it was read from: the document knows the lines."""

    plan: Plan
    document: Document


def read_plan(text: str, file_name: str) -> Plan:
    """Raises PlanInvalid."""
    return read_plan_file(text, file_name).plan


def read_plan_file(text: str | bytes, file_name: str) -> PlanFile:
    """As `read_plan`, and keeps the lines for the linter; takes a file's bytes too. Raises PlanInvalid."""
    try:
        document = parse(text if isinstance(text, str) else decode(text, file_name), file_name)
    except InvalidInput as error:
        raise PlanInvalid((error,)) from None
    # The canonical form is in NFC; what is sealed must be what runs.
    document = composed(document)
    return PlanFile(validate(Plan, document, PlanInvalid, PLAN), document)
