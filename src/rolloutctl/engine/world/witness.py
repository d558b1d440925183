"""Witnesses of the head: "SEQ HASH", kept where the journal is not. One per line in a file that is only ever added to.

Invariants: a line is on the disk when `add` returns; nothing that stands in the file is changed. What is no line of such a file
is an error and never skipped: a witness that cannot be read would testify to nothing, silently.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rolloutctl.errors import InvalidInput, JournalUnreachable, Place
from rolloutctl.ports import Author, Witness
from rolloutctl.units import show_time

_WITNESS = re.compile(r"(\d{1,18})\s+([0-9a-fA-F]{64})", re.ASCII)
_LINE = re.compile(r"(\d{1,18}) ([0-9a-f]{64})( .*)?", re.ASCII)
_MOST_BYTES = 256 * 1024 * 1024
_TAIL = 4096


def parse_witness(text: str) -> Witness:
    """Raises InvalidInput for what is no "SEQ HASH"."""
    parsed = _WITNESS.fullmatch(text.strip())
    if parsed is None:
        raise InvalidInput("a witness is a number and 64 hex digits.", remedy='Write --witness "SEQ HASH" as it was printed.')
    return int(parsed[1]), parsed[2].lower()


def show_witness(witness: Witness) -> str:
    return f"{witness[0]} {witness[1]}"


def add_witness(path: Path, witness: Witness, at: datetime, author: Author) -> None:
    """Append one line: SEQ HASH TIME ACTOR@HOST, unless the newest one says the same.

    The file comes into being, mode 0600. Raises JournalUnreachable.
    """
    who = "".join(char if char.isprintable() and char != " " else "_" for char in f"{author.actor}@{author.host}")
    line = f"{show_witness(witness)} {show_time(at)} {who}\n".encode()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise _unwritable(path, "it is not a plain file")
            end = os.pread(handle, _TAIL, max(0, found.st_size - _TAIL))
            if end.splitlines()[-1:] and end.splitlines()[-1].startswith(f"{show_witness(witness)} ".encode()):
                return
            torn = end != b"" and not end.endswith(b"\n")
            _append(handle, b"\n" + line if torn else line, found.st_size)
            _sync_folder(path.parent)
        finally:
            os.close(handle)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def read_witnesses(path: Path) -> Sequence[Witness]:
    """Oldest first. Raises InvalidInput, naming the line, for what is no witness, and where there is no file."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except OSError as error:
        raise InvalidInput(
            f"the witnesses in {path} cannot be read: {error.strerror or error}.",
            remedy="`rolloutctl journal witness` writes the first one.",
        ) from error
    found: list[Witness] = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        parsed = _LINE.fullmatch(line.rstrip())
        if parsed is None:
            if not line.strip():
                continue
            raise InvalidInput(
                "this line is no witness: it was damaged or changed.",
                remedy="Keep the file as it is for whoever looks into it; verify with --witness and a line that is whole.",
                place=Place(str(path), number),
            )
        found.append((int(parsed[1]), parsed[2]))
    return found


def _append(handle: int, line: bytes, size: int) -> None:
    """A disk that is full must not leave half a line behind, which nobody could read."""
    try:
        if os.write(handle, line) != len(line):
            raise OSError("the disk is full")
        os.fsync(handle)
    except OSError:
        # Where somebody else has added a line meanwhile, ours stays: half a line is read as damage, theirs would be lost.
        if os.fstat(handle).st_size <= size + len(line):
            os.ftruncate(handle, size)
        raise


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file durable, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, why: str) -> JournalUnreachable:
    return JournalUnreachable(
        f"the witness file {path} cannot be written: {why}.",
        remedy="Look at the file's rights and its disk, or let `journal.witness` in the config name another one.",
    )
