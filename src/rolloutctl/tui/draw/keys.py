"""Key hints at the foot, the help page, and the command log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rolloutctl.engine.snapshot import CommandLogLine
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span, width, wrap
from rolloutctl.tui.draw.when import When


@dataclass(frozen=True, slots=True)
class Key:
    """A binding as people need it."""

    key: str
    label: str
    enabled: bool = True
    why_not: str = ""
    tells: str = ""
    """The long text of the help page."""
    group: str = ""
    hint: bool = True
    """Stands in the line at the foot."""


def hints(keys: Sequence[Key], cells: int, rows: int) -> tuple[Line, ...]:
    """As many hints as fit, in order; `? help` always stays, at the end."""
    last = line(" ", span("?", Ink.KEY), " help")
    lines: list[Line] = []
    current: Line = EMPTY
    for key in keys:
        shown = line(
            " ", span(key.key, Ink.KEY if key.enabled else Ink.DIM), span(f" {key.label} ", Ink.PLAIN if key.enabled else Ink.DIM)
        )
        reserve = width(last) if len(lines) == rows - 1 else 0
        if width(current) + width(shown) + reserve > cells:
            if len(lines) == rows - 1:
                break
            lines.append(current)
            current = EMPTY
        current = (*current, *shown)
    return (*lines, (*current, *last))


def help_page(keys: Sequence[Key], cells: int) -> tuple[Line, ...]:
    lines: list[Line] = []
    group = None
    room = max((len(key.key) for key in keys), default=0) + 2
    for key in keys:
        if key.group != group:
            group = key.group
            lines += [EMPTY, line(span(group, Ink.STRONG))] if lines else [line(span(group, Ink.STRONG))]
        text = key.tells or key.label
        if not key.enabled:
            text = f"{text} (not now: {key.why_not or 'not possible here'})"
        first = line(span(f"  {key.key:<{room}}", Ink.KEY if key.enabled else Ink.DIM))
        lines += wrap(text, cells, Ink.PLAIN if key.enabled else Ink.DIM, first=first, indent=room + 2)
    return tuple(lines)


CONVENTIONS: tuple[str, ...] = (
    "Lower case looks; upper case or the palette changes something.",
    "Nothing changes on enter, space, ctrl+letter or a doubled key; esc never acts.",
    "A dialog that changes something is confirmed with ! (or a click), never with the key that opened it.",
    "R opens the rollback from everywhere; in a text that has begun it is a letter: esc first.",
)


def command_log(lines: Sequence[CommandLogLine], when: When, cells: int) -> tuple[Line, ...]:
    """What was sent where, newest first."""
    if not lines:
        return (line(span("Nothing has been sent yet.", Ink.DIM)),)
    shown: list[Line] = []
    for sent in reversed(lines):
        took = span(f"  {sent.took_s * 1000:.0f} ms", Ink.DIM)
        shown.append(line(span(f"{when.clock(sent.at)} ", Ink.DIM), span(sent.where, Ink.ACCENT), f"  {sent.result}", took))
        shown += wrap(sent.what, cells, first=line(" " * 9), indent=11)
    return tuple(shown)
