"""Content-addressed blobs: compressed at rest, checked against their digest whenever they are read."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from rolloutctl.errors import JournalCorrupt


def digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def has(db: sqlite3.Connection, digest: str) -> bool:
    return db.execute("SELECT 1 FROM blobs WHERE digest = ?", (digest,)).fetchone() is not None


@dataclass(frozen=True, slots=True)
class Ready:
    """As it will be stored: compressed before a transaction begins, so that nobody waits for that."""

    digest: str
    size: int
    packed: bytes


def ready(content: bytes) -> Ready:
    return Ready(digest_of(content), len(content), zlib.compress(content))


def keep(db: sqlite3.Connection, blob: Ready) -> None:
    """Inside the caller's transaction; nothing happens where it is stored already."""
    if not has(db, blob.digest):
        db.execute("INSERT INTO blobs (digest, size, content) VALUES (?, ?, ?)", (blob.digest, blob.size, blob.packed))


def load(db: sqlite3.Connection, digest: str) -> bytes:
    """Raises JournalCorrupt when it is missing or does not match its digest."""
    row = db.execute("SELECT size, content FROM blobs WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        raise not_there(digest)
    content = unpack(*row)
    if content is None or digest_of(content) != digest:
        raise not_its_digest(digest)
    return content


def not_there(digest: str) -> JournalCorrupt:
    return JournalCorrupt(f"the journal has no blob {digest}.", remedy="Run `rolloutctl journal verify`.")


def not_its_digest(digest: str) -> JournalCorrupt:
    return JournalCorrupt(
        f"the blob {digest} does not match its digest: it was changed or damaged.", remedy="Run `rolloutctl journal verify`."
    )


def unpack(size: object, packed: object) -> bytes | None:
    """The content, never more than one byte over `size`; None when these are not the bytes that were stored."""
    if type(size) is not int or size < 0 or not isinstance(packed, bytes):
        return None
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(packed, size + 1)
    except (zlib.error, MemoryError, OverflowError):
        return None
    return content if len(content) == size and reader.eof and not reader.unused_data else None


def damaged(db: sqlite3.Connection) -> Iterator[str]:
    """Digests of stored blobs whose content is not theirs."""
    for digest, size, packed in db.execute("SELECT digest, size, content FROM blobs"):
        content = unpack(size, packed)
        if content is None or digest_of(content) != digest:
            yield str(digest)
