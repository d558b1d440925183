"""A runbook file's text to a Runbook, and the place in the file of everything in it.

Pure; raises RunbookInvalid with every problem, each with file, line and key.
"""

from __future__ import annotations

from dataclasses import dataclass

from rolloutctl.errors import InvalidInput, RunbookInvalid
from rolloutctl.runbook.model import Runbook
from rolloutctl.strict_toml import Document, composed, decode, parse, validate


@dataclass(frozen=True, slots=True)
class RunbookFile:
    """A runbook, the document it was read from (which knows the lines), and its text as it was read."""

    runbook: Runbook
    document: Document
    text: str


def read_runbook(text: str | bytes, file_name: str) -> Runbook:
    """Raises RunbookInvalid."""
    return read_runbook_file(text, file_name).runbook


def read_runbook_file(text: str | bytes, file_name: str) -> RunbookFile:
    """As `read_runbook`, and keeps text and lines. Raises RunbookInvalid."""
    try:
        decoded = text if isinstance(text, str) else decode(text, file_name)
        document = parse(decoded, file_name)
    except InvalidInput as error:
        raise RunbookInvalid((error,)) from None
    # The canonical form is in NFC; what is rehearsed must be what runs.
    document = composed(document)
    return RunbookFile(validate(Runbook, document, RunbookInvalid), document, decoded)
