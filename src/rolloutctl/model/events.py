"""The journal's events: the closed list of kinds, one frozen body model per kind, and the canonical form they hash by.

Four classes (`class_of`): requests and facts may be appended by any process whose role allows it; effects only with the
epoch of the current lease. A body holds no floats (decimals are strings) and no secrets.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, ValidationError

from rolloutctl.errors import JournalCorrupt
from rolloutctl.model.body import Body
from rolloutctl.model.cohort import Cohort, CohortState, Target
from rolloutctl.model.fields import Duration, Instant
from rolloutctl.model.kinds import (
    HASH_DOMAIN,
    Action,
    HoldKind,
    Kind,
    Purpose,
    Reality,
    Role,
)
from rolloutctl.model.run_events import (
    Notified,
    RunCreated,
    RunEnded,
    StepFailed,
    StepIntent,
    StepOk,
    StepReconciled,
    StepUnknown,
)
from rolloutctl.model.signed import Signed
from rolloutctl.model.verdict import shown_as
from rolloutctl.units import show_time

__all__ = [
    "Body",
    "Notified",
    "RunCreated",
    "RunEnded",
    "StepFailed",
    "StepIntent",
    "StepOk",
    "StepReconciled",
    "StepUnknown",
]


class Asked(Body):
    """A request by a person; `why` is required by the command where the design asks for a reason."""

    why: str = ""


class AdvanceRequested(Asked):
    to: str
    """Name of the phase to enter; `done` ends the last phase."""
    break_glass: str = ""
    """Why it is entered although the way back is not proved; empty: it is not."""


class BackRequested(Asked):
    to: str


class HoldRequested(Asked):
    pass


class ResumeRequested(Asked):
    pass


class RollbackRequested(Asked):
    pass


class AbortRequested(Asked):
    pass


class ApprovalGiven(Asked):
    phase: str
    """The phase that may be entered with it; empty: it approves an amendment."""
    amendment: str = ""
    """Digest of the plan that may take the sealed one's place."""
    signed: Signed | None = None
    """By whom it was given, for certain; absent: as the operating system says, unauthenticated."""


class GateSigned(Asked):
    gate: str
    go: bool
    checks: tuple[str, ...] = ()
    """The checks that were confirmed, word for word."""
    signed: Signed | None = None
    """By whom it was signed, for certain; absent: as the operating system says, unauthenticated."""


class AmendRequested(Asked):
    was_digest: str
    """Of the plan in force, as whoever asks has seen it."""
    plan_digest: str
    """Of the plan to come, by its canonical form."""
    plan_blob: str
    """Digest of the blob that holds its text."""
    changes: tuple[str, ...] = ()
    """What differs, key by key, in words."""
    signed: Signed | None = None
    """By whom it was asked for, for certain; absent: as the operating system says, unauthenticated."""


class CountdownPostponed(Asked):
    """Moves `fires_at` by one countdown; the third one is not heard."""


class RollbackChecked(Asked):
    """A person has looked at the flag server and says it is off."""


class NoteAdded(Body):
    text: str


class RolloutSealed(Body):
    plan: str
    attempt: int
    title: str
    owner: str
    target: Target
    plan_digest: str
    """SHA-256 of the plan's canonical form."""
    plan_blob: str
    """Digest of the blob that holds the plan's text as it was read."""
    snapshot: CohortState
    """What the flag served before the start."""
    source: str
    runbook: str = ""
    """Id of the runbook that is the way back; empty: turning the flag off is all."""
    runbook_digest: str = ""
    """What it does, as rehearsals are bound to it: its `exec_digest`."""
    runbook_blob: str = ""
    """Digest of the blob that holds its text as it was read."""


class PlanAmended(Body):
    request: int
    """The request that it carries out."""
    by: str
    """Who asked for it."""
    why: str
    title: str
    owner: str
    was_digest: str
    plan_digest: str
    plan_blob: str
    changes: tuple[str, ...] = ()
    at: Instant


class PhaseWaiting(Body):
    phase: str
    index: int
    missing: tuple[str, ...] = ()


class PhaseBaking(Body):
    phase: str
    attempt: int
    """Counts over the rollout: retrying a phase is visible."""
    stabilise: bool = False
    started_at: Instant
    """The phase's clock, by the source's time."""
    how_verified: str = ""


class PhaseReady(Body):
    phase: str
    at: Instant
    blob: str = ""
    """Digest of the blob with the evidence of the look that found it READY."""


class VerdictChanged(Body):
    phase: str
    attempt: int = 0
    """Phase attempt it was judged in."""
    criterion: str
    segment: str = ""
    state: str
    was: str = ""
    why: str
    at: Instant
    evidence: dict[str, str] = Field(default_factory=dict)
    blob: str = ""
    """Digest of the blob with the evidence of the look: enough to judge it again; empty: more than the journal takes."""


class BreachLatched(Body):
    phase: str
    attempt: int = 0
    """Phase attempt it was judged in."""
    criterion: str
    segment: str = ""
    role: str
    at: Instant
    """End of the first grid cell at which the criterion was in breach."""
    why: str
    evidence: dict[str, str] = Field(default_factory=dict)
    blob: str = ""

    @property
    def shown(self) -> str:
        return shown_as(self.criterion, self.segment)

    @property
    def of_guardrail(self) -> bool:
        """It demands a rollback."""
        return self.role == Role.GUARDRAIL

    @property
    def counts(self) -> bool:
        """It decides something; that of a criterion which only informs is shown, no more."""
        return self.role != Role.INFO


class SampleRecorded(Body):
    """What an adapter answered for an `http` criterion; verdicts rest on it, and nobody else keeps it."""

    phase: str
    attempt: int
    criterion: str
    at: Instant
    """From when the number is, by the source's clock."""
    canary: str
    """A decimal; `nan` where the answer holds no number."""
    baseline: str = ""
    """Empty: none was asked for."""


class JudgeCheckpoint(Body):
    """Samples of a phase attempt up to a time, because the metrics source may forget them before the phase is over."""

    phase: str
    attempt: int
    until: Instant
    """The newest sample in it is not later; the checkpoint before ends where this one begins."""
    samples: int
    blob: str
    """Digest of the blob that holds them."""


class DecisionMade(Body):
    """What policy decided: the answer to a request (`request` is its seq), or its own decision (`request` is 0)."""

    action: Action
    accepted: bool
    request: int = 0
    phase: str = ""
    """Phase that is entered, where one is."""
    reasons: tuple[str, ...] = ()
    """Why, or why not."""
    codes: tuple[str, ...] = ()
    """Stable words of the reasons against: verdict, bake, busy, hold, held, gate, approval, freeze, drift, flag, role, status."""
    at: Instant
    blob: str = ""
    """Digest of the blob with the evidence that going on rests on; empty for whatever rests on no verdict of that moment."""


class HoldSet(Body):
    by: HoldKind
    code: str
    """Stable word for the reason: person, evidence, breach, deadline, drift, flag, unseen, exposure, recovered."""
    reason: str
    at: Instant


class HoldCleared(Body):
    by: HoldKind
    reason: str
    at: Instant


class CountdownStarted(Body):
    criterion: str
    segment: str = ""
    reason: str
    fires_at: Instant
    length: Duration
    """How much one postponement adds."""


class RolloutEnded(Body):
    status: Literal["DONE", "ROLLED_BACK", "ROLLBACK_UNKNOWN", "ABORTED"]
    reason: str
    at: Instant


class FlagIntent(Body):
    purpose: Purpose
    phase: str = ""
    """Phase that is entered; empty for a rollback."""
    index: int = -1
    """Its index; -1 for a rollback."""
    want: Cohort
    to_snapshot: bool = False
    before: str
    """What the flag server said before, in words."""
    before_token: str = ""
    requests: tuple[str, ...] = ()
    """What will be sent, without credentials."""
    why: str = ""


class FlagOutcome(Body):
    """Body of the outcome of an intent."""

    intent: int
    """Sequence number of the intent: its idempotency key."""
    why: str = ""
    state: CohortState | None = None
    at: Instant


class FlagSettled(FlagOutcome):
    """The flag server says what we want: it was changed, or it was so already."""

    settle_until: Instant
    """Before this the phase's clock does not start."""


class FlagApplied(FlagSettled):
    pass


class FlagUnchanged(FlagSettled):
    pass


class FlagConflict(FlagOutcome):
    pass


class FlagNeedsApproval(FlagOutcome):
    url: str


class FlagRejected(FlagOutcome):
    pass


class FlagFailed(FlagOutcome):
    pass


class FlagUnknown(FlagOutcome):
    look_at: Instant
    """When to read: a write that timed out may land until then."""


class FlagReconciled(FlagSettled):
    found: Reality


class FlagDrifted(Body):
    expected: str
    actual: str
    who: tuple[str, ...] = ()
    at: Instant


class LeaseTaken(Body):
    holder: str
    pid: int
    takeover_of: str = ""
    """Holder whose lease had not expired, when a rollback took it over."""


class LeaseReleased(Body):
    holder: str
    why: str = ""


class HeadWitnessed(Body):
    """The newest event at that time, as it was put somewhere else."""

    seq: int
    hash: str
    where: str
    """`receipt`, which somebody was shown, or `file PATH`."""


class JournalRecovered(Body):
    """Events that a fallback or emergency file held while the journal could not be written."""

    file_digest: str
    blob: str
    lines: int


BODIES: Mapping[Kind, type[Body]] = {
    Kind.ADVANCE_REQUESTED: AdvanceRequested,
    Kind.BACK_REQUESTED: BackRequested,
    Kind.HOLD_REQUESTED: HoldRequested,
    Kind.RESUME_REQUESTED: ResumeRequested,
    Kind.ROLLBACK_REQUESTED: RollbackRequested,
    Kind.ABORT_REQUESTED: AbortRequested,
    Kind.APPROVAL_GIVEN: ApprovalGiven,
    Kind.GATE_SIGNED: GateSigned,
    Kind.AMEND_REQUESTED: AmendRequested,
    Kind.COUNTDOWN_POSTPONED: CountdownPostponed,
    Kind.ROLLBACK_CHECKED: RollbackChecked,
    Kind.NOTE_ADDED: NoteAdded,
    Kind.ROLLOUT_SEALED: RolloutSealed,
    Kind.PLAN_AMENDED: PlanAmended,
    Kind.PHASE_WAITING: PhaseWaiting,
    Kind.PHASE_BAKING: PhaseBaking,
    Kind.PHASE_READY: PhaseReady,
    Kind.VERDICT_CHANGED: VerdictChanged,
    Kind.BREACH_LATCHED: BreachLatched,
    Kind.SAMPLE_RECORDED: SampleRecorded,
    Kind.JUDGE_CHECKPOINT: JudgeCheckpoint,
    Kind.DECISION_MADE: DecisionMade,
    Kind.HOLD_SET: HoldSet,
    Kind.HOLD_CLEARED: HoldCleared,
    Kind.COUNTDOWN_STARTED: CountdownStarted,
    Kind.ROLLOUT_ENDED: RolloutEnded,
    Kind.FLAG_INTENT: FlagIntent,
    Kind.FLAG_APPLIED: FlagApplied,
    Kind.FLAG_UNCHANGED: FlagUnchanged,
    Kind.FLAG_CONFLICT: FlagConflict,
    Kind.FLAG_NEEDS_APPROVAL: FlagNeedsApproval,
    Kind.FLAG_REJECTED: FlagRejected,
    Kind.FLAG_FAILED: FlagFailed,
    Kind.FLAG_UNKNOWN: FlagUnknown,
    Kind.FLAG_RECONCILED: FlagReconciled,
    Kind.FLAG_DRIFTED: FlagDrifted,
    Kind.RUN_CREATED: RunCreated,
    Kind.RUN_ENDED: RunEnded,
    Kind.STEP_INTENT: StepIntent,
    Kind.STEP_OK: StepOk,
    Kind.STEP_FAILED: StepFailed,
    Kind.STEP_UNKNOWN: StepUnknown,
    Kind.STEP_RECONCILED: StepReconciled,
    Kind.NOTIFIED: Notified,
    Kind.LEASE_TAKEN: LeaseTaken,
    Kind.LEASE_RELEASED: LeaseReleased,
    Kind.HEAD_WITNESSED: HeadWitnessed,
    Kind.JOURNAL_RECOVERED: JournalRecovered,
}
KIND_OF: Mapping[type[Body], Kind] = {body: kind for kind, body in BODIES.items()}


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the journal; `body` is parsed, `body_json` are the bytes that were hashed."""

    seq: int
    at: datetime
    """UTC; for people, never for order."""
    actor: str
    host: str
    stream: str
    kind: Kind
    epoch: int
    body: Body
    body_json: str
    prev: str
    hash: str


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, NFC; raises TypeError on a float (decimals travel as strings)."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        msg = "a float has no canonical form; write it as a string"
        raise TypeError(msg)
    if isinstance(value, Mapping):
        return {unicodedata.normalize("NFC", str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    return value


def body_json(body: Body) -> str:
    return canonical(body.model_dump(mode="json"))


def event_hash(seq: int, at: datetime, actor: str, host: str, stream: str, kind: str, epoch: int, body: str, prev: str) -> str:
    """`sha256(domain + canonical JSON array of every column and prev)`, hex (`journal.md`)."""
    row = canonical([seq, show_time(at), actor, host, stream, kind, epoch, body, prev])
    return hashlib.sha256(HASH_DOMAIN + row.encode()).hexdigest()


def parse_body(kind: str, text: str, seq: int) -> tuple[Kind, Body]:
    """Raises JournalCorrupt naming the event when kind or body are not what this version knows."""
    try:
        known = Kind(kind)
    except ValueError:
        raise JournalCorrupt(
            f'event {seq} has the kind "{kind}", which this version does not know.',
            remedy="It was written by a newer rolloutctl, or the journal was edited; run `rolloutctl journal verify`.",
        ) from None
    try:
        return known, BODIES[known].model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise JournalCorrupt(
            f"event {seq} ({kind}) has a body this version cannot read: {key}: {first['msg']}.",
            remedy="Run `rolloutctl journal verify`.",
        ) from None
