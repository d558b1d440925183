"""A message as lines of plain text, before a channel escapes them for where they land.

Invariants: no control or formatting character is left, so that nothing can hide or turn around what follows; every line and
the whole are bounded, because services cut or refuse what is longer; a cut is visible.
"""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.model.message import Message
from rolloutctl.wire.text import clean

MOST_TITLE = 200
MOST_LINE = 500
MOST_LINES = 30
MOST_TEXT = 3000
"""Characters of all lines together: what the narrowest service shows in one piece."""
MOST_FACTS = 16
MOST_FACT = 120
"""With the text, in whatever script, within the 28 KB that Microsoft Teams takes."""


def title_of(message: Message) -> str:
    return clean(message.title, most=MOST_TITLE) or "(no title)"


def text_lines(message: Message) -> list[str]:
    """The text alone; empty lines between others are kept."""
    lines = [clean(line, most=MOST_LINE) for line in message.text.strip().splitlines()]
    return bounded(lines)


def fact_lines(message: Message) -> list[str]:
    return [f"{name}: {value}" for name, value in facts_of(message)]


def facts_of(message: Message) -> list[tuple[str, str]]:
    return [(clean(name, most=60), clean(value, most=MOST_FACT)) for name, value in message.facts[:MOST_FACTS]]


def bounded(lines: Sequence[str]) -> list[str]:
    """As many of the first lines as fit; `…` where something is missing."""
    kept: list[str] = []
    room = MOST_TEXT
    for line in lines[:MOST_LINES]:
        room -= len(line) + 1
        if room < 0:
            return [*kept, "…"]
        kept.append(line)
    return kept if len(lines) <= MOST_LINES else [*kept, "…"]
