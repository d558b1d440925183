"""Where a rollback's events go while the journal cannot be written, and how they come back into the chain.

The file holds one JSON object a line. Invariants: a line is on the disk when `write` returns; nobody waits for the journal
to write here; a line is in the file, in a file beside it, or in the chain, never nowhere; the same bytes are journalled once.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from rolloutctl.errors import JournalUnreachable
from rolloutctl.journal.files import sync_folder
from rolloutctl.model.events import Event, JournalRecovered
from rolloutctl.model.kinds import JOURNAL_STREAM, Kind
from rolloutctl.ports import Author, Journal
from rolloutctl.units import show_time

_PATIENCE = 30
"""Tries for the lock, 10 ms apart."""


class FallbackFile:
    """Appends to `path`; the file comes into being, mode 0600, with its first line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, kind: Kind, body_json: str, at: datetime, actor: str, host: str, *, stream: str = "") -> None:
        """Keep one event, durably. `at` in UTC, `body_json` as `model.events.body_json` gives it. Raises JournalUnreachable."""
        event = {
            "at": show_time(at),
            "actor": actor,
            "host": host,
            "stream": stream,
            "kind": kind.value,
            "body": body_json,
            "v": 1,
        }
        # ASCII, so that whatever a name or reason holds can be written; the body stays the exact text that would be hashed.
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        try:
            with _opened(self.path) as handle:
                _append(handle, line)
            sync_folder(self.path.parent)
        except OSError as error:
            raise JournalUnreachable(
                f"not even the fallback file {self.path} can be written: {error.strerror or error}.",
                remedy="What is being done goes on, but no file records it: write down what you see.",
            ) from error


def recover(journal: Journal, path: Path, author: Author) -> Event | None:
    """Take the fallback file into the chain as one `journal.recovered` event, then rename it to `*.recovered`.

    None when there was nothing to take in, when its bytes are in the chain already, or when another process is at it. A
    crash at any point is made good by the next call. Raises JournalUnreachable.
    """
    staged = path.with_name(path.name + ".recovering")
    event: Event | None = None
    try:
        with _alone(path.parent) as alone:
            if alone:
                # A file that an earlier call left behind goes first, so that the next one finds its name free.
                while staged.exists() or _claim(path, staged):
                    event = _take_in(journal, path, staged, author) or event
    except OSError as error:
        raise JournalUnreachable(
            f"the fallback file {path} cannot be taken into the journal: {error.strerror or error}.",
            remedy="It is kept; look at the rights of the file and its folder.",
        ) from error
    return event


def _take_in(journal: Journal, path: Path, staged: Path, author: Author) -> Event | None:
    content = staged.read_bytes()
    digest = sha256(content).hexdigest()
    event = None
    lines = sum(1 for line in content.splitlines() if line.strip())
    if lines and not _journalled(journal, digest):
        blob = journal.put_blob(content)
        event = journal.append(JOURNAL_STREAM, JournalRecovered(file_digest=digest, blob=blob, lines=lines), author)
    staged.rename(path.with_name(f"{path.name}.{digest[:12]}.recovered"))
    sync_folder(path.parent)
    return event


def _journalled(journal: Journal, digest: str) -> bool:
    bodies = (event.body for event in journal.read(JOURNAL_STREAM))
    return any(isinstance(body, JournalRecovered) and body.file_digest == digest for body in bodies)


def _claim(path: Path, staged: Path) -> bool:
    """Rename under the writers' lock: whoever writes next starts a new file."""
    if not path.exists():
        return False
    with _opened(path):
        path.rename(staged)
    sync_folder(path.parent)
    return True


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file, locked for one line or one rename.

    A process that was stopped with the lock in hand must not hold up a rollback: after `_PATIENCE` it goes on without. A line
    written then is whole all the same (one append), and at worst ends in the renamed file only.
    """
    while True:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "it is not a plain file")
            _lock(handle)
            if _still(path, handle):
                yield handle
                return
        finally:
            os.close(handle)


def _lock(handle: int) -> None:
    for _ in range(_PATIENCE):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return


def _still(path: Path, handle: int) -> bool:
    """Whether the open file is the one at `path`: it may have been claimed while we waited for the lock."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.lstat(), os.fstat(handle))
    return False


def _append(handle: int, line: bytes) -> None:
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        line = b"\n" + line
    try:
        if os.write(handle, line) != len(line):
            raise OSError("the disk is full")
        os.fsync(handle)
    except OSError:
        with suppress(OSError):
            os.ftruncate(handle, size)
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Only one process recovers at a time; the others leave it to that one."""
    if not folder.is_dir():
        yield False
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
