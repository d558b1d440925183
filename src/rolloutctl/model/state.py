"""Where a rollout is: the immutable result of folding its events (`fold.py`).

Nothing here is computed from a clock; times are those the events carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from rolloutctl.model.recorded import Recorded

if TYPE_CHECKING:  # a state is named in places that must not load pydantic
    from rolloutctl.model.cohort import CohortState, Target
    from rolloutctl.model.events import BreachLatched, Event, FlagIntent
    from rolloutctl.model.kinds import Action, HoldKind


class Status(StrEnum):
    SEALED = "SEALED"
    """The plan is sealed; nobody has the canary yet."""
    ACTIVE = "ACTIVE"
    """A phase is being entered or bakes."""
    STABILISING = "STABILISING"
    """The last phase, with `stabilise = true`, bakes."""
    DONE = "DONE"
    """Every phase is done; the flag stays as it is."""
    ROLLING_BACK = "ROLLING_BACK"
    """The flag is being turned off, or set to the snapshot."""
    ROLLED_BACK = "ROLLED_BACK"
    """The flag was read back at the rollback's target."""
    ROLLBACK_UNKNOWN = "ROLLBACK_UNKNOWN"
    """Nobody knows whether the rollback happened: a person must look."""
    ABORTED = "ABORTED"
    """A person ended it at its present exposure."""

    @property
    def final(self) -> bool:
        return self in {Status.DONE, Status.ROLLED_BACK, Status.ABORTED}

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


WORST_FIRST = (
    Status.ROLLBACK_UNKNOWN,
    Status.ROLLING_BACK,
    Status.ACTIVE,
    Status.STABILISING,
    Status.SEALED,
    Status.ROLLED_BACK,
    Status.ABORTED,
    Status.DONE,
)
"""In which order rollouts are listed: what wants somebody's eyes first."""


class Step(StrEnum):
    """Where the phase `target` is."""

    WAITING = "WAITING"
    """Something is missing before it may be entered: an approval, a gate, the end of a freeze, a person."""
    APPLYING = "APPLYING"
    """The change of the flag is being sent and read back."""
    SETTLING = "SETTLING"
    """Clients are given time to follow the flag."""
    BAKING = "BAKING"
    """Its cohort is served, its clock runs, evidence is judged."""
    READY = "READY"
    """The bake time is over and the verdict of the phase is READY."""


@dataclass(frozen=True, slots=True)
class Hold:
    by: HoldKind
    code: str
    reason: str
    since: datetime
    actor: str
    seq: int


@dataclass(frozen=True, slots=True)
class Countdown:
    criterion: str
    segment: str
    reason: str
    fires_at: datetime
    length: timedelta
    """How much one postponement adds."""
    postponed: int
    """How often; two is the most."""


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """An intent without a settled outcome."""

    seq: int
    intent: FlagIntent
    unknown: str = ""
    """Why the outcome is unknown; empty: no outcome was written."""
    look_at: datetime | None = None
    """Not before this is a look worth anything: a write that timed out may still land."""
    not_applied: bool = False
    """The newest read found that it has not happened: it may be sent again under the same key."""
    tries: int = 0
    """How often a read found it not applied."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A decision to act that has been journalled and not been carried out yet."""

    action: Action
    phase: str
    """Phase that is entered, where one is."""
    actor: str
    """Who asked; `policy` for its own."""
    why: str
    at: datetime
    """When it was decided: a driver that took over later looks again before it raises exposure."""
    request: Event | None = None
    """What asked for it; None: nobody did."""
    break_glass: str = ""
    """Why the missing rehearsal does not stop it; empty: it would."""


@dataclass(frozen=True, slots=True)
class BrokenGlass:
    """A phase was entered although the way back was not proved: shown for ever after."""

    phase: str
    actor: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PhaseRun:
    """The present attempt of the phase that is served."""

    index: int
    attempt: int
    """Counts over the rollout: names this attempt."""
    started_at: datetime
    of_phase: int = 1
    """Which attempt of this phase it is: retrying a phase is visible."""
    held: timedelta = timedelta()
    """Closed holds since the start; an open one is not in it."""
    held_until: datetime | None = None
    """When the last of them closed."""
    breaches: tuple[BreachLatched, ...] = ()
    breach_seq: int = 0
    """Newest latched guardrail breach."""
    deadline_waived: bool = False
    """A person resumed after the deadline."""
    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    """What adapters answered in this attempt, by criterion."""
    checkpoints: tuple[str, ...] = ()
    """Digests of the blobs that hold its samples so far, oldest first."""

    @property
    def guardrail_breaches(self) -> tuple[BreachLatched, ...]:
        """Those that demand a rollback, oldest first."""
        return tuple(breach for breach in self.breaches if breach.of_guardrail)

    @property
    def counted_breaches(self) -> tuple[BreachLatched, ...]:
        """Those that keep the phase from ever being READY, oldest first."""
        return tuple(breach for breach in self.breaches if breach.counts)


@dataclass(frozen=True, slots=True)
class BakeClock:
    """How long a phase has baked: the clock stands still in holds, and for good at a breach."""

    started_at: datetime
    held: timedelta
    """Closed holds."""
    held_since: datetime | None
    """Begin of the open one."""
    stopped_at: datetime | None
    """The first breach that counts."""

    def baked(self, now: datetime) -> timedelta:
        until = min(now, self.stopped_at) if self.stopped_at is not None else now
        open_hold = max(timedelta(), until - max(self.held_since, self.started_at)) if self.held_since else timedelta()
        return max(timedelta(), until - self.started_at - self.held - open_hold)


@dataclass(frozen=True, slots=True)
class RolloutState:
    """The fold of a rollout's stream."""

    plan: str
    attempt: int
    title: str
    owner: str
    target: Target
    plan_digest: str
    plan_blob: str
    snapshot: CohortState
    source: str
    sealed_at: datetime
    sealed_by: str
    status: Status = Status.SEALED
    phase: int = -1
    """Index of the phase whose cohort is served; -1 before the first."""
    entering: int = 0
    """Index of the phase that is being entered; equals `phase` while BAKING or READY."""
    step: Step = Step.WAITING
    came_from: Step = Step.WAITING
    """Where the change that is being applied began; it goes back there when it does not happen."""
    run: PhaseRun | None = None
    attempts: int = 0
    """Phase attempts so far."""
    attempts_of: tuple[int, ...] = ()
    """Index of the phase of every attempt so far."""
    settle_until: datetime | None = None
    holds: tuple[Hold, ...] = ()
    held_since: datetime | None = None
    """When the present union of holds began."""
    countdown: Countdown | None = None
    open_intent: OpenIntent | None = None
    expected: CohortState | None = None
    """What the flag server must say, after our last settled change; None before the first and after an unknown."""
    verdicts: dict[str, str] = field(default_factory=dict)
    """Last journalled state by `criterion/segment` of the present phase attempt."""
    approvals: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Approvers by phase name, since the phase before was entered."""
    gates: dict[str, bool] = field(default_factory=dict)
    """Signed gates: go or no-go."""
    gate_signers: dict[str, str] = field(default_factory=dict)
    signed_approvals: frozenset[tuple[str, str]] = frozenset()
    """(phase, approver) of the approvals that carry a signature; the others are unauthenticated."""
    signed_gates: frozenset[str] = frozenset()
    """Gates whose sign-off carries a signature."""
    amendments: tuple[Event, ...] = ()
    """`plan.amended`, oldest first."""
    amendment_approvals: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Approvers by the digest of the plan that they approve as the next amendment."""
    statements: frozenset[str] = frozenset()
    """Signed statements that were answered: none counts twice."""
    runbook: str = ""
    """Id of the sealed runbook; empty: turning the flag off is all."""
    runbook_digest: str = ""
    """Its `exec_digest`."""
    runbook_blob: str = ""
    """Digest of the blob that holds its text."""
    broken_glass: tuple[BrokenGlass, ...] = ()
    """Steps forward that were accepted with `--break-glass`, oldest first."""
    seal: str = ""
    """Hash of the event that began it: names the rollout beyond this journal."""
    requests: tuple[Event, ...] = ()
    """Requests that no decision has answered yet, oldest first."""
    accepted: Accepted | None = None
    """What was decided and is still to be done."""
    waiting_for: tuple[str, ...] = ()
    flag_failure: str = ""
    """Why the last change did not happen; empty after one that did."""
    last_change: datetime | None = None
    """When the last change was read back."""
    settled_seq: int = 0
    """The event that settled it; names the change, where two may share an instant."""
    drifted: str = ""
    """What the flag server said when it was last found changed by somebody else; empty: it is as we set it."""
    drifted_by: tuple[str, ...] = ()
    """Who changed it and how, by the flag server's own log."""
    rollback_why: str = ""
    rollback_by: str = ""
    rollback_at: datetime | None = None
    rollback_tries: int = 0
    """Tries at turning it off that did not settle."""
    rollback_tried_at: datetime | None = None
    rollback_settled: bool = False
    """The flag server says it is at the rollback's target; clients may still have to follow."""
    ended_at: datetime | None = None
    ended_why: str = ""
    seq: int = 0
    """Newest event in it."""

    @property
    def id(self) -> str:
        return f"{self.plan}#{self.attempt}"

    @property
    def held(self) -> bool:
        return bool(self.holds)

    @property
    def judged(self) -> bool:
        """Whether a phase attempt runs whose criteria are judged now."""
        return self.run is not None and self.status in {Status.ACTIVE, Status.STABILISING}

    @property
    def guardrail_breach(self) -> BreachLatched | None:
        """The first of the present phase attempt; it stays for the whole attempt."""
        return next(iter(self.run.guardrail_breaches), None) if self.run is not None else None

    @property
    def counted_breach(self) -> BreachLatched | None:
        """What keeps the present phase attempt from ever being READY: its guardrail breach, else that of a signal."""
        return self.guardrail_breach or (next(iter(self.run.counted_breaches), None) if self.run is not None else None)

    def hold_by(self, by: HoldKind) -> Hold | None:
        return next((hold for hold in self.holds if hold.by is by), None)

    @property
    def bake_clock(self) -> BakeClock | None:
        """Of the present attempt; None before the first."""
        if self.run is None:
            return None
        stopped_at = min((breach.at for breach in self.run.counted_breaches), default=None)
        return BakeClock(self.run.started_at, self.run.held, self.held_since, stopped_at)

    def baked(self, now: datetime) -> timedelta:
        """Bake time of the present attempt that counts."""
        clock = self.bake_clock
        return clock.baked(now) if clock is not None else timedelta()
