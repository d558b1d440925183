"""The journal's file: what may stand at its path, how it is created, who may read it.

Invariants: never opens an existing database file except through SQLite (closing another descriptor would drop the locks
of this process). A new journal appears whole or not at all, so an empty file is always a damaged one.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from rolloutctl.errors import JournalUnreachable
from rolloutctl.journal import schema, trouble

_BESIDE = ("-wal", "-shm")


def connect(path: Path, options: str, busy_s: float) -> sqlite3.Connection:
    """A connection without implicit transactions. `options` are those of a SQLite URI. Raises sqlite3.Error."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True, timeout=busy_s, isolation_level=None)
    try:
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "foreign_keys = ON"):
            db.execute(f"PRAGMA {pragma}")
    except BaseException:
        db.close()
        raise
    return db


def exists(path: Path) -> bool:
    """Whether a regular file stands there. Raises JournalUnreachable for anything else, a symbolic link included."""
    for part in (path, *(path.with_name(path.name + end) for end in _BESIDE)):
        what = _kind(part)
        if what not in {"", "file"}:
            raise JournalUnreachable(
                f"{part} is {what}, where the journal should be a plain file; it was not touched.",
                remedy="Move it away, or point `journal` in the config at the file itself.",
            )
    return bool(_kind(path))


def check_writable(path: Path) -> None:
    """Raises JournalUnreachable: SQLite would open such a file, and refuse only at the first event."""
    folder = os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True)
    if not (folder and os.access(path, os.W_OK, effective_ids=True)):
        raise trouble.read_only(path)


def create(path: Path, mode: int) -> None:
    """Put a new, empty journal at `path` unless another process is quicker. Raises JournalUnreachable."""
    with trouble.plainly(path):
        try:
            _make_folder(path.parent, 0o700 | _searchable(mode))
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
            os.close(handle)
            fresh = Path(name)
            try:
                with closing(connect(fresh, "mode=rw", 3.0)) as db:
                    schema.create(db)
                fresh.chmod(mode)
                with suppress(FileExistsError):
                    os.link(fresh, path)
            finally:
                for part in (fresh, *(fresh.with_name(fresh.name + end) for end in _BESIDE)):
                    part.unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as error:
            raise JournalUnreachable(
                f"a journal cannot be created at {path}: {error.strerror or error}.",
                remedy="Point `journal` in the config at a file on a local disk that this user may write to."
                f" {trouble.STILL_SAFE}",
            ) from error


def set_mode(path: Path, mode: int) -> None:
    """The config decides who may read; a file that belongs to somebody else is left as it is."""
    for part in (path, *(path.with_name(path.name + end) for end in _BESIDE)):
        with suppress(FileNotFoundError, PermissionError):
            found = part.lstat()
            if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != mode:
                part.chmod(mode)


def identity(path: Path) -> tuple[int, int] | None:
    """Tells a file from another one put in its place; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def sync_folder(folder: Path) -> None:
    """Make a new or renamed entry durable. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _kind(path: Path) -> str:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise JournalUnreachable(
            f"the journal {path} cannot be reached: {error.strerror}.", remedy=f"Look at its folder. {trouble.STILL_SAFE}"
        ) from error
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a folder" if stat.S_ISDIR(mode) else "a device, socket or pipe"


def _make_folder(folder: Path, mode: int) -> None:
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(mode=mode, exist_ok=True)


def _searchable(mode: int) -> int:
    """Folder bits for the readers a shared file's mode lets in."""
    readers = mode & 0o066
    return readers | (readers & 0o044) >> 2
