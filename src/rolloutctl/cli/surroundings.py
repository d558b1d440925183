"""The terminal as the program finds it: size, colours, characters. Pure but for the one look at the standard streams."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

_SMALLEST = (60, 16)
_PLAIN = frozenset({"", "dumb", "unknown"})


@dataclass(frozen=True, slots=True)
class Terminal:
    columns: int
    """0: the output is no terminal."""
    rows: int
    term: str
    """The variable TERM; empty: not set."""
    colours: int
    """How many can be told apart; 0: none, 16777216: true colour."""
    colours_why: str
    encoding: str

    @property
    def there(self) -> bool:
        return self.columns > 0

    @property
    def shows_screen(self) -> bool:
        return self.there and self.term not in _PLAIN and (self.columns, self.rows) >= _SMALLEST and self.rows >= _SMALLEST[1]

    @property
    def unicode(self) -> bool:
        return self.encoding.lower().replace("-", "").startswith("utf")


def terminal_here(environ: Mapping[str, str]) -> Terminal:
    columns, rows = _size()
    term = environ.get("TERM", "")
    colours, why = colours_of(environ)
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").upper()
    return Terminal(columns, rows, term, colours, why, encoding)


def colours_of(environ: Mapping[str, str]) -> tuple[int, str]:
    """(how many, which variable says so)."""
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR"):
        return 0, "NO_COLOR is set"
    if term in _PLAIN:
        return 0, f"TERM is {term or 'not set'}"
    if environ.get("COLORTERM", "").lower() in {"truecolor", "24bit"}:
        return 1 << 24, f"COLORTERM is {environ['COLORTERM']}"
    if "256color" in term or term.endswith("-direct"):
        return 256, f"TERM is {term}"
    return 16, f"TERM is {term}"


def _size() -> tuple[int, int]:
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        return 0, 0
    return size.columns, size.lines
