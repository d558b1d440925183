"""Inked text: spans with a meaning instead of a colour, so that layout is pure and themes stay in one place.

Invariant: no span holds a control character, an escape sequence or a character that reorders text, whoever wrote it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size


class Ink(StrEnum):
    """What a piece of text means; `palette.py` gives each a style per theme."""

    PLAIN = "plain"
    DIM = "dim"
    STRONG = "strong"
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    WAIT = "wait"
    ACCENT = "accent"
    KEY = "key"
    ALARM = "alarm"
    """Loud: something is wrong and somebody must act."""
    CAUTION = "caution"
    """Loud: things are not as they look."""
    CANARY = "canary"
    BASELINE = "baseline"
    BOUND = "bound"


class Span(NamedTuple):
    text: str
    ink: Ink = Ink.PLAIN


Line = tuple[Span, ...]
_WORTH_IT = 16
"""With fewer cells left on the first line a text begins on the second."""
EMPTY: Line = ()

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])|\x9b[0-?]*[ -/]*[@-~]")
_SPACES = re.compile(r"[\t\n\r\v\f\x85\u2028\u2029]+")
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")


def clean(text: str) -> str:
    """A foreign string as one harmless line."""
    return _INVISIBLE.sub("", _SPACES.sub(" ", _ESCAPES.sub("", text)))


def span(text: str, ink: Ink = Ink.PLAIN) -> Span:
    return Span(clean(text), ink)


def line(*parts: str | Span) -> Line:
    """Strings are cleaned and plain."""
    return tuple(part if isinstance(part, Span) else span(part) for part in parts if part)


def plain(drawn: Line) -> str:
    return "".join(part.text for part in drawn)


def page(lines: Iterable[Line]) -> str:
    """Lines as they are copied and compared: without trailing blanks."""
    return "\n".join(plain(drawn).rstrip() for drawn in lines)


def width(drawn: Line) -> int:
    """In terminal cells."""
    return sum(cell_len(part.text) for part in drawn)


def clip(drawn: Line, cells: int) -> Line:
    """At most `cells` wide; what was cut shows as `…`."""
    if width(drawn) <= cells:
        return drawn
    kept: list[Span] = []
    room = max(0, cells - 1)
    for part in drawn:
        size = cell_len(part.text)
        if size > room:
            kept += [Span(set_cell_size(part.text, room).rstrip(), part.ink), Span("…", Ink.DIM)]
            break
        kept.append(part)
        room -= size
    return tuple(part for part in kept if part.text) if cells > 0 else EMPTY


def spread(left: Line, right: Line, cells: int) -> Line:
    """`left` at the left edge, `right` at the right one; the left part gives way."""
    room = cells - width(right)
    if room < 2:
        return clip((*left, Span("  "), *right), cells)
    shown = clip(left, room - 1)
    return (*shown, Span(" " * (room - width(shown))), *right)


def wrap(text: str, cells: int, ink: Ink = Ink.PLAIN, *, first: Line = EMPTY, indent: int = 0) -> tuple[Line, ...]:
    """A sentence over as many lines as it needs: after `first`, later lines indented; long words are cut."""
    start, text = width(first), clean(text)
    lines = (_wrapped if cell_len(text) == len(text) else _wrapped_wide)(_HELD * start, text, max(8, cells), " " * indent)
    if not lines:
        return (first,) if first else ()
    head: Line = (*first, Span(lines[0].lstrip(_HELD), ink))
    return (head, *((Span(later, ink),) for later in lines[1:]))


_HELD = "\ue000"
"""Keeps the place of what stands before the text: one cell, no space to break at, and nothing that `clean` lets through."""


def _wrapped(start: str, text: str, cells: int, indent: str) -> list[str]:
    return textwrap.wrap(start + text, width=cells, subsequent_indent=indent, break_long_words=True, break_on_hyphens=False)


def _wrapped_wide(start: str, text: str, cells: int, indent: str) -> list[str]:
    """The same for text with characters of two cells or none, which `textwrap` counts as one."""
    lines: list[str] = []
    current, begun = start, False
    for word in text.split():
        spaced = f" {word}" if begun else word
        if cell_len(current + spaced) <= cells:
            current += spaced
        else:
            if begun:
                lines.append(current)
                current = indent
            for char in word:
                if cell_len(current + char) > cells:
                    lines.append(current)
                    current = indent
                current += char
        begun = True
    return [*lines, current] if begun or start else []


def headline(first: Line, text: str, cells: int, ink: Ink = Ink.PLAIN) -> tuple[Line, ...]:
    """`text` after `first`, on a second line as well if it needs one, cut only after that."""
    if width(first) > cells - _WORTH_IT:
        lines = (clip(first, cells), *wrap(text, cells, ink, first=(Span("  "),), indent=2)) if text else (clip(first, cells),)
    else:
        lines = wrap(text, cells, ink, first=first, indent=2)
    if len(lines) <= 2:
        return lines
    return (lines[0], (*clip(lines[1], cells - 1), Span("…", Ink.DIM)))


def join(parts: Sequence[Line], between: str = "   ") -> Line:
    """Non-empty parts in one line."""
    joined: list[Span] = []
    for part in parts:
        if not part:
            continue
        if joined:
            joined.append(Span(between))
        joined.extend(part)
    return tuple(joined)


def pack(parts: Sequence[Line], cells: int, between: str = "   ") -> tuple[Line, ...]:
    """Parts side by side, on as many lines as they need; a part is never broken, only clipped."""
    lines: list[Line] = []
    for part in parts:
        if not part:
            continue
        if lines and width(lines[-1]) + cell_len(between) + width(part) <= cells:
            lines[-1] = (*lines[-1], Span(between), *part)
        else:
            lines.append(clip(part, cells))
    return tuple(lines)
