"""The bytes of a blob: canonical JSON, with every float as text. Pure.

Unlike the journal's bodies, text stays as it came: a label's value is what the source said, in its own spelling.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, TypeVar

from rolloutctl.errors import JournalCorrupt

T = TypeVar("T")


def encoded(document: Mapping[str, Any]) -> bytes:
    """Sorted keys, no spaces, ASCII. Raises ValueError for a float that is no number."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest_of(content: bytes) -> str:
    """The name a blob is stored under."""
    return sha256(content).hexdigest()


def decoded(content: bytes, form: str, version: int, read: Callable[[Mapping[str, Any]], T]) -> T:
    """Raises JournalCorrupt for what is not of this form and version, or cannot be read."""
    try:
        document = json.loads(content)
        if not isinstance(document, dict) or document.get("format") != form:
            raise JournalCorrupt(f"a blob that should be a {form} is something else.", remedy="Run `rolloutctl journal verify`.")
        if document.get("v") != version:
            raise JournalCorrupt(
                f"a {form} has version {document.get('v')!r}; this rolloutctl reads version {version}.",
                remedy="Use the rolloutctl that wrote it, or a newer one.",
            )
        return read(document)
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, AttributeError, RecursionError) as error:
        raise JournalCorrupt(
            f"a {form} cannot be read: {type(error).__name__}: {error}.", remedy="Run `rolloutctl journal verify`."
        ) from error
