"""Reading a file that a person named."""

from __future__ import annotations

from pathlib import Path

from rolloutctl.errors import InvalidInput, Place
from rolloutctl.strict_toml import MAX_BYTES


def read_bytes(path: Path) -> bytes:
    """At most one byte more than a plan may have. Raises InvalidInput with a sentence."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or "it is no path").lower()
        raise InvalidInput(f"the file cannot be read: {why}.", remedy="Check the path.", place=Place(str(path))) from None
