"""Which requests an adapter does not send: those that could leave its base URL, or be two requests in one."""

from __future__ import annotations

import re
from urllib.parse import unquote

from rolloutctl.model.exchange import Request

_METHOD = re.compile(r"[A-Z]{1,20}", re.ASCII)
_PATH = re.compile(r"/(?!/)[!-~]*", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
"""Headers that say where a request goes and where it ends."""


def fault(request: Request) -> str | None:
    """What is wrong with it, as a clause without a full stop; None: it may be sent."""
    if not _METHOD.fullmatch(request.method):
        return "the method of the request is not a word in capitals"
    path = request.path
    if not _PATH.fullmatch(path) or any(character in path for character in "?#\\"):
        return f"{request.method}: the path must begin with one / and be percent-encoded, without a query"
    if any(unquote(part) in {".", ".."} for part in path.split("/")):
        return f"{request}: the path must not lead out of the adapter's base URL"
    for name, value in request.headers.items():
        if not _HEADER.fullmatch(name) or not all(character == "\t" or " " <= character <= "~" for character in value):
            return f"{request}: a header's name or value cannot be sent"
        if name.lower() in _OURS:
            return f"{request}: the header {name} is not a request's to set"
    if not all(character.isascii() and character.isprintable() for character in request.key):
        return f"{request}: the idempotency key cannot be sent"
    return None
