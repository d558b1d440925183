"""URLs that are secrets themselves: read, checked, and taken apart into what must not be said."""

from __future__ import annotations

from urllib.parse import unquote, unquote_plus, urlsplit

from rolloutctl.config import FromCommand, FromEnv, FromFile
from rolloutctl.errors import InvalidInput
from rolloutctl.wire.credentials import Secrets, read_in_time

_SHORTEST = 6
"""Characters of a part that is hidden: shorter ones are words such as `in` and `v1`."""


async def secret_url(place: FromEnv | FromFile | FromCommand, secrets: Secrets) -> tuple[str, tuple[str, ...]]:
    """The URL, and the parts of it that are secret. Raises InvalidInput, or Unreachable where it cannot be read in time."""
    url = await read_in_time(place, secrets)
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None or any(c in " \\#" for c in url):
        raise InvalidInput(
            "What is read for its URL is no URL with http:// or https://.", remedy="Look where the config reads it from."
        )
    # A server may repeat any part alone, and as it was before it was percent-encoded.
    path = parts.path.strip("/")
    values = (value for pair in parts.query.split("&") for value in pair.partition("=")[::2])
    found = (url, path, parts.query, *path.split("/"), *values)
    told = (each for part in found if len(part) >= _SHORTEST for each in (part, unquote(part), unquote_plus(part)))
    return url, tuple(dict.fromkeys(told))
