"""The first look: every rollout as its card has it, on the terminal before the libraries of the screen are loaded.

Loads neither Textual nor pydantic. Where there is nothing quick to show, nothing is shown: whoever waits sees their shell for a
moment longer. Invariants: it shows only what the journal says at this moment, and says that nothing has been asked yet; whatever
ends the loading, the terminal is as it was; keys that are typed meanwhile are kept for the screen.
"""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from unicodedata import combining, east_asian_width

from rolloutctl.engine.cards.card import Card, holder
from rolloutctl.engine.cards.glance import Glance, Seen
from rolloutctl.engine.view.snapshot import Driving
from rolloutctl.model.state import WORST_FIRST

SMALLEST = (60, 16)
_CANNOT = frozenset({"", "dumb", "unknown"})
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J", "\x1b[?25h\x1b[?1049l"
_SGR = {"red": "1;31", "green": "32", "yellow": "33", "dim": "2", "bold": "1", "head": "7"}
_INKS = {"red": 0, "yellow": 1}


def picture(glance: Glance, now: datetime, columns: int, rows: int) -> list[tuple[str, str]]:
    """Lines as (text, ink), none wider than `columns`, at most `rows`; pure."""
    shown = sorted(glance.rollouts, key=rank)
    room = rows - 4
    listed = shown if len(shown) <= room else shown[: room - 1]
    told = [_told(each, now) for each in listed]
    widths = [max((_width(row[part]) for row in told), default=0) for part in range(2)]
    lines = [(_padded(f" rolloutctl   {len(shown)} rollouts   journal: event {glance.head[0]}", columns), "head"), ("", "")]
    for each, (name, place, state) in zip(listed, told, strict=True):
        glyph, ink = (each.card.glyph, each.card.ink) if each.card is not None else ("…", "dim")
        text = f" {glyph} {_padded(name, widths[0])}  {_padded(place, min(widths[1], columns // 3))}  {state}"
        lines.append((_clipped(text, columns), ink if ink in {"red", "yellow", "dim"} else ""))
    if len(listed) < len(shown):
        lines.append((f"   and {len(shown) - len(listed)} more", "dim"))
    lines += [("", "")] * (rows - 1 - len(lines))
    foot = " From the journal; flags and metrics are being read. Keys that you press now are heard in a moment."
    return [*lines, (_clipped(foot, columns), "dim")]


def rank(seen: Seen) -> tuple[int, int, str]:
    if seen.card is None:
        return 0, 0, seen.rollout
    return WORST_FIRST.index(seen.card.status), _INKS.get(seen.card.ink, len(_INKS)), seen.rollout


def _told(seen: Seen, now: datetime) -> tuple[str, str, str]:
    card = seen.card
    if card is None:
        return seen.rollout, "", "reading …"
    said = "; ".join(filter(None, [_unattended(card, seen, now), card.condition(now), card.criteria]))
    return _clean(seen.rollout), _clean(card.where), _clean(said)


def _unattended(card: Card, seen: Seen, now: datetime) -> str:
    nobody = card.driving(seen.lease, now) is Driving.UNATTENDED and not holder(seen.lease)
    return "UNATTENDED" if nobody else ""


@contextmanager
def first_look(look: Callable[[], Glance | None], now: Callable[[], datetime]) -> Iterator[Callable[[], None]]:
    """Paint while the block loads what comes next; call what it yields just before the screen takes the terminal over."""
    size = _size()
    glance = look() if size is not None else None
    if size is None or glance is None or not glance.rollouts:
        yield lambda: None
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    taken_over = False

    def hand_over() -> None:
        nonlocal taken_over
        taken_over = True
        _set(keyboard, before)

    try:
        _quiet(keyboard)
        _paint(picture(glance, now(), *size))
        yield hand_over
    finally:
        if not taken_over:
            _set(keyboard, before)
            _write(_LEAVE)


def _size() -> tuple[int, int] | None:
    """None: a terminal on which nothing is to be painted now."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not all(stream is not None and stream.isatty() for stream in streams) or os.environ.get("TERM", "").lower() in _CANNOT:
        return None
    if not (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf"):
        return None
    try:
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return None
    return (columns, rows) if columns >= SMALLEST[0] and rows >= SMALLEST[1] else None


def _paint(lines: Sequence[tuple[str, str]]) -> None:
    coloured = "NO_COLOR" not in os.environ
    drawn = [_inked(text, ink if coloured or ink in {"head", "bold"} else "") for text, ink in lines]
    _write(_ENTER + "\r\n".join(drawn))


def _inked(text: str, ink: str) -> str:
    return f"\x1b[{_SGR[ink]}m{text}\x1b[0m" if ink else text


def _write(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stdout.write(text)
        sys.stdout.flush()


def _quiet(keyboard: int) -> None:
    """What is typed is not echoed into the picture; Ctrl+C still ends the program."""
    with suppress(termios.error, OSError):
        changed = termios.tcgetattr(keyboard)
        changed[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(keyboard, termios.TCSANOW, changed)


def _set(keyboard: int, attributes: list[int | list[bytes | int]]) -> None:
    with suppress(termios.error, OSError):
        termios.tcsetattr(keyboard, termios.TCSANOW, attributes)


def _clean(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _width(text: str) -> int:
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _clipped(text: str, cells: int) -> str:
    if _width(text) <= cells:
        return text
    kept, room = "", cells - 1
    for char in text:
        room -= _width(char)
        if room < 0:
            break
        kept += char
    return kept + "…"


def _padded(text: str, cells: int) -> str:
    text = _clipped(text, cells)
    return text + " " * (cells - _width(text))
