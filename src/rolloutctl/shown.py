"""Values from files and servers as a sentence may repeat them: short, on one line, without control characters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal

_LONGEST_SHOWN = 60
_LONGEST_SENTENCE = 600


def printable(text: str, longest: int = _LONGEST_SENTENCE) -> str:
    """One line without control characters, so that a file cannot steer the terminal that shows what is wrong with it."""
    clean = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text[: longest + 1])
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def shown(value: object) -> str:
    """A value as the file has it, short."""
    match value:
        case bool():
            text = "true" if value else "false"
        case str():
            text = f'"{value if len(value) <= _LONGEST_SHOWN else value[: _LONGEST_SHOWN - 1] + "…"}"'
        case int() if value.bit_length() > _LONGEST_SHOWN * 3:
            text = "a very long number"
        case int() | float() | Decimal() | date() | time():
            text = str(value)
        case list() | tuple():
            text = "a list"
        case Mapping():
            text = "a table"
        case _:
            text = "that"
    return printable(text, _LONGEST_SHOWN + 2)
