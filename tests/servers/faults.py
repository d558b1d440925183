"""What a fault proxy may do with one request. Seconds and bytes as named; statuses as in HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pass:
    """Forward, and hand the answer back."""


@dataclass(frozen=True, slots=True)
class LoseRequest:
    """Read the request, forward nothing, close the connection."""


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """Forward, wait for the answer, close the connection without handing it back."""


@dataclass(frozen=True, slots=True)
class ResetBefore:
    """Forward nothing, reset the connection (TCP RST)."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait, then forward and hand the answer back. The request lands even when the caller has given up by then."""

    seconds: float


@dataclass(frozen=True, slots=True)
class DelayAnswer:
    """Forward at once, and hold the answer back."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """Forward nothing, answer with this status."""

    code: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Html:
    """Forward nothing, answer 200 with a web page, as a login portal in between does."""


@dataclass(frozen=True, slots=True)
class TruncatedJson:
    """Forward, answer with the first half of the body: complete HTTP, broken JSON."""


@dataclass(frozen=True, slots=True)
class SlowDrip:
    """Forward, hand the answer's body back byte by byte."""

    seconds_per_byte: float


@dataclass(frozen=True, slots=True)
class HugeBody:
    """Forward nothing, answer 200 with one JSON string of this size."""

    size_bytes: int = 100_000_000


@dataclass(frozen=True, slots=True)
class WrongState:
    """Forward nothing, answer 200 with this JSON: a server that says what is not so."""

    body: bytes


Fault = (
    Pass
    | LoseRequest
    | LoseAnswer
    | ResetBefore
    | Delay
    | DelayAnswer
    | Status
    | Html
    | TruncatedJson
    | SlowDrip
    | HugeBody
    | WrongState
)
