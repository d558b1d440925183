"""What a flag provider can do, and what came of a change: closed lists (the protocol itself is in `ports`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from rolloutctl.model.cohort import Cohort, CohortState


class Concurrency(StrEnum):
    ATOMIC = "atomic"
    DETECT = "detect"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the linter, the engine and the screens may rely on."""

    percent_step: Fraction
    """Resolution of a percentage, in percent of users; 1 means whole percents only."""
    audiences: bool
    monotone: bool
    """Raising the percentage keeps everyone who was in."""
    concurrency: Concurrency
    reason: bool
    """The provider keeps a reason with a change."""
    event_log: bool
    """The provider tells who changed what."""
    verify: str
    """How a change is seen other than through the admin path; empty: it cannot be."""
    settle_time_s: float


@dataclass(frozen=True, slots=True)
class NativeRequest:
    """One request as it will be sent, without credentials: for intents, dialogs and the command log."""

    method: str
    path: str
    body: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}" + (f" {self.body}" if self.body else "")


@dataclass(frozen=True, slots=True)
class Change:
    """A planned step from `state` to `want`: pure, nothing was sent. No requests: it is already there."""

    state: CohortState
    want: Cohort
    requests: tuple[NativeRequest, ...]
    expected: str
    """The whole native document afterwards, canonical JSON; read-back compares with it."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    state: CohortState


@dataclass(frozen=True, slots=True)
class Unchanged:
    state: CohortState


@dataclass(frozen=True, slots=True)
class Conflict:
    """Read-back shows something else than what was written, or somebody wrote in between."""

    actual: CohortState
    why: str


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    url: str
    why: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider refused; nothing was changed."""

    why: str


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Refused for now; nothing was changed."""

    retry_after_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nothing was sent."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Sent, no usable answer; only a fresh read may turn it into something else."""

    why: str


Outcome = Applied | Unchanged | Conflict | NeedsApproval | Rejected | RateLimited | Unavailable | Unknown


@dataclass(frozen=True, slots=True)
class Verification:
    """What was seen other than through the admin path."""

    seen: bool
    """The wanted cohort is what clients are served."""
    how: str
    """For people: which path was looked at, and what it showed."""


@dataclass(frozen=True, slots=True)
class ForeignEdit:
    """An entry of the flag's event log."""

    token: str
    at: datetime
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Health:
    """An authenticated look at a source or provider."""

    ok: bool
    latency_s: float
    text: str
    """One sentence: version and what was asked, or what is wrong."""
    facts: dict[str, str] = field(default_factory=dict)
