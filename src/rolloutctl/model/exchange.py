"""One HTTP request and what came of it, as plain values: no client, no clock, no exception.

Invariants: whatever a network or a server can do is one of three endings, and "nothing happened" is said only where it is
certain. No secret is in any value, sentence or repr: what a server echoes is scrubbed before it gets here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

IDEMPOTENCY_KEY = "Idempotency-Key"
"""Header that names one effect, the same for every attempt at it (draft-ietf-httpapi-idempotency-key-header)."""


class Ended(StrEnum):
    """How an attempt at a request ended."""

    ANSWERED = "answered"
    """There is a whole answer, whatever it says."""
    NOT_SENT = "not_sent"
    """Certainly nothing happened: the server did not get the request."""
    UNKNOWN = "unknown"
    """The server may have got it; there is no usable answer."""


class Trouble(StrEnum):
    """Why there is no answer."""

    CONNECT = "connect"
    """No connection: refused, no such host, no route, not in time."""
    TLS = "tls"
    """The connection could not be made safe: a certificate that is not trusted, no common protocol."""
    PROXY = "proxy"
    """The proxy between refuses."""
    CREDENTIALS = "credentials"
    """A secret cannot be read, or no header can carry it."""
    REQUEST = "request"
    """The request cannot be put on the wire."""
    TIMEOUT = "timeout"
    """No whole answer in time."""
    RESET = "reset"
    """The connection broke."""
    GARBLED = "garbled"
    """What came back is not HTTP, or is compressed though nobody asked for that."""
    TOO_LARGE = "too_large"
    """The answer is longer than may be read."""
    REDIRECTED = "redirected"
    """It was to be followed and cannot be: to nowhere, or from https to http."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask of an adapter, which adds base URL and credentials."""

    method: str
    """GET, PUT and so on, in capitals."""
    path: str
    """Begins with `/`, percent-encoded; no query, and no `..`."""
    query: tuple[tuple[str, str], ...] = ()
    """Names and values, not encoded yet."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """No credentials: those are the adapter's."""
    body: str = ""
    """JSON text, sent as application/json; empty: no body."""
    timeout_s: float | None = None
    """For the whole answer; None, or more than the adapter's: the adapter's."""
    max_body: int | None = None
    """Bytes; None, or more than the adapter's: the adapter's."""
    key: str = ""
    """Sent as `Idempotency-Key`; empty: not sent."""
    redirects: int = 0
    """So many are followed, of GET and HEAD alone; further ones are answers like any other."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class NotJson:
    """The body of an answer that is not JSON."""

    def __repr__(self) -> str:
        return "NOT_JSON"


NOT_JSON = NotJson()


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer. `headers` in lower case; `document` is NOT_JSON for an empty body and for anything but JSON."""

    ended: ClassVar[Ended] = Ended.ANSWERED
    status: int
    headers: Mapping[str, str]
    document: Any
    text: str
    """What the server says, cleaned, for sentences."""
    body: bytes = field(default=b"", repr=False)
    elapsed_s: float = 0.0
    retry_after_s: float | None = None
    """How long the server asks us to wait; None: it does not say."""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def why(self) -> str:
        return f"HTTP {self.status}" + (f": {self.text}" if self.text else "")


@dataclass(frozen=True, slots=True)
class NotSent:
    """The server did not get the request."""

    ended: ClassVar[Ended] = Ended.NOT_SENT
    why: str
    trouble: Trouble = Trouble.CONNECT
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """It may have got the request; there is no usable answer."""

    ended: ClassVar[Ended] = Ended.UNKNOWN
    why: str
    trouble: Trouble = Trouble.TIMEOUT
    elapsed_s: float = 0.0


Exchange = Answered | NotSent | NoAnswer


def decode(body: str) -> Any:
    """The JSON value of a body, or NOT_JSON: also for NaN and for nesting too deep to read."""
    try:
        return json.loads(body, parse_constant=_refuse) if _is_unicode(body) else NOT_JSON
    except (ValueError, RecursionError):
        return NOT_JSON


def _is_unicode(body: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in body) if not body.isascii() else True


def _refuse(name: str) -> Any:
    msg = f"{name} is not JSON"
    raise ValueError(msg)
