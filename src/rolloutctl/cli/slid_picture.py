"""Quiet stretches at a glance: a row per day, a mark per stretch. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date

from rolloutctl.engine.once.sliding import Slid
from rolloutctl.model.verdict import PhaseState

READY, HELD, BREACH, NEITHER = "●", "◐", "✗", "·"
_FEWEST = 4


def mark(slid: Slid) -> str:
    found = slid.found
    if found.first_breach is not None:
        return BREACH
    if found.first_ready_after_s is not None:
        return READY
    return HELD if found.holds or found.final is PhaseState.HOLD else NEITHER


def picture(quiet: Sequence[Slid]) -> list[str]:
    """Nothing for a few stretches: the table says it all."""
    if len(quiet) < _FEWEST:
        return []
    days: dict[date, list[str]] = {}
    for each in quiet:
        days.setdefault(each.stretch.start.astimezone(UTC).date(), []).append(mark(each))
    rows = [f"  {day:%a %Y-%m-%d}  {' '.join(marks)}" for day, marks in days.items()]
    return [*rows, f"  {READY} ready   {HELD} held   {NEITHER} neither   {BREACH} breach"]
