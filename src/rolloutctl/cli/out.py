"""Writing for people and scripts: data to stdout, talk to stderr, nothing that could steer a terminal.

Invariants: control characters of foreign text never arrive; a reader that went away ends the program quietly (141, as its
shell would say); colour only on a terminal and without NO_COLOR.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import Any, NoReturn, TextIO

_PIPE_GONE = 128 + 13
_INKS = {"red": "31", "green": "32", "yellow": "33", "dim": "2", "bold": "1"}


def clean(text: str) -> str:
    """Without control characters and invisible direction marks; line ends and tabs stay what they are for."""
    return "".join(char if char.isprintable() or char == "\n" else " " if char == "\t" else "" for char in text)


def put(text: str) -> None:
    """A line, or lines, of data."""
    _write(sys.stdout, clean(text))


def put_painted(text: str) -> None:
    """Lines that `paint` has coloured: whoever calls has cleaned what is foreign."""
    _write(sys.stdout, text)


def put_json(value: object, *, indent: int | None = None) -> None:
    """One JSON value; ASCII only, so that nothing in it is interpreted by a terminal."""
    _write(sys.stdout, json.dumps(plain(value), indent=indent, allow_nan=False))


def say(text: str) -> None:
    """A sentence for the person at the terminal."""
    _write(sys.stderr, clean(text))


def complain(text: str) -> None:
    """What went wrong, for the person at the terminal; further lines are indented, so that they are seen to belong to it."""
    say("rolloutctl: " + text.replace("\n", "\n  "))


def paint(text: str, ink: str) -> str:
    """`ink`: red, green, yellow, dim or bold; cleans the text."""
    return f"\x1b[{_INKS[ink]}m{clean(text)}\x1b[0m" if _coloured() else clean(text)


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def plain(value: object) -> Any:
    """As JSON has it: times RFC 3339 in UTC, spans in seconds, exact shares as numbers, NaN and infinities as null."""
    match value:
        case Enum():
            return value.value
        case datetime():
            from rolloutctl.units import show_time

            return show_time(value)
        case timedelta():
            return value.total_seconds()
        case Fraction():
            return value.numerator if value.denominator == 1 else float(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case _:
            return value


def _write(stream: TextIO, text: str) -> None:
    try:
        try:
            stream.write(f"{text}\n")
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(f"{text.encode(encoding, 'replace').decode(encoding)}\n")
        stream.flush()
    except BrokenPipeError:
        _gone()


def _gone() -> NoReturn:
    """Whoever read our output has left: no more output, no complaint at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError):
            continue
    sys.exit(_PIPE_GONE)
