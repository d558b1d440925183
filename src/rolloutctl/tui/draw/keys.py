"""Key hints at the foot, the help page, and the command log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rolloutctl.engine.view.snapshot import CommandLogLine
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span, spread, width, wrap
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
    also: tuple[str, ...] = ()
    """Other keys that do the same."""
    name: str = ""
    """The binding's id, by which `[ui.keys]` gives it another key; empty: it stays as it is."""


def hints(keys: Sequence[Key], cells: int, ask: str = "?") -> Line:
    """As many hints as fit, in order; the key that asks for help always stays, at the end."""
    last = line(" ", span(ask, Ink.KEY), " help")
    shown: Line = EMPTY
    for key in keys:
        inks = (Ink.KEY, Ink.PLAIN) if key.enabled else (Ink.DIM, Ink.DIM)
        hint = line(" ", span(key.key, inks[0]), span(f" {key.label} ", inks[1]))
        if width(shown) + width(hint) + width(last) > cells:
            break
        shown = (*shown, *hint)
    return (*shown, *last)


def help_page(keys: Sequence[Key], cells: int) -> tuple[Line, ...]:
    lines: list[Line] = []
    group = None
    room = max((len(_all_keys(key)) for key in keys), default=0) + 2
    for key in keys:
        if key.group != group:
            group = key.group
            lines += [EMPTY, line(span(group, Ink.STRONG))] if lines else [line(span(group, Ink.STRONG))]
        text = key.tells or key.label
        if not key.enabled:
            text = f"{text} (not now: {key.why_not or 'not possible here'})"
        first = line(span(f"  {_all_keys(key):<{room}}", Ink.KEY if key.enabled else Ink.DIM))
        drawn = wrap(text, cells, Ink.PLAIN if key.enabled else Ink.DIM, first=first, indent=room + 2)
        lines += drawn
        if key.name:
            # Beside the text, or under it where there is no room.
            last = lines.pop() if width(drawn[-1]) + len(key.name) + 4 <= cells else EMPTY
            lines.append(spread(last, line(span(key.name, Ink.DIM)), cells - 1))
    return tuple(lines)


def _all_keys(key: Key) -> str:
    return " ".join((key.key, *key.also))


def conventions(keys: Mapping[str, str]) -> tuple[str, ...]:
    """`keys`: key of every binding, by id."""
    return (
        "Lower case looks; upper case or the palette changes something.",
        "Nothing changes on enter, space, ctrl+letter or a doubled key; esc never acts.",
        f"{keys['dialog.confirm']} (or a click) confirms a dialog that changes something; the key that opened it never does.",
        f"{keys['app.rollback']} opens the rollback from everywhere; in a text that has begun it is a letter: esc first.",
        "The names on the right are for [ui.keys] in the config, which gives a binding another key.",
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
