"""What views see: immutable snapshots of everything a screen or a command shows, and nothing they could change.

The engine publishes a new `FleetSnapshot` whenever something changed; views keep the newest and draw from it. Ages are
computed by views from the times in here and their own clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a view names a snapshot before there is any, and must not load pydantic for that
    from rolloutctl.config import OperatorRole
    from rolloutctl.model.cohort import Cohort, CohortState
    from rolloutctl.model.events import Event
    from rolloutctl.model.kinds import Action
    from rolloutctl.model.outcome import Health
    from rolloutctl.model.state import RolloutState
    from rolloutctl.model.verdict import PhaseVerdict, Verdict
    from rolloutctl.plan.model import Plan
    from rolloutctl.policy.conditions import Reason
    from rolloutctl.policy.facts import Proof


@dataclass(frozen=True, slots=True)
class FlagReading:
    """The newest look at the flag server for a rollout."""

    state: CohortState | None
    """None: never read, or the newest try failed before any worked."""
    read_at: datetime | None
    """When `state` was read."""
    error: str = ""
    """Why the newest try failed; empty when it worked."""
    drift: str = ""
    """What differs from what we set; empty when nothing does."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """The canary's share of requests against the cohort."""

    share: float | None
    """0 to 1; None: cannot be told."""
    requests_per_s: float | None
    """Of both arms."""
    expected: float | None
    """Share the cohort declares; None for shadow and audiences."""
    off_by_more: bool
    """Further off than the plan allows."""
    why: str
    """One sentence, with numbers."""
    at: datetime | None


class Driving(StrEnum):
    HERE = "here"
    """This process holds the lease."""
    ELSEWHERE = "elsewhere"
    UNATTENDED = "unattended"
    NOT_NEEDED = "not needed"
    """The rollout has ended."""


@dataclass(frozen=True, slots=True)
class Driver:
    driving: Driving
    holder: str
    since: datetime | None
    """UNATTENDED: since when; otherwise when the lease was last seen renewed."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What pressing a key would do, exactly: for the go/no-go and rollback dialogs and `--json`."""

    allowed: bool
    effect: str
    """`unleash: checkout-ranker-v7 in production 5 % → 30 %`."""
    requests: tuple[str, ...]
    """What would be sent, without credentials; empty where nothing is or it cannot be told now."""
    reasons: tuple[Reason, ...]
    to: str = ""
    """Phase that would be entered; `done` for finishing."""
    checks: tuple[str, ...] = ()
    comms: str = ""


@dataclass(frozen=True, slots=True)
class CommandLogLine:
    """What was sent where (like a shell history of the tool)."""

    at: datetime
    where: str
    what: str
    result: str
    took_s: float


@dataclass(frozen=True, slots=True)
class RolloutSnapshot:
    plan: Plan
    state: RolloutState
    at: datetime
    """When this was computed, by this machine's clock."""
    source_now: datetime | None
    """The source's time then; None: the source does not answer."""
    verdicts: tuple[Verdict, ...]
    """Newest, worst first."""
    phase_verdict: PhaseVerdict | None
    judged_at: datetime | None
    """When the verdicts were computed."""
    flag: FlagReading
    exposure: Exposure
    driver: Driver
    baked: timedelta
    bake: timedelta
    deadline_at: datetime | None
    next: str
    """What happens next, in words: `17m, then ask`, `A to advance`, `rolls back in 42s`."""
    advance: Proposal | None
    """None: nothing to advance to."""
    back: Proposal | None
    rollback: Proposal | None
    """None: nothing to roll back any more."""
    errors: tuple[str, ...]
    """What is wrong just now, one sentence each; gone when it is over."""
    proof: Proof | None = None
    """How far the way back is proved; None: the plan names no runbook."""
    plan_file_differs: str = ""
    """How the file on disk differs from the sealed plan; empty when it does not."""
    refused: Mapping[Action, str] = field(default_factory=dict)
    """What the config keeps this person from doing here, with the reason: role and the environment's `write`."""

    @property
    def id(self) -> str:
        return self.state.id

    @property
    def cohort(self) -> Cohort | None:
        """The cohort the plan declares for the phase that is served; None before the first."""
        return self.plan.cohort(self.state.phase) if self.state.phase >= 0 else None


@dataclass(frozen=True, slots=True)
class PartHealth:
    """A source, provider or the journal, for the header and the doctor."""

    name: str
    kind: str
    """source | provider | journal"""
    health: Health | None
    """None: not asked yet."""
    at: datetime | None
    told: tuple[tuple[str, str], ...] = ()
    """What the config and the adapter say of it, (label, text): address, kind of auth, limits; no secrets."""
    failure: str = ""
    """The newest failure this process saw, over or not; empty: none."""
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    at: datetime
    operator: str
    role: OperatorRole
    read_only: bool
    """Started with --read-only."""
    rollouts: tuple[RolloutSnapshot, ...]
    """Worst first."""
    parts: tuple[PartHealth, ...]
    skew_s: float
    """This machine's clock minus the source's; shown above 5 s."""
    paused: bool
    interval_s: float
    commands: tuple[CommandLogLine, ...] = ()
    """Newest last, a bounded number."""
    notice: str = ""
    """A lasting message about the whole program, such as which server the demo's metrics come from."""
    signs_with: str = ""
    """Fingerprint of the key that the operator's decisions are signed with; empty: they are unauthenticated."""
    journal_error: str = ""
    journal_seq: int = 0
    """Newest event that the engine has folded."""


@dataclass(frozen=True, slots=True)
class JournalPage:
    """A stretch of the journal for the journal screen and `journal show`."""

    events: tuple[Event, ...]
    head_seq: int
    head_hash: str
