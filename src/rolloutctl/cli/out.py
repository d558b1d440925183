"""Writing for people and scripts: data to stdout, talk to stderr, nothing that could steer a terminal.

Invariants: control characters of foreign text never arrive; a reader that went away ends the program quietly (141, as its
shell would say); colour only on a terminal and without NO_COLOR.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TextIO

from rolloutctl.cli.folding import folded
from rolloutctl.engine.cards.plain import plain

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
    """A sentence for the person at the terminal, broken between words where it is wider than that."""
    _write(sys.stderr, fitted(clean(text)))


def say_command(line: str) -> None:
    """A command to copy: never broken."""
    _write(sys.stderr, f"  {clean(line)}")


def fitted(text: str) -> str:
    """As wide as the terminal that stderr is; unchanged where it is none."""
    cells = _cells(sys.stderr)
    return folded(text, cells) if cells else text


def _cells(stream: TextIO | None) -> int:
    """0: it is no terminal, or does not say how wide it is."""
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream is not None and stream.isatty() else 0
    except (OSError, ValueError):
        return 0


def complain(text: str) -> None:
    """What went wrong, for the person at the terminal; further lines are indented, so that they are seen to belong to it."""
    say("rolloutctl: " + text.replace("\n", "\n  "))


def paint(text: str, ink: str) -> str:
    """`ink`: red, green, yellow, dim or bold; cleans the text."""
    return f"\x1b[{_INKS[ink]}m{clean(text)}\x1b[0m" if _coloured() else clean(text)


def _coloured() -> bool:
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def settle() -> None:
    """Write out what is buffered; what cannot be written any more is dropped here, or the interpreter would complain of it."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            _to_nowhere(stream)


def hang_up() -> None:
    """Whoever read our output has left: no more output, no complaint at exit."""
    for stream in (sys.stdout, sys.stderr):
        _to_nowhere(stream)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        # Started with it closed: nobody wants to read this.
        return
    try:
        try:
            stream.write(f"{text}\n")
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(f"{text.encode(encoding, 'replace').decode(encoding)}\n")
        stream.flush()
    except BrokenPipeError:
        hang_up()
        sys.exit(_PIPE_GONE)


def _to_nowhere(stream: TextIO | None) -> None:
    try:
        if stream is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    except (OSError, ValueError):
        return
