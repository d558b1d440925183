"""Lines for a terminal of a given width: broken between words, what stands in backticks kept whole. Pure."""

from __future__ import annotations

import re

NARROWEST = 20
_PIECE = re.compile(r"`[^`\n]*`\S*|\S+")
_INDENT = re.compile(r" *")


def folded(text: str, cells: int) -> str:
    """Every line of `text` at most `cells` wide where its words allow it; what follows keeps the line's indent."""
    room = max(NARROWEST, cells)
    return "\n".join(one for line in text.split("\n") for one in _line(line, room))


def _line(text: str, room: int) -> list[str]:
    if len(text) <= room:
        return [text]
    indent = (_INDENT.match(text) or [""])[0]
    lines: list[str] = []
    current = ""
    for word in _PIECE.findall(text):
        longer = f"{current} {word}" if current else f"{indent}{word}"
        if current and len(longer) > room:
            lines.append(current)
            longer = f"{indent}{word}"
        current = longer
    # A prompt ends with a space that the answer stands behind.
    return [*lines, current + text[len(text.rstrip()) :]]
