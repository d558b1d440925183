"""What policy can decide: a closed list. The engine carries out one at a time, journals it, and asks again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rolloutctl.model.events import Event
from rolloutctl.model.kinds import Action, HoldKind, Purpose


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now; look again at `until`, at the next poll, or when a request comes."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decide:
    """Journal a decision: the answer to the request `request` (0: policy's own)."""

    action: Action
    accepted: bool
    reasons: tuple[str, ...]
    request: int = 0
    phase: str = ""
    codes: tuple[str, ...] = ()
    """Stable words of the reasons against, where conditions gave them."""


@dataclass(frozen=True, slots=True)
class ShowWaiting:
    """The next phase cannot be entered yet; say what is missing."""

    phase: str
    index: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeFlag:
    """Journal an intent and bring the flag to phase `index`."""

    purpose: Purpose
    phase: str
    index: int
    why: str


@dataclass(frozen=True, slots=True)
class TurnOff:
    """Journal an intent and bring the flag to the rollback's target, by the shortest path."""

    purpose: Purpose
    why: str


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Read the real state and journal what became of the open intent."""


@dataclass(frozen=True, slots=True)
class SendAgain:
    """The open intent has not happened: send it under its own key."""


@dataclass(frozen=True, slots=True)
class GiveUpIntent:
    """The open intent has not happened after several tries: journal it as failed."""

    why: str


@dataclass(frozen=True, slots=True)
class Verify:
    """Look at what clients are served."""


@dataclass(frozen=True, slots=True)
class StartBaking:
    phase: str
    how_verified: str
    stabilise: bool


@dataclass(frozen=True, slots=True)
class MarkReady:
    phase: str


@dataclass(frozen=True, slots=True)
class SetHold:
    by: HoldKind
    code: str
    """A `HoldCode`."""
    reason: str
    since: datetime | None = None
    """When the reason began; None: now. Bake time is not counted from then on."""


@dataclass(frozen=True, slots=True)
class ClearHold:
    by: HoldKind
    reason: str


@dataclass(frozen=True, slots=True)
class StartCountdown:
    criterion: str
    segment: str
    reason: str
    fires_at: datetime


@dataclass(frozen=True, slots=True)
class NoteDrift:
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Amend:
    """Put the plan of an accepted request in force."""

    request: Event


@dataclass(frozen=True, slots=True)
class End:
    status: Literal["DONE", "ROLLED_BACK", "ROLLBACK_UNKNOWN", "ABORTED"]
    reason: str


Decision = (
    Wait
    | Decide
    | ShowWaiting
    | ChangeFlag
    | TurnOff
    | Reconcile
    | SendAgain
    | GiveUpIntent
    | Verify
    | StartBaking
    | MarkReady
    | SetHold
    | ClearHold
    | StartCountdown
    | NoteDrift
    | Amend
    | End
)
