"""The receipt at the end of a command: number and hash of the newest event, for whoever wants to hold the journal to it."""

from __future__ import annotations

from rolloutctl.cli.out import complain, say
from rolloutctl.engine.config.settings import Settings, journal_path
from rolloutctl.engine.world.witnessing import Receipt


def show_receipt(receipt: Receipt, settings: Settings) -> None:
    """Said where others could change the journal's past, or where the config asks for witnesses; `--json` has it always."""
    if receipt.trouble:
        complain(receipt.trouble)
    if receipt.text and (settings.config.journal.witness is not None or journal_path(settings) is None):
        say(f"receipt: {receipt.text}")
